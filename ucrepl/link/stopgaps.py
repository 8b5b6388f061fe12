"""Puts right what stood for records that were not known, when they have come."""

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.db.sqlstate import Verdict, classify
from ucrepl.plan import stopgap
from ucrepl.plan.model import ColumnPlan, LinkPlan, Signal, TablePlan


def put_right(connection: Connection[TupleRow], plan: LinkPlan) -> tuple[set[Signal], int]:
    """Writes the references to records that have come, which were null so far. Stages the rows that were left out.

    To be called when what was staged is applied. Returns of which caches Odoo's workers are to be told, and how many
    rows are staged, in place of what was. A rule that left the records out may be gone by now.
    """
    found = connection.execute(query("stopgaps_come"), {"peer": plan.peer_id}, prepare=True).fetchall()
    signals, staged = set[Signal](), 0
    if any(name is None for _, name in found):
        connection.execute("DELETE FROM pg_temp.change")
    for table, name in ((table, name) for number, name in found if (table := plan.tables.get(number))):
        if name is None:
            staged += connection.execute(stopgap.stage(plan, table).encode()).rowcount
        for column in table.columns:
            if column.name == name and column.refers_to in plan.by_name and _fill(connection, plan, table, column):
                signals |= set(table.signals)
    return signals, staged


def _fill(connection: Connection[TupleRow], plan: LinkPlan, table: TablePlan, column: ColumnPlan) -> int:
    """Writes the references of a column. Returns how many; none where the target refuses one, until the next batch."""
    try:
        with connection.transaction():
            return connection.execute(stopgap.fill(plan, table, column).encode()).rowcount
    except psycopg.Error as error:
        if classify(error) is not Verdict.PARK:
            raise
        return 0
