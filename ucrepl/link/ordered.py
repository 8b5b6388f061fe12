"""Applies what can only be applied by itself: the TRUNCATE of tables, and the update of a key."""

from collections.abc import Mapping, Sequence

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.link.applied import Applied
from ucrepl.plan import held, stopgap, write
from ucrepl.plan.model import LinkPlan, Signal, TablePlan


class Ordered:
    """Applies them on a session of the target, in which nothing else is staged in `pg_temp.change`."""

    def __init__(self, connection: Connection[TupleRow], plan: LinkPlan, link_id: int) -> None:
        self.connection = connection
        self.plan = plan
        self.link_id = link_id

    def apply(self, result: Applied, *, looks_back: bool) -> None:
        """The TRUNCATE of one or more tables, or one update of a key. What is left is staged as an ordinary change.

        `looks_back`: it may have columns that the source has no more.
        """
        rows = self._run("SELECT table_id, op::text FROM pg_temp.change ORDER BY seq").fetchall()
        tables = [self.plan.tables[number] for number in dict.fromkeys(number for number, _ in rows)]
        if all(op == "T" for _, op in rows):
            result.signals |= self._truncate(tables)
            result.changes += len(rows)
            return
        [table] = tables
        if table.held_columns:
            self._run(held.follow_key(self.plan, table), {"link": self.link_id})
        if table.nulled or table.lacking:
            self._run(stopgap.follow_key(self.plan, table))
        if table.surrogate:
            self._run(write.free_id(self.plan, table))
            self._run(write.rekey(self.plan, table))
        elif self._run(
            write.update(self.plan, table, table.value_columns, uniform=False, guarded=False, with_key=True)
        ).rowcount:
            if table.held_columns:
                self._run(held.keep_values(self.plan, table, with_key=True), {"link": self.link_id})
            if looks_back and table.holds_values:
                self._run(held.keep_unknown(self.plan, table, with_key=True), {"link": self.link_id})
            self._run("DELETE FROM pg_temp.change")
            result.changes += 1
            result.signals |= set(table.signals)
        elif not table.value_columns:
            self._run(write.key_alone(self.plan, table))
        elif not self._run(write.moved_already(self.plan, table)).rowcount:
            self._run(
                "INSERT INTO pg_temp.trouble (seq, reason, message)"
                " SELECT seq, 'missing', 'the row whose key was changed is not known here' FROM pg_temp.change"
            )
            result.parked += self._run(query("park_trouble"), {"link": self.link_id}).rowcount

    def _truncate(self, tables: Sequence[TablePlan]) -> set[Signal]:
        """Empties tables. Returns of which caches Odoo's workers are to be told."""
        counts = self._run(write.in_one_statement([write.truncate(self.plan, table) for table in tables])).fetchall()
        for table in tables:
            if table.surrogate:
                self._run(write.bury_truncated(self.plan, table))
            if table.nulled or table.lacking:
                self._run(
                    "DELETE FROM ucrepl.stopgap WHERE peer_id = %(peer)s AND table_id = %(table)s",
                    {"peer": self.plan.peer_id, "table": table.number},
                )
            if table.held_columns or table.number in self.plan.naming:
                self._run(
                    "DELETE FROM ucrepl.held WHERE link_id = %(link)s AND table_id = %(table)s",
                    {"link": self.link_id, "table": table.number},
                )
        self._run("DELETE FROM pg_temp.change")
        return {signal for place, count in counts if count for signal in tables[place].signals}

    def _run(self, statement: str, values: Mapping[str, object] | None = None) -> Cursor[TupleRow]:
        return self.connection.execute(statement.encode(), values, prepare=True)
