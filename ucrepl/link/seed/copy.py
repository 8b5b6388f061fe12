"""Copies the rows of tables from the snapshot of the source, circle by circle of tables."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from ucrepl.link.applied import Applied
from ucrepl.link.seed.lane import Lane
from ucrepl.link.seed.stage import Origin, Stager
from ucrepl.link.seed.stream import BATCH_ROWS, ReadAhead, Rows
from ucrepl.link.seed.turns import AbandonedError, Turns
from ucrepl.plan.catalog import TableName
from ucrepl.plan.model import LinkPlan, TablePlan


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
            while table and self._note(*self._lane.apply(partial(self._stage_postponed, table))):
                pass

    def _copy_table(self, table: TablePlan, later: frozenset[TableName]) -> None:
        """Copies a table; `later` are those of its circle that come after it."""
        if not self._origin.subset:
            self._lane.run(self._lane.query("forget_parked_rows"), {"link": self._lane.link_id, "table": table.number})
        wide = self._lane.wide_plan.tables[table.number]
        with ReadAhead(self._lane.reader, self._origin.select(wide)) as batches:
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
                wait = partial(turns.wait, number)
                stage = partial(self._stage, lane, table, batch, later, wait)
                done = lane.apply(stage, wide=True, wait=wait)
                wait()  # also where nothing was left to be written
                self._note(*done)
                lane.run(
                    "UPDATE ucrepl.seeded_table SET rows = rows + %(rows)s"
                    " WHERE link_id = %(link)s AND table_id = %(table)s",
                    {"rows": batch.count, "link": lane.link_id, "table": table.number},
                )
                self._tell(table, batch.count)
                turns.done()
        except BaseException:
            turns.fail()
            raise

    def _stage(
        self,
        lane: Lane,
        table: TablePlan,
        batch: Rows,
        later: frozenset[TableName],
        wait: Callable[[], None],
        plan: LinkPlan,
    ) -> int:
        return Stager(lane, plan, self._origin, self._over).stage(table.number, batch, later, wait)

    def _note(self, count: int, applied: Applied) -> int:
        self.copied.rows += count
        self.copied.applied.add(applied)
        return count

    def _stage_postponed(self, table: TablePlan, _plan: LinkPlan) -> int:
        values = {"link": self._lane.link_id, "table": table.number, "rows": BATCH_ROWS}
        return self._lane.run(self._lane.query("take_postponed"), values).rowcount
