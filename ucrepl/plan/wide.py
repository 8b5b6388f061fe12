"""SQL for wide rows: new rows of a large table, staged with a column for each of theirs.

An image has the text of each value with the name of its column. To make it, to read it, and to unfold it takes longer
than all the rest that is done to a new row, so rows of types that both sides send alike come without one. Only what the
target knows already, and what is to be parked, has its image made here.
"""

from collections.abc import Iterable

from ucrepl.plan.model import WIDE_SEQ, ColumnPlan, LinkPlan, TablePlan
from ucrepl.plan.rows import LONG_AGO, from_table, with_keys
from ucrepl.plan.text import lines, literal, quote

_TIMES = "ucrepl times"


def possible(table: TablePlan) -> bool:
    """Whether rows of this table can be staged so."""
    return table.alike and table.surrogate and not table.masks and not table.partial_rule


def create(link: LinkPlan, table: TablePlan) -> str:
    """Makes the temporary table."""
    columns = [f"{quote(c.name)} {c.column.type}" for c in table.columns]
    return f"""\
CREATE TEMPORARY TABLE {table.wide_table.removeprefix("pg_temp.")} (
    {quote(WIDE_SEQ)} bigint NOT NULL DEFAULT -nextval('ucrepl.synthetic_seq'),
    {quote(_TIMES)} {quote(link.hstore_schema)}.hstore,
{lines(columns)}
) ON COMMIT DELETE ROWS"""


def analyze(table: TablePlan) -> str:
    """Tells the planner that each wide row has a number of its own."""
    return f"ANALYZE {table.wide_table} ({quote(WIDE_SEQ)})"


def copied_columns(table: TablePlan) -> str:
    """The columns that `select` fills."""
    return ", ".join(quote(name) for name in (_TIMES, *(c.name for c in table.columns)))


def select(table: TablePlan, hstore: str, *, written: int | None, chosen: bool) -> str:
    """Reads the rows on the source; the parameters are those of `rows.as_changes`."""
    times = f"NULL::{quote(hstore)}.hstore" if written is None else "written.times"
    columns = [times, *(f"row.{quote(c.name)}" for c in table.columns)]
    statement = f"SELECT\n{lines(columns)}\n{from_table(table, written=written, chosen=chosen)}"
    return with_keys(statement) if chosen else statement


def stage(link: LinkPlan, table: TablePlan, link_id: int, *, images: bool) -> str:
    """Stages a change for each wide row that has none. `images`: all have their image, not only those known here."""
    hstore = quote(link.hstore_schema)
    key = f"sent.{quote(table.table.key[0])}"
    image = f"{hstore}.hstore(sent.*) OPERATOR({hstore}.-) ARRAY[{literal(WIDE_SEQ)}, {literal(_TIMES)}]"
    known = ""
    if not images:
        image = f"CASE WHEN known.remote_id IS NOT NULL OR doubt.remote_id IS NOT NULL THEN {image} END"
        known = f"""
LEFT JOIN ucrepl.identity AS known
    ON known.peer_id = {link.peer_id} AND known.remote_table = {table.number} AND known.remote_id = {key}
LEFT JOIN ucrepl.doubt AS doubt
    ON doubt.link_id = {link_id} AND doubt.table_id = {table.number} AND doubt.remote_id = {key}"""
    return f"""\
INSERT INTO pg_temp.change (seq, xid, table_id, op, key, new, at, times)
SELECT
    sent.{quote(WIDE_SEQ)},
    '3'::xid8,
    {table.number},
    'I'::"char",
    {key}::text,
    {image},
    {LONG_AGO},
    sent.{quote(_TIMES)}
FROM {table.wide_table} AS sent{known}
WHERE NOT EXISTS (SELECT FROM pg_temp.change AS staged WHERE staged.seq = sent.{quote(WIDE_SEQ)})"""


def postpone(table: TablePlan, columns: Iterable[ColumnPlan]) -> str:
    """Takes references that have to wait (`pg_temp.forward`) out of the wide rows."""
    assignments = [
        f"{quote(c.name)} = CASE WHEN {literal(c.name)} <> ALL (waiting.names) THEN sent.{quote(c.name)} END"
        for c in columns
    ]
    return f"""\
UPDATE {table.wide_table} AS sent
SET
{lines(assignments)}
FROM (
    SELECT seq, array_agg(column_name) AS names
    FROM pg_temp.forward
    WHERE can_wait AND table_id = {table.number}
    GROUP BY seq
) AS waiting
WHERE sent.{quote(WIDE_SEQ)} = waiting.seq"""
