"""Copies the rows of tables from the snapshot of the source, circle by circle of tables."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from ucrepl.link.apply import Applied
from ucrepl.link.seed.lane import Lane
from ucrepl.link.seed.stream import BATCH_ROWS, ReadAhead, Rows, read
from ucrepl.link.seed.turns import AbandonedError, Turns
from ucrepl.plan import circle, rows
from ucrepl.plan.catalog import TableName
from ucrepl.plan.model import TablePlan


@dataclass(frozen=True, slots=True)
class Origin:
    """What of the source is needed to read rows there.

    `hstore`: the schema of the extension; `numbers`: number of a table on the target -> on the source; `sizes`: -> its
    size in bytes; `rows`: -> about how many rows it has; `written`: the numbers on the source of the tables of whose
    rows the journal tells. `subset`: only the rows in `pg_temp.chosen` of the reading session.
    """

    hstore: str
    numbers: Mapping[int, int]
    sizes: Mapping[int, int]
    rows: Mapping[int, int]
    written: frozenset[int]
    subset: bool = False


@dataclass
class Copied:
    """What was copied: rows read, and what became of them."""

    rows: int = 0
    applied: Applied = field(default_factory=Applied)


class Copier:
    """Copies tables. `tell` is told of every batch: the table, and how many rows of it.

    Of several lanes one writes while the others stage the batches that come next.

    `over` are the tables that an interrupted seeding has copied, from an older snapshot: what rows of this one refer to
    there may have come since then.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        origin: Origin,
        tell: Callable[[TablePlan, int], None],
        over: frozenset[TableName] = frozenset(),
    ) -> None:
        self._lanes = lanes
        self._lane = lanes[0]
        self._origin = origin
        self._tell = tell
        self._over = over
        self.copied = Copied()

    def copy(self, group: Sequence[TablePlan]) -> None:
        """Copies the tables of a circle, those with few rows first. What their rows have to leave open waits.

        Tables that are done already are not given. Raises what can't be parked and does not pass by itself.
        """
        left = sorted(group, key=lambda t: self._origin.sizes.get(t.number, 0))
        while left:
            table = left.pop(0)
            self._copy_table(table, frozenset(other.name for other in left))

    def fill_in(self) -> None:
        """Fills in the references that had to wait, also those that an interrupted seeding has left."""
        waiting = self._lane.run(
            "SELECT DISTINCT table_id FROM ucrepl.postponed WHERE link_id = %(link)s", {"link": self._lane.link_id}
        ).fetchall()
        for (number,) in waiting:
            table = self._lane.plan.tables.get(number)
            while table and self._apply(self._lane, partial(self._stage_postponed, table)):
                pass

    def _copy_table(self, table: TablePlan, later: frozenset[TableName]) -> None:
        """Copies a table; `later` are those of its circle that come after it."""
        if not self._origin.subset:
            self._lane.run(self._lane.query("forget_parked_rows"), {"link": self._lane.link_id, "table": table.number})
        with ReadAhead(self._lane.reader, self._select(table)) as batches:
            turns = Turns(batches)
            with ThreadPoolExecutor(len(self._lanes), "seed") as pool:
                workers = [pool.submit(self._copy_in_turn, lane, table, later, turns) for lane in self._lanes]
            errors = [error for worker in workers if (error := worker.exception())]
            if errors:
                raise next((error for error in errors if not isinstance(error, AbandonedError)), errors[0])
        self._lane.run(
            "UPDATE ucrepl.seeded_table SET done = true WHERE link_id = %(link)s AND table_id = %(table)s",
            {"link": self._lane.link_id, "table": table.number},
        )

    def _copy_in_turn(self, lane: Lane, table: TablePlan, later: frozenset[TableName], turns: Turns) -> None:
        try:
            while taken := turns.take():
                number, batch = taken
                self._apply(lane, partial(self._stage_rows, lane, table, batch, later, partial(turns.wait, number)))
                self._tell(table, batch.count)
                turns.done()
        except BaseException:
            turns.fail()
            raise

    def _apply(self, lane: Lane, stage: Callable[[], int]) -> int:
        count, applied = lane.apply(stage)
        self.copied.rows += count
        self.copied.applied.add(applied)
        return count

    def _stage_rows(
        self, lane: Lane, table: TablePlan, batch: Rows, later: frozenset[TableName], wait: Callable[[], None]
    ) -> int:
        batch.copy_into(lane.target, "pg_temp.change", rows.COLUMNS)
        wait()
        if self._origin.subset:
            lane.run(lane.query("forget_parked_staged"), {"link": lane.link_id})
        inner = circle.inner_references(lane.plan, table)
        own = tuple(c for c in inner if c.refers_to == table.name)
        if own and not table.surrogate:
            later |= {table.name}
        elif own:
            self._settle(lane, lane.run(circle.note_later(lane.plan, table, own)).rowcount)
        if ahead := tuple(c for c in table.columns if c.refers_to in later | self._over):
            lane.run("ANALYZE pg_temp.change (table_id, key)")
            self._settle(lane, lane.run(circle.note_forward(lane.plan, table, ahead, self._over)).rowcount)
        lane.run(
            "UPDATE ucrepl.seeded_table SET rows = rows + %(rows)s WHERE link_id = %(link)s AND table_id = %(table)s",
            {"rows": batch.count, "link": lane.link_id, "table": table.number},
        )
        return batch.count

    def _stage_postponed(self, table: TablePlan) -> int:
        values = {"link": self._lane.link_id, "table": table.number, "rows": BATCH_ROWS}
        return self._lane.run(self._lane.query("take_postponed"), values).rowcount

    def _settle(self, lane: Lane, noted: int) -> None:
        """Sees to references to records that are not here yet: they wait, or the record is taken before its turn."""
        while noted:
            lane.run(lane.query("postpone"), {"link": lane.link_id})
            needed = lane.run(
                "SELECT referred, array_agg(DISTINCT value) FROM pg_temp.forward WHERE NOT can_wait GROUP BY referred"
            ).fetchall()
            lane.run("DELETE FROM pg_temp.forward")
            noted = sum(self._take_early(lane, lane.plan.tables[number], keys) for number, keys in needed)

    def _take_early(self, lane: Lane, table: TablePlan, keys: list[str]) -> int:
        """Stages these rows before their turn. Returns how many of their references are to be settled in turn."""
        taken = read(lane.puller, self._select(table, chosen=True), {"keys": keys})
        if not taken.count:
            return 0
        taken.copy_into(lane.target, "pg_temp.change", rows.COLUMNS)
        inner = circle.inner_references(lane.plan, table)
        ahead = tuple(c for c in table.columns if c in inner or c.refers_to in self._over)
        if not ahead:
            return 0
        return lane.run(circle.note_forward(lane.plan, table, ahead, self._over)).rowcount

    def _select(self, table: TablePlan, *, chosen: bool = False) -> str:
        number = self._origin.numbers.get(table.number)
        return rows.as_changes(
            table,
            self._origin.hstore,
            written=number if number in self._origin.written else None,
            chosen=chosen,
            subset=self._origin.subset and not chosen,
        )
