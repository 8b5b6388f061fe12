"""Finds out which records of the source are here already, before any is copied."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet

from ucrepl.link.seed.lane import Lane
from ucrepl.link.seed.stage import Origin
from ucrepl.link.seed.stream import ReadAhead
from ucrepl.plan import identify, rows
from ucrepl.plan.model import ROUNDS, TablePlan


class Recogniser:
    """Pairs records by their external ids, by keys, and by what unique indexes forbid. Rows are not written.

    `tell` is told by what the next statement recognises.
    """

    def __init__(self, lane: Lane, origin: Origin, tell: Callable[[str], None] = lambda _by: None) -> None:
        self._lane = lane
        self._origin = origin
        self._tell = tell
        self._plan = lane.plan

    def recognise_all(self, numbers: AbstractSet[int]) -> int:
        """Pairs the records of these tables, in the order that their keys need. Returns how many."""
        groups = self._plan.by_recognition_twice(numbers)
        return self.recognise_named() + sum(map(self.recognise, groups))

    def recognise_named(self) -> int:
        """Pairs the records that bear the same external id. Returns how many."""
        names = self._plan.tables.get(self._plan.external_ids or 0)
        tables = self._plan.tables
        models = [(m.model, tables[m.table]) for m in self._plan.models if m.table in tables]
        if names is None or not models:
            return 0
        select = rows.named_records(names, self._origin.hstore, models, subset=self._origin.subset)
        with self._lane.target.transaction():
            self._stage(select)
            statement = identify.recognise_by_external_id(self._plan, names, all_there=True)
            self._tell("external id")
            return self._lane.run(statement).rowcount

    def recognise(self, group: Sequence[TablePlan]) -> int:
        """Pairs the records of a circle of tables by their keys, round by round: keys may be references themselves.

        What could be several local records is noted as doubtful. Returns how many were paired.
        """
        tables = [table for table in group if table.recognised_by and self._has_candidates(table)]
        if not tables:
            return 0
        with self._lane.target.transaction():
            for table in tables:
                hstore, subset = self._origin.hstore, self._origin.subset and not table.protected_by
                self._stage(rows.that_may_be_known(table, hstore, subset=subset))
            paired = 0
            for _ in range(ROUNDS if len(tables) > 1 else 1):
                self._lane.run("DELETE FROM pg_temp.trouble")
                found = sum(self._recognise(table) for table in tables)
                paired += found
                if not found:
                    break
            self._lane.run(self._lane.query("note_doubt"), {"link": self._lane.link_id})
            return paired

    def _recognise(self, table: TablePlan) -> int:
        statements = [(f"key {key}", identify.recognise(self._plan, table, key)) for key in table.recognition_keys]
        if indexes := table.unique_indexes:
            by = f"unique index on {'; '.join(', '.join(index.expressions) for index in indexes)}"
            statements.append((by, identify.recognise_by_indexes(self._plan, table, indexes)))
        found = 0
        for by, statement in statements:
            self._tell(by)
            found += self._lane.run(statement).rowcount
        return found

    def _has_candidates(self, table: TablePlan) -> bool:
        """Whether there are local records that are nobody's pair."""
        row = self._lane.run(identify.has_unpaired(self._plan, table)).fetchone()
        return bool(row and row[0])

    def _stage(self, select: str) -> None:
        with ReadAhead(self._lane.reader, select) as read_ahead:
            for batch in read_ahead:
                batch.copy_into(self._lane.target, "pg_temp.change", rows.COLUMNS)
        self._lane.run("ANALYZE pg_temp.change (table_id, op, key)")
