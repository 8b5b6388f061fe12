"""Finds out whether staged changes have really changed rows of which Odoo's workers keep something."""

from collections.abc import Callable, Collection, Mapping

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.plan import cached
from ucrepl.plan.model import LinkPlan, Signal, TablePlan


class CachedRows:
    """Looks at the cached rows to which changes were staged, before they are written and after that.

    What is left out, protected, parked, or loses a conflict changes no row. Runs nothing where no table is cached.
    """

    def __init__(self, connection: Connection[TupleRow], plan: LinkPlan) -> None:
        self._connection = connection
        self._tables = {number: table for number, table in plan.tables.items() if table.signals}
        self._plan = plan
        self._compiled: dict[tuple[object, int], str] = {}

    def look(self, touched: Collection[int], new: Mapping[int, int], *, prepare: bool) -> "Look":
        """Looks at the rows before they are written; `new`: table -> how many of them will be new for certain."""
        looked_at, signals = [], set()
        for table in [self._tables[number] for number in self._tables.keys() & touched]:
            has_conditions = any(signal.where for signal in table.signals)
            if table.surrogate and new.get(table.number) and not has_conditions:
                signals |= set(table.signals)
            else:
                self.run(cached.look, table, prepare=prepare)
                looked_at.append(table)
        return Look(self, looked_at, signals, prepare=prepare)

    def run(self, make: Callable[[LinkPlan, TablePlan], str], table: TablePlan, *, prepare: bool) -> TupleRow | None:
        """Runs a statement about a table, which is compiled once. Returns its first row, if it gives any."""
        key = (make, table.number)
        if key not in self._compiled:
            self._compiled[key] = make(self._plan, table)
        cursor = self._connection.execute(self._compiled[key].encode(), prepare=prepare)
        return cursor.fetchone() if cursor.description else None


class Look:
    """What was seen before the rows were written; `signals`: what is to be told in any case."""

    def __init__(self, rows: CachedRows, tables: list[TablePlan], signals: set[Signal], *, prepare: bool) -> None:
        self._rows = rows
        self._tables = tables
        self._signals = signals
        self._prepare = prepare

    def again(self) -> set[Signal]:
        """Looks again after they were written. Returns of what workers are to be told."""
        signals = set(self._signals)
        for table in self._tables:
            row = self._rows.run(cached.changed, table, prepare=self._prepare)
            if row and row[0]:
                signals |= set(cached.told_of(table, chosen=row[1]))
        return signals
