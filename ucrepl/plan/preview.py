"""SQL that tells what a seeding would do, and does it not.

`ucrepl.identity` stands here for a copy of the map with a column `found_by` more: `new` marks a record that would be
made, `mentioned` one that would only get an id. Their ids are far below zero.
"""

from collections.abc import Collection, Sequence

from ucrepl.plan import members
from ucrepl.plan.catalog import TableName
from ucrepl.plan.circle import can_wait, inner_references
from ucrepl.plan.model import ColumnPlan, LinkPlan, Protection, TablePlan
from ucrepl.plan.text import lines, literal, quote
from ucrepl.plan.translate import Row, Value, image, own_row, sent, translated_once
from ucrepl.plan.types import distinct
from ucrepl.plan.write import protected

_LOWEST = -(2**62)
"""To this the source's id is added, for a record that has no local id yet."""


def expect(link: LinkPlan, table: TablePlan) -> str:
    """Takes the records whose keys are in `pg_temp.present` for made, unless they are known or in doubt."""
    return f"""\
INSERT INTO ucrepl.identity (peer_id, remote_table, remote_id, local_table, local_id, found_by)
SELECT {link.peer_id}, {table.space}, p.key::bigint, {table.space}, {_LOWEST} + p.key::bigint, 'new'
FROM pg_temp.present AS p
WHERE NOT EXISTS (SELECT FROM ucrepl.doubt AS d WHERE d.table_id = {table.number} AND d.remote_id = p.key::bigint)
ON CONFLICT DO NOTHING"""


def recognised_only(link: LinkPlan, table: TablePlan) -> str:
    """How many rows of a table that is protected as a whole are known here."""
    return f"""\
SELECT count(*)
FROM ucrepl.identity AS i
JOIN {table.table.only}{table.name.sql} AS target ON target.{quote(table.table.key[0])} = i.local_id
WHERE {table.surrogate} AND i.peer_id = {link.peer_id} AND i.remote_table = {table.space} AND i.deleted_at IS NULL"""


def withdraw(link: LinkPlan, table: TablePlan) -> str:
    """Takes back what was expected of the records in `pg_temp.present` that are not staged any more."""
    return f"""\
DELETE FROM ucrepl.identity AS i
USING pg_temp.present AS p
WHERE i.peer_id = {link.peer_id} AND i.remote_table = {table.space} AND i.remote_id = p.key::bigint
    AND i.found_by = 'new'
    AND NOT EXISTS (SELECT FROM pg_temp.change AS change WHERE change.key = p.key)"""


def drop_doubtful(table: TablePlan) -> str:
    """Takes the staged records out that could be several of the target."""
    return f"""\
DELETE FROM pg_temp.change AS change
USING ucrepl.doubt AS d
WHERE change.table_id = {table.number} AND d.table_id = {table.number} AND change.key = d.remote_id::text"""


def unresolved(link: LinkPlan, table: TablePlan, later: Collection[TableName]) -> str | None:
    """Notes the references of the staged rows to records that are on neither side; None where there can't be any.

    `later`: the tables of the circle that are copied after this one, references to which can wait. What a rule says to
    fetch is not looked at: whether the source has it is seen when it is fetched.
    """
    inner = inner_references(link, table)
    cases = []
    for column in table.columns:
        if column.refers_to is None or column.optional_rule or column.fetches:
            continue
        number, value = link.number_of(column.refers_to), sent(column)
        space = link.space_of(column.refers_to)
        waits = "false"
        if column in inner and can_wait(table, column):
            if column.refers_to == table.name and table.surrogate:
                waits = f"{value} > (SELECT max(p.key::bigint) FROM pg_temp.present AS p)"
            elif column.refers_to in later or column.refers_to == table.name:
                waits = "true"
        known = (
            f"SELECT FROM ucrepl.identity AS i WHERE i.peer_id = {link.peer_id} AND i.remote_table = {space}"
            f" AND i.remote_id = {value} AND i.found_by <> 'mentioned'"
        )
        absent = f"{value} IS NOT NULL AND NOT EXISTS ({known})"
        cases.append(f"({literal(column.name)}, {number}, {value}::text, {waits}, {absent})")
    if not cases:
        return None
    return f"""\
INSERT INTO pg_temp.forward (seq, table_id, key, column_name, referred, value, can_wait)
SELECT change.seq, change.table_id, change.key, reference.name, reference.referred, reference.value, reference.can_wait
FROM pg_temp.change AS change
{image(link, table, "new", "sent")}
CROSS JOIN LATERAL (
    VALUES
{lines(cases, depth=2)}
) AS reference (name, referred, value, can_wait, is_absent)
WHERE change.table_id = {table.number} AND reference.is_absent"""


