"""SQL that remembers what stands for records that are not known here, and puts it right when they come."""

from collections.abc import Sequence

from ucrepl.plan.model import ColumnPlan, LinkPlan, TablePlan
from ucrepl.plan.rows import row_key, with_parameters
from ucrepl.plan.text import lines, literal, quote
from ucrepl.plan.translate import image, own_row, sent
from ucrepl.plan.write import new_key


def note(link: LinkPlan, table: TablePlan, columns: Sequence[ColumnPlan]) -> str:
    """Remembers the references of written changes that are null here because their record is not known.

    What was remembered of a reference that has another value now is forgotten.
    """
    row, hstore = own_row(link, table), quote(link.hstore_schema)
    values = [
        f"({literal(c.name)}::name, {_space(link, c)}, {sent(c)}::bigint, target.{quote(c.name)} IS NULL,"
        f" {'true' if table.wide else f'{hstore}.exist(change.new, {literal(c.name)})'})"
        for c in columns
    ]
    used = "\n".join(values)
    joins = "\n".join([*row.joins, image(link, table, "new", "sent", used)])
    return f"""\
WITH reference AS (
    SELECT
        change.key,
        {row_key(table.table, "target")} AS local_key,
        v.column_name,
        v.space,
        v.remote_id,
        change.at,
        v.is_null AND v.remote_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM ucrepl.identity AS known
            WHERE known.peer_id = {link.peer_id} AND known.remote_table = v.space AND known.remote_id = v.remote_id
        ) AS is_unknown
    FROM pg_temp.change AS change
    {joins}
    JOIN {table.table.only}{table.name.sql} AS target ON {row.sql}
    CROSS JOIN LATERAL (
        VALUES
{lines(values, depth=3)}
    ) AS v (column_name, space, remote_id, is_null, is_sent)
    WHERE change.table_id = {table.number} AND change.op IN ('I', 'U', 'M') AND v.is_sent
),
settled AS (
    DELETE FROM ucrepl.stopgap AS s
    USING reference AS r
    WHERE s.peer_id = {link.peer_id} AND s.table_id = {table.number} AND s.key = r.key
        AND s.column_name = r.column_name AND NOT r.is_unknown
)
INSERT INTO ucrepl.stopgap (peer_id, table_id, key, column_name, local_key, space, remote_id, at)
SELECT {link.peer_id}, {table.number}, r.key, r.column_name, r.local_key, r.space, r.remote_id, r.at
FROM reference AS r
WHERE r.is_unknown
ON CONFLICT (peer_id, table_id, key, column_name) DO UPDATE
SET
    local_key = excluded.local_key,
    space = excluded.space,
    remote_id = excluded.remote_id,
    new = NULL,
    at = excluded.at"""


def note_left_out(link: LinkPlan, table: TablePlan) -> str:
    """Remembers the new rows that are about to be left out because a record is not known, before they are."""
    values = [f"({literal(c.name)}::name, {_space(link, c)}, {sent(c)}::bigint)" for c in table.lacking]
    return f"""\
INSERT INTO ucrepl.stopgap (peer_id, table_id, key, column_name, space, remote_id, new, at)
SELECT DISTINCT ON (change.key)
    {link.peer_id}, {table.number}, change.key, v.column_name, v.space, v.remote_id, change.new, change.at
FROM pg_temp.change AS change
{image(link, table, "new", "sent", chr(10).join(values))}
CROSS JOIN LATERAL (
    VALUES
{lines(values, depth=2)}
) AS v (column_name, space, remote_id)
WHERE change.table_id = {table.number} AND change.op = 'I' AND v.remote_id IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM ucrepl.identity AS known
        WHERE known.peer_id = {link.peer_id} AND known.remote_table = v.space AND known.remote_id = v.remote_id
    )
ON CONFLICT (peer_id, table_id, key, column_name) DO UPDATE
SET space = excluded.space, remote_id = excluded.remote_id, new = excluded.new, at = excluded.at"""


