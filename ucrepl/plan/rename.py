"""SQL for columns whose names have the id of a record, and are called otherwise on the target."""

from collections.abc import Iterable

from ucrepl.plan.model import LinkPlan, TablePlan
from ucrepl.plan.rows import with_parameters
from ucrepl.plan.text import lines, literal, quote


def columns(link: LinkPlan, table: TablePlan) -> str:
    """Gives values of such columns the names that the columns have on the target. Needs the parameter `link`.

    A column that is to be held keeps its name, as long as there is no column for it here, or values of it are held. A
    value of another one is left out where the record in its name is not known.
    """
    hstore = quote(link.hstore_schema)
    held = [n.name for n in table.named_by_ids if n.name in table.held_columns]
    rest = [n.name for n in table.named_by_ids if n.name not in held]
    named = [
        f"({literal(n.name)}, {n.remote_id}, {n.space}, {literal(n.before)}, {literal(n.after)},"
        f" {str(n.name in held).lower()})"
        for n in table.named_by_ids
    ]
    images = [
        f"""{image} = {hstore}.hs_concat(
        {hstore}.delete(change.{image}, {_texts(rest)} || ARRAY(SELECT known.name FROM known)),
        coalesce(
            (
                SELECT {hstore}.hstore(
                    array_agg(known.local_name), array_agg({hstore}.fetchval(change.{image}, known.name))
                )
                FROM known
                WHERE {hstore}.exist(change.{image}, known.name)
            ),
            ''
        )
    )"""
        for image in ("old", "new", "times")
    ]
    statement = f"""\
WITH named (name, remote_id, space, before, after, is_held) AS (
    VALUES
{lines(named, depth=2)}
),
known AS (
    SELECT n.name, n.before || i.local_id || n.after AS local_name
    FROM named AS n
    JOIN ucrepl.identity AS i
        ON i.peer_id = {link.peer_id} AND i.remote_table = n.space AND i.remote_id = n.remote_id
    WHERE NOT n.is_held
        OR n.before || i.local_id || n.after = ANY ({_texts(c.name for c in table.columns)})
        AND NOT EXISTS (
            SELECT FROM ucrepl.held AS h
            WHERE h.link_id = %(link)s AND h.table_id = {table.number} AND h.op = 'C' AND {hstore}.exist(h.new, n.name)
        )
)
UPDATE pg_temp.change AS change
SET
{lines(images)}
WHERE change.table_id = {table.number}"""
    return with_parameters(statement, "link")


def _texts(names: Iterable[str]) -> str:
    return f"ARRAY[{', '.join(map(literal, names))}]::text[]"
