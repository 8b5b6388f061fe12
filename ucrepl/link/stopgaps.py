"""Puts right what stood for records that were not known, when they have come."""

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.plan import stopgap
from ucrepl.plan.model import LinkPlan, Signal


def put_right(connection: Connection[TupleRow], plan: LinkPlan) -> tuple[set[Signal], int]:
    """Writes the references to records that have come, which were null so far. Stages the rows that were left out.

    To be called when what was staged is applied. Returns of which caches Odoo's workers are to be told, and how many
    rows are staged, in place of what was.
    """
    found = connection.execute(query("stopgaps_come"), {"peer": plan.peer_id}, prepare=True).fetchall()
    signals, staged = set[Signal](), 0
    if any(name is None for _, name in found):
        connection.execute("DELETE FROM pg_temp.change")
    for table, name in ((table, name) for number, name in found if (table := plan.tables.get(number))):
        if name is None:
            staged += connection.execute(stopgap.stage(plan, table).encode()).rowcount
        for column in table.nulled:
            if column.name == name and column.refers_to in plan.by_name:
                written = connection.execute(stopgap.fill(plan, table, column).encode()).rowcount
                signals |= set(table.signals) if written else set()
    return signals, staged
