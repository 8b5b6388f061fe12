"""SQL for rows that are copied before some of those to which they refer, in a circle of tables."""

from collections.abc import Collection

from ucrepl.plan.catalog import TableName
from ucrepl.plan.model import ColumnPlan, LinkPlan, TablePlan
from ucrepl.plan.text import lines, literal, quote
from ucrepl.plan.translate import extracted, image, sent


def inner_references(link: LinkPlan, table: TablePlan) -> tuple[ColumnPlan, ...]:
    """The columns that refer to tables of the same circle: their records may come later."""
    members = link.groups[link.group_of[table.number]]
    return tuple(c for c in table.columns if c.refers_to and link.number_of(c.refers_to) in members)


def can_wait(table: TablePlan, column: ColumnPlan) -> bool:
    """Whether a reference can be null until its record is there."""
    return not column.column.not_null and column.name not in table.table.key


def dependents(table: TablePlan, column: ColumnPlan) -> tuple[ColumnPlan, ...]:
    """The columns whose values can't be translated before the record is there to which a column refers."""
    return tuple(c for c in table.columns if c.reference and column.name in c.siblings and can_wait(table, c))


def postponable(link: LinkPlan, table: TablePlan) -> tuple[ColumnPlan, ...]:
    """The columns whose values may have to wait."""
    inner = inner_references(link, table)
    return tuple(dict.fromkeys([*inner, *(d for c in inner for d in dependents(table, c))]))


def note_dependents(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    """Notes, with the references of a column that wait, the values that depend on them."""
    cases = [f"({literal(c.name)}, {sent(c)}::text)" for c in dependents(table, column)]
    return f"""\
INSERT INTO pg_temp.forward (seq, table_id, key, column_name, referred, value, can_wait)
SELECT forward.seq, forward.table_id, forward.key, depends.name, forward.referred, depends.value, true
FROM pg_temp.forward AS forward
JOIN pg_temp.change AS change ON change.seq = forward.seq
{image(link, table, "new", "sent")}
CROSS JOIN LATERAL (
    VALUES
{lines(cases, depth=2)}
) AS depends (name, value)
WHERE forward.table_id = {table.number} AND forward.column_name = {literal(column.name)} AND forward.can_wait
    AND depends.value IS NOT NULL"""


def note_later(link: LinkPlan, table: TablePlan, columns: tuple[ColumnPlan, ...]) -> str:
    """Notes the references of the staged rows to rows of their own table that come later.

    Rows come in the order of their ids: what comes later has an id above all that are staged.
    """
    # Of an image only these columns are taken out; to unfold it would cost more.
    unfold = "\n" + image(link, table, "new", "sent") if table.wide else ""
    values = [sent(c) if table.wide else extracted(link, c) for c in columns]
    cases = [
        f"({literal(c.name)}, {value}, {'true' if can_wait(table, c) else 'false'})"
        for c, value in zip(columns, values, strict=True)
    ]
    return f"""\
INSERT INTO pg_temp.forward (seq, table_id, key, column_name, referred, value, can_wait)
SELECT
    change.seq, change.table_id, change.key, reference.name, change.table_id, reference.value::text, reference.can_wait
FROM pg_temp.change AS change{unfold}
CROSS JOIN LATERAL (
    VALUES
{lines(cases, depth=2)}
) AS reference (name, value, can_wait)
WHERE change.table_id = {table.number}
    AND reference.value > (
        SELECT max(last.key::bigint) FROM pg_temp.change AS last WHERE last.table_id = {table.number}
    )"""


def note_forward(
    link: LinkPlan, table: TablePlan, columns: tuple[ColumnPlan, ...], over: Collection[TableName] = ()
) -> str:
    """Notes the references of the staged rows to records that are neither here nor staged.

    `over`: the tables whose turn is over, so that references to them can't wait.
    """
    joins, cases = [image(link, table, "new", "sent")], []
    for i, column in enumerate(columns):
        referred = link.by_name[column.refers_to] if column.refers_to else table
        joins.append(
            f"LEFT JOIN ucrepl.identity AS identity_{i}\n    ON identity_{i}.peer_id = {link.peer_id}"
            f" AND identity_{i}.remote_table = {referred.space} AND identity_{i}.remote_id = {sent(column)}"
        )
        joins.append(
            f"LEFT JOIN {referred.table.only}{referred.name.sql} AS here_{i}"
            f" ON here_{i}.{quote(referred.table.key[0])} = identity_{i}.local_id"
        )
        joins.append(
            f"LEFT JOIN pg_temp.change AS staged_{i}"
            f" ON staged_{i}.table_id = {referred.number} AND staged_{i}.key = {sent(column)}::text"
        )
        absent = f"here_{i}.{quote(referred.table.key[0])} IS NULL AND staged_{i}.key IS NULL"
        waits = "true" if can_wait(table, column) and column.refers_to not in over else "false"
        cases.append(
            f"({literal(column.name)}, {referred.number}, {sent(column)}::text, {waits},"
            f" {sent(column)} IS NOT NULL AND {absent})"
        )
    return f"""\
INSERT INTO pg_temp.forward (seq, table_id, key, column_name, referred, value, can_wait)
SELECT change.seq, change.table_id, change.key, reference.name, reference.referred, reference.value, reference.can_wait
FROM pg_temp.change AS change
{chr(10).join(joins)}
CROSS JOIN LATERAL (
    VALUES
{lines(cases, depth=2)}
) AS reference (name, referred, value, can_wait, is_absent)
WHERE change.table_id = {table.number} AND reference.is_absent"""
