"""Stages rows of the source for a lane, and sees to it that all to which they refer is there, or comes along."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ucrepl.link.seed.lane import Lane
from ucrepl.link.seed.stream import Rows, read
from ucrepl.plan import circle, rows, wide
from ucrepl.plan.catalog import TableName
from ucrepl.plan.model import ColumnPlan, LinkPlan, TablePlan


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

    def select(self, table: TablePlan, *, chosen: bool = False) -> str:
        """Reads the rows of a table. `chosen`: those with the keys in the parameter `keys`."""
        number = self.numbers.get(table.number)
        written = number if number in self.written else None
        if table.wide:
            return wide.select(table, self.hstore, written=written, chosen=chosen)
        return rows.as_changes(table, self.hstore, written=written, chosen=chosen, subset=self.subset and not chosen)


@dataclass(frozen=True, slots=True)
class Stager:
    """Stages rows on a lane for a plan of it, in the transaction that is open there.

    `over` are the tables that an interrupted seeding has copied, from an older snapshot: what rows of this one refer to
    there may have come since then.
    """

    lane: Lane
    plan: LinkPlan
    origin: Origin
    over: frozenset[TableName]

    def stage(self, number: int, batch: Rows, later: frozenset[TableName], wait: Callable[[], None]) -> int:
        """Stages a batch of rows of a table; `later` are the tables of its circle that come after it.

        `wait` returns when what comes before the batch is written: it is called where what is staged depends on that.
        Returns the number of rows.
        """
        lane, table = self.lane, self.plan.tables[number]
        self._load(number, batch)
        inner = circle.inner_references(self.plan, table)
        own = tuple(c for c in inner if c.refers_to == table.name)
        if not table.surrogate and own:
            later |= {table.name}
        ahead = tuple(c for c in table.columns if c.refers_to in later | self.over)
        if ahead or not _stands_alone(table, own):
            wait()
        if self.origin.subset:
            lane.run(lane.query("forget_parked_staged"), {"link": lane.link_id})
        if own and table.surrogate:
            self._settle(lane.run(circle.note_later(self.plan, table, own)).rowcount)
        if ahead:
            lane.run("ANALYZE pg_temp.change (table_id, key)")
            self._settle(lane.run(circle.note_forward(self.plan, table, ahead, self.over)).rowcount)
        return batch.count

    def _load(self, number: int, batch: Rows) -> None:
        """Copies rows to where they are staged; makes changes of wide ones, with images if the plan needs them."""
        lane, table = self.lane, self.lane.wide_plan.tables[number]
        if not table.wide:
            batch.copy_into(lane.target, "pg_temp.change", rows.COLUMNS)
            return
        batch.copy_into(lane.target, table.wide_table, wide.copied_columns(table))
        lane.run("SET LOCAL default_statistics_target = 1")
        lane.run(wide.analyze(table))
        lane.run(wide.stage(self.plan, table, lane.link_id, images=not self.plan.tables[number].wide))

    def _settle(self, noted: int) -> None:
        """Sees to references to records that are not here yet: they wait, or the record is taken before its turn."""
        lane = self.lane
        while noted:
            self._note_dependents()
            lane.run(lane.query("postpone"), {"link": lane.link_id})
            for table in self.plan.tables.values():
                if table.wide and (columns := circle.postponable(self.plan, table)):
                    lane.run(wide.postpone(table, columns))
            needed = lane.run(
                "SELECT referred, array_agg(DISTINCT value) FROM pg_temp.forward WHERE NOT can_wait GROUP BY referred"
            ).fetchall()
            lane.run("DELETE FROM pg_temp.forward")
            noted = sum(self._take_early(number, keys) for number, keys in needed)

    def _note_dependents(self) -> None:
        """Notes the values that can't be translated before a reference that waits."""
        waiting = self.lane.run("SELECT DISTINCT table_id, column_name::text FROM pg_temp.forward WHERE can_wait")
        for number, name in waiting.fetchall():
            table = self.plan.tables[number]
            if circle.dependents(table, table.column(name)):
                self.lane.run(circle.note_dependents(self.plan, table, table.column(name)))

    def _take_early(self, number: int, keys: list[str]) -> int:
        """Stages these rows before their turn. Returns how many of their references are to be settled in turn."""
        lane, table = self.lane, self.plan.tables[number]
        taken = read(lane.puller, self.origin.select(lane.wide_plan.tables[number], chosen=True), {"keys": keys})
        if not taken.count:
            return 0
        self._load(number, taken)
        inner = circle.inner_references(self.plan, table)
        ahead = tuple(c for c in table.columns if c in inner or c.refers_to in self.over)
        if not ahead:
            return 0
        return lane.run(circle.note_forward(self.plan, table, ahead, self.over)).rowcount


def _stands_alone(table: TablePlan, own: tuple[ColumnPlan, ...]) -> bool:
    """Whether rows can get their ids while those before them are written: neither needs rows or ids of the other.

    `own`: the references to the table itself.
    """
    if not table.wide or any(c.model_column or c.reference for c in table.columns):
        return False
    return all(circle.can_wait(table, c) for c in own)