def leave_alone(link: LinkPlan, table: TablePlan) -> str:
    """Takes columns out of merges of whole rows: those that hold nothing on the source but what stands for a record.

    They are given by the parameters `keys` and `names`, which go together.
    """
    hstore = quote(link.hstore_schema)
    statement = f"""\
UPDATE pg_temp.change AS change
SET new = {hstore}.delete(change.new, unsent.names)
FROM (
    SELECT u.key, array_agg(u.name) AS names
    FROM unnest(%(keys)s::text[], %(names)s::text[]) AS u (key, name)
    GROUP BY u.key
) AS unsent
WHERE change.table_id = {table.number} AND change.op = 'M' AND change.key = unsent.key"""
    return with_parameters(statement, "keys", "names")


def follow_key(link: LinkPlan, table: TablePlan) -> str:
    """Gives what is remembered of a row of the source its new key. What still has that is of a row that is gone."""
    of_changed = f"change.table_id = {table.number} AND change.op = 'K'"
    remembered = f"s.peer_id = {link.peer_id} AND s.table_id = {table.number}"
    return f"""\
WITH gone AS (
    DELETE FROM ucrepl.stopgap AS s
    USING pg_temp.change AS change
    WHERE {of_changed} AND {remembered} AND s.key = {new_key(link, table)}
)
UPDATE ucrepl.stopgap AS s
SET key = {new_key(link, table)}
FROM pg_temp.change AS change
WHERE {of_changed} AND {remembered} AND s.key = change.key"""


def forget_deleted(link: LinkPlan, table: TablePlan) -> str:
    """Forgets what was remembered of rows that the source has deleted."""
    return f"""\
DELETE FROM ucrepl.stopgap AS s
USING pg_temp.change AS change
WHERE change.table_id = {table.number} AND change.op = 'D'
    AND s.peer_id = {link.peer_id} AND s.table_id = {table.number} AND s.key = change.key"""


def fill(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    """Writes the references of a column whose records are here by now, where the null of before is still there."""
    referred = link.by_name[column.refers_to] if column.refers_to else table
    row = f"{row_key(table.table, 'target')} = come.local_key"
    if len(table.table.key) == 1:
        [key] = table.table.key
        row = f"target.{quote(key)} = come.local_key::{table.table.columns[key].type}"
    return f"""\
WITH come AS (
    DELETE FROM ucrepl.stopgap AS s
    USING ucrepl.identity AS i
    WHERE s.peer_id = {link.peer_id} AND s.table_id = {table.number} AND s.column_name = {literal(column.name)}
        AND s.local_key IS NOT NULL
        AND i.peer_id = s.peer_id AND i.remote_table = s.space AND i.remote_id = s.remote_id
        AND EXISTS (
            SELECT FROM {referred.table.only}{referred.name.sql} AS here
            WHERE here.{quote(referred.table.key[0])} = i.local_id
        )
    RETURNING s.local_key, i.local_id
)
UPDATE {table.table.only}{table.name.sql} AS target
SET {quote(column.name)} = come.local_id
FROM come
WHERE {row} AND target.{quote(column.name)} IS NULL"""


def stage(link: LinkPlan, table: TablePlan) -> str:
    """Stages the rows that were left out, and of which the record that they lacked is known by now."""
    return f"""\
WITH come AS (
    DELETE FROM ucrepl.stopgap AS s
    USING ucrepl.identity AS i
    WHERE s.peer_id = {link.peer_id} AND s.table_id = {table.number} AND s.local_key IS NULL
        AND i.peer_id = s.peer_id AND i.remote_table = s.space AND i.remote_id = s.remote_id
    RETURNING s.key, s.new, s.at
)
INSERT INTO pg_temp.change (xid, table_id, op, key, new, at)
SELECT '3'::xid8, {table.number}, 'I', come.key, come.new, come.at
FROM come"""


def _space(link: LinkPlan, column: ColumnPlan) -> str:
    return str(link.space_of(column.refers_to)) if column.refers_to else "NULL::integer"