def mention(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    """Takes the records that a column mentions by model name, and that are on neither side, for known by their ids."""
    return f"""\
INSERT INTO ucrepl.identity (peer_id, remote_table, remote_id, local_table, local_id, found_by)
SELECT DISTINCT {link.peer_id}, model.number, {sent(column)}::bigint, model.number, {_LOWEST} + {sent(column)}::bigint,
    'mentioned'
FROM pg_temp.change AS change
{image(link, table, "new", "sent")}
JOIN pg_temp.model AS model ON model.model = sent.{quote(column.model_column or "")} AND model.ids <> 'never'
WHERE change.table_id = {table.number} AND {sent(column)} > 0
ON CONFLICT DO NOTHING"""


def recognised(link: LinkPlan, table: TablePlan) -> str:
    """Compares the rows that would be merged with the target's.

    For each way in which their records were recognised a row: the way; how many there are, how many would change, in
    how many protection keeps a value; and arrays of the same two numbers for each of the value columns.
    """
    row = own_row(link, table)
    joins = [*row.joins, f"JOIN {table.table.only}{table.name.sql} AS target ON {row.sql}"]
    joins.append(image(link, table, "new", "sent"))
    if any(column.by_key for column in table.value_columns):
        joins.append(image(link, table, "old", "was"))
    changes, keeps = [], []
    for column in table.value_columns:
        current, kind = f"target.{quote(column.name)}", column.column.type
        if column.by_key:
            merge = members.change(link, table, column, "target")
            value, let_through = Value(merge.merged, merge.joins), merge.protected
        else:
            value = translated_once(link, table, column, Row(sent, "target"))
            let_through = protected(column, value.sql)
        joins += value.joins
        written = current if column.protection is Protection.NEVER else let_through
        comes = f"{quote(link.hstore_schema)}.exist(change.new, {literal(column.name)})"
        changes.append(f"{comes} AND {distinct(current, written, kind)}")
        if column.protection is Protection.ALWAYS:
            keeps.append("false")
        else:
            keeps.append(f"{comes} AND {distinct(written, value.sql, kind)} AND {distinct(current, value.sql, kind)}")
    return f"""\
SELECT
    found_by,
    count(*),
    count(*) FILTER (WHERE true = ANY (changes)),
    count(*) FILTER (WHERE true = ANY (keeps)),
    {_counts("changes", len(changes))},
    {_counts("keeps", len(keeps))}
FROM (
    SELECT
        {"own.found_by" if table.surrogate else "'key'"} AS found_by,
        ARRAY[
{lines(changes, depth=3)}
        ]::boolean[] AS changes,
        ARRAY[
{lines(keeps, depth=3)}
        ]::boolean[] AS keeps
    FROM pg_temp.change AS change
    {chr(10).join(joins)}
    WHERE change.table_id = {table.number} AND change.op = {"'M'" if _can_merge(table) else "'I'"}
    OFFSET 0
) AS compared
GROUP BY found_by"""


def _can_merge(table: TablePlan) -> bool:
    return table.surrogate or bool(table.value_columns)


def _counts(name: str, number: int) -> str:
    counts: Sequence[str] = [f"count(*) FILTER (WHERE {name}[{i}])" for i in range(1, number + 1)]
    return f"ARRAY[{', '.join(counts)}]::bigint[]"
