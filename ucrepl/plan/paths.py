"""SQL for what is done to rows once they are written: paths of ancestors, what was not certain."""

from ucrepl.plan.model import ColumnPlan, LinkPlan, TablePlan
from ucrepl.plan.text import literal, quote
from ucrepl.plan.translate import Row, image, mapped_value, own_row, sent


def rebuild(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    """Builds the paths of the changed rows, and of all below them, from their local parents."""
    path = quote(column.name)
    parent = quote(column.reference.parent if column.reference and column.reference.parent else "")
    identity, rows = quote(table.table.key[0]), f"{table.table.only}{table.name.sql}"
    row = own_row(link, table, "row")
    joins = "\n    ".join(row.joins)
    return f"""\
WITH RECURSIVE up AS (
    SELECT row.{identity} AS id, row.{parent} AS parent, row.{identity} || '/' AS path, 1 AS depth
    FROM pg_temp.change AS change
    {joins}
    JOIN {rows} AS row ON {row.sql}
    WHERE change.table_id = {table.number} AND change.op IN ('I', 'U', 'M') AND row.{path} IS NOT NULL
    UNION ALL
    SELECT up.id, row.{parent}, row.{identity} || '/' || up.path, up.depth + 1
    FROM up
    JOIN {rows} AS row ON row.{identity} = up.parent
    WHERE up.depth < 1000
),
down AS (
    SELECT up.id, up.path
    FROM up
    WHERE up.parent IS NULL
    UNION
    SELECT row.{identity}, down.path || row.{identity} || '/'
    FROM down
    JOIN {rows} AS row ON row.{parent} = down.id
)
UPDATE {rows} AS target
SET {path} = down.path
FROM down
WHERE target.{identity} = down.id AND target.{path} IS DISTINCT FROM down.path"""


def count_uncertain(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    """Counts the values of a column that were not certain, so that the local value was kept."""
    row = own_row(link, table)
    joins = "\n".join([*row.joins, f"JOIN {table.table.only}{table.name.sql} AS target ON {row.sql}"])
    mapped = mapped_value(link, table, column, sent(column), Row(sent, "target"), "known")
    return f"""\
INSERT INTO pg_temp.left_out (rule, rows)
SELECT {literal(f"not certain: {table.name}.{column.name}")}, count(*)
FROM pg_temp.change AS change
{image(link, table, "new", "sent")}
{joins}
WHERE change.table_id = {table.number} AND change.op IN ('I', 'U', 'M')
    AND {sent(column)} IS NOT NULL AND {mapped} IS NULL
HAVING count(*) > 0"""
