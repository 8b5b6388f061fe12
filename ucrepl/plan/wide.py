"""SQL for wide rows: new rows of a large table, staged with a column for each of theirs.

An image has the text of each value with the name of its column. To make it, to read it, and to unfold it takes longer
than all the rest that is done to a new row, so rows of types that both sides send alike come without one. Only what is
here already, and what is to be parked, has its image made on the target.
"""

from collections.abc import Iterable

from ucrepl.plan.model import WIDE_ID, WIDE_SEQ, WIDE_TIMES, ColumnPlan, LinkPlan, TablePlan
from ucrepl.plan.references import Path
from ucrepl.plan.rows import LONG_AGO, from_table, with_parameters
from ucrepl.plan.text import lines, literal, quote
from ucrepl.plan.translate import alias_of, sent, translated, wide_image


def possible(link: LinkPlan, table: TablePlan) -> bool:
    """Whether rows of this table can be staged so.

    Not where rows are fetched beside them, which have images only, nor where ids are shared: one may be taken here, so
    that a row is parked of which that was not known before; nor where values of other rows are looked up in the images,
    or values are held; nor where a column is called like one of ours.
    """
    is_masked = any(c.on_source in table.masks for c in table.columns)
    if link.fetches or link.shared_with or is_masked or table.partial_rule:
        return False
    if table.held_columns or table.number in link.naming:
        return False
    if not {WIDE_SEQ, WIDE_TIMES, WIDE_ID}.isdisjoint(c.name for c in table.columns):
        return False
    return table.alike and table.surrogate and table.number not in _looked_into(link)


def _looked_into(link: LinkPlan) -> set[int]:
    """The tables to whose rows one has to go to understand a reference of another one."""
    references = (c.reference for t in link.tables.values() for c in t.columns if c.reference)
    paths = [p for r in references for p in (*r.arguments, *(path for path, _ in r.where)) if isinstance(p, Path)]
    return {hop.number for path in paths for hop in path.hops}


def looked_up_ahead(table: TablePlan) -> list[ColumnPlan]:
    """The references of wide rows that are looked up before it is their turn to be written."""
    if any(c.model_column or c.reference for c in table.columns):
        return []
    return [c for c in table.columns if c.refers_to]


def create(link: LinkPlan, table: TablePlan) -> str:
    """Makes the temporary tables: of the rows, and of the ids to which they refer."""
    ids = [f"{quote(c.name)} bigint" for c in looked_up_ahead(table)]
    columns = [f"{quote(c.name)} {c.column.type}" for c in table.columns]
    return f"""\
CREATE TEMPORARY TABLE {table.wide_table.removeprefix("pg_temp.")} (
    {quote(WIDE_SEQ)} bigint NOT NULL DEFAULT -nextval('ucrepl.synthetic_seq'),
    {quote(WIDE_TIMES)} {quote(link.hstore_schema)}.hstore,
    {quote(WIDE_ID)} bigint NOT NULL DEFAULT nextval({literal(table.table.sequence or "")}),
{lines(columns)}
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE {table.ids_table.removeprefix("pg_temp.")} (
{lines([f"{quote(WIDE_SEQ)} bigint NOT NULL", *ids])}
) ON COMMIT DELETE ROWS"""


def analyze(table: TablePlan) -> str:
    """Tells the planner that each wide row has a number of its own."""
    return f"ANALYZE {table.wide_table} ({quote(WIDE_SEQ)})"


def copied_columns(table: TablePlan) -> str:
    """The columns that `select` fills."""
    return ", ".join(quote(name) for name in (WIDE_TIMES, *(c.name for c in table.columns)))


def select(table: TablePlan, hstore: str, *, written: int | None, chosen: bool) -> str:
    """Reads the rows on the source; the parameters are those of `rows.as_changes`."""
    times = f"NULL::{quote(hstore)}.hstore" if written is None else "written.times"
    columns = [times, *(f"row.{quote(c.name)}" for c in table.columns)]
    statement = f"SELECT\n{lines(columns)}\n{from_table(table, written=written, chosen=chosen)}"
    return with_parameters(statement, "keys") if chosen else statement


def stage(link: LinkPlan, table: TablePlan, link_id: int, *, images: bool) -> str:
    """Stages a change for each wide row that has none yet: it has a lower number than all that are staged.

    `images`: all have their image, not only those that will be parked because they are in doubt.
    """
    key = f"sent.{quote(table.table.key[0])}"
    image, doubt = wide_image(link), ""
    if not images:
        image = f"CASE WHEN doubt.remote_id IS NOT NULL THEN {image} END"
        doubt = f"""
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
    sent.{quote(WIDE_TIMES)}
FROM {table.wide_table} AS sent{doubt}
WHERE sent.{quote(WIDE_SEQ)} < coalesce((SELECT min(staged.seq) FROM pg_temp.change AS staged), 0)"""


def look_up(link: LinkPlan, table: TablePlan) -> str:
    """Looks up to what the wide rows refer, as far as it is here."""
    columns = looked_up_ahead(table)
    values = [translated(link, table, c, sent(c)) for c in columns]
    joins = "\n".join(join for value in values for join in value.joins)
    return f"""\
INSERT INTO {table.ids_table} (
{lines(quote(name) for name in (WIDE_SEQ, *(c.name for c in columns)))}
)
SELECT
{lines([f"sent.{quote(WIDE_SEQ)}", *(f"{quote(alias_of(c))}.local_id" for c in columns)])}
FROM {table.wide_table} AS sent
{joins}"""


def analyze_ids(table: TablePlan) -> str:
    """Tells the planner that there are as many ids as rows, so that it hashes these, which are narrow."""
    return f"ANALYZE {table.ids_table} ({quote(WIDE_SEQ)})"


def count(_link: LinkPlan, table: TablePlan) -> str:
    """How many wide rows there are."""
    return f"SELECT count(*) FROM {table.wide_table}"


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
