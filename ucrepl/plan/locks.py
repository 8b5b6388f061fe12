"""SQL that locks the rows that changes will be written to, before the first of them is."""

from ucrepl.plan.model import LinkPlan, TablePlan
from ucrepl.plan.text import literal
from ucrepl.plan.translate import own_row

AWAITED = "ucrepl.awaited"
"""The setting that has the number of the change whose row is waited for."""


def lock_free(link: LinkPlan, table: TablePlan, strength: str) -> str:
    """Locks the rows that nobody holds. Returns the number of a change whose row is held, null where there is none.

    `strength`: as after FOR.
    """
    return f"""\
WITH locked AS MATERIALIZED (
    SELECT change.seq
    {_rows(link, table)}
    FOR {strength} OF target SKIP LOCKED
)
SELECT min(change.seq)
{_rows(link, table)}
    AND NOT EXISTS (SELECT FROM locked WHERE locked.seq = change.seq)"""


def lock_awaited(link: LinkPlan, table: TablePlan, strength: str) -> str:
    """Waits for the row of one change, and locks it."""
    return f"""\
SELECT change.seq
{_rows(link, table)}
    AND change.seq = current_setting({literal(AWAITED)})::bigint
FOR {strength} OF target"""


def _rows(link: LinkPlan, table: TablePlan) -> str:
    row = own_row(link, table)
    joins = "\n".join(row.joins)
    return f"""\
FROM pg_temp.change AS change
{joins}
JOIN {table.table.only}{table.name.sql} AS target ON {row.sql}
WHERE change.table_id = {table.number} AND change.op IN ('U', 'M', 'D')"""
