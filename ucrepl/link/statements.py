"""The statements of a plan in a session of the target, compiled when they are first needed and kept."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.plan import write
from ucrepl.plan.model import LinkPlan, Protection, TablePlan

FEW_TABLES = 3
"""Many changes of more tables than that are indexed by their table, or each statement would look at all of them."""


class Statements:
    """Compiles and runs statements on a connection for a plan."""

    def __init__(self, connection: Connection[TupleRow], plan: LinkPlan) -> None:
        self.connection = connection
        self.plan = plan
        self._compiled: dict[tuple[object, ...], str] = {}

    def translate_ids(self) -> None:
        """Has ids translated wherever they stand: a record has another one than on the source, though ids are shared.

        It stays so, also where the transaction is rolled back that has found that out.
        """
        if self.plan.same_ids:
            self.plan = replace(self.plan, ids_differ=True)
            self._compiled.clear()

    def _prepare_many(self, tables: Collection[int]) -> None:
        """Gives the planner statistics of many changes, and an index where they are of many tables."""
        if len(tables) > FEW_TABLES:
            self._run("CREATE INDEX change_by_table ON pg_temp.change (table_id, op)", prepare=False)
        self._run("SET LOCAL default_statistics_target = 1")
        self._run("ANALYZE pg_temp.change (table_id, op)")

    def _compile_update(self, table: TablePlan, names: tuple[str, ...], *, uniform: bool, guarded: bool) -> str | None:
        """The update of these columns, None where protection leaves none of them to write."""
        columns = [c for c in table.chosen(names) if c.protection is not Protection.NEVER]
        if not columns:
            return None
        key = ("update", table.number, names, uniform, guarded)
        if key not in self._compiled:
            self._compiled[key] = write.update(self.plan, table, columns, uniform=uniform, guarded=guarded)
        return self._compiled[key]

    def _compile(self, kind: object, make: Callable[..., str], table: TablePlan, *details: object) -> str:
        key = (kind, table.number)
        if key not in self._compiled:
            self._compiled[key] = make(self.plan, table, *details)
        return self._compiled[key]

    def _query(self, name: str) -> str:
        return query(name, self.plan.hstore_schema)

    def _run(
        self, statement: str, values: Mapping[str, object] | None = None, *, prepare: bool = True
    ) -> Cursor[TupleRow]:
        return self.connection.execute(statement.encode(), values, prepare=prepare)
