"""SQL for what is done to rows once they are written: paths of ancestors, what was not certain."""

from ucrepl.plan.model import ColumnPlan, LinkPlan, TablePlan
from ucrepl.plan.text import literal, quote
from ucrepl.plan.translate import Row, image, mapped_value, own_row, sent


def rebuild(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    """Builds the paths of the changed rows, and of all below them, from their local parents; or all nested sets."""
    reference = column.reference
    parent = quote(reference.parent if reference and reference.parent else "")
    if reference and reference.right:
        return _nested_sets(table, parent, quote(column.name), quote(reference.right))
    path = quote(column.name)
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


def _nested_sets(table: TablePlan, parent: str, left: str, right: str) -> str:
    """Numbers the ends of the nested sets of a whole table: a set lies within that of its parent.

    Siblings stay in their order; those that are new come last.
    """
    identity, rows = quote(table.table.key[0]), f"{table.table.only}{table.name.sql}"
    return f"""\
WITH RECURSIVE
sibling AS (
    SELECT row.{identity} AS id, row.{parent} AS parent,
        row_number() OVER (PARTITION BY row.{parent} ORDER BY row.{left} NULLS LAST, row.{identity}) AS place
    FROM {rows} AS row
),
tree AS (
    SELECT sibling.id, ARRAY[sibling.id] AS ids, ARRAY[sibling.place] AS places
    FROM sibling
    WHERE sibling.parent IS NULL
    UNION ALL
    SELECT sibling.id, tree.ids || sibling.id, tree.places || sibling.place
    FROM tree
    JOIN sibling ON sibling.parent = tree.id
    WHERE cardinality(tree.ids) < 1000
),
size AS (
    SELECT above.id, count(*) AS rows
    FROM tree
    CROSS JOIN LATERAL unnest(tree.ids) AS above (id)
    GROUP BY above.id
),
ends AS (
    SELECT tree.id, 2 * row_number() OVER (ORDER BY tree.places) - cardinality(tree.ids) - 1 AS beginning, size.rows
    FROM tree
    JOIN size ON size.id = tree.id
)
UPDATE {rows} AS target
SET {left} = ends.beginning, {right} = ends.beginning + 2 * ends.rows - 1
FROM ends
WHERE target.{identity} = ends.id
    AND (target.{left}, target.{right}) IS DISTINCT FROM (ends.beginning, ends.beginning + 2 * ends.rows - 1)"""


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
