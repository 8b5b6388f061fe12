"""SQL that keeps the values of columns which the target's table has not, until it has them."""

from collections.abc import Container, Iterable

from ucrepl.plan.model import LinkPlan, TablePlan
from ucrepl.plan.rows import with_parameters
from ucrepl.plan.text import literal, quote
from ucrepl.plan.write import new_key


def keep_values(link: LinkPlan, table: TablePlan, *, with_key: bool = False) -> str:
    """Keeps the values that the written changes have for columns without a place: of each record the last ones.

    `with_key`: of the update of a key that is not mapped. Needs the parameter `link`.
    """
    hstore = quote(link.hstore_schema)
    names = _names(table.held_columns)
    return _keep(link, table, f"{hstore}.slice(change.new, {names})", with_key=with_key)


def keep_unknown(link: LinkPlan, table: TablePlan, *, with_key: bool = False) -> str:
    """The same for columns that the source had when the changes were written, and has no more."""
    known = dict.fromkeys(
        [*table.source_columns, *(c.name for c in table.columns), *(c.name for c in table.late_columns)]
    )
    image = f"{quote(link.hstore_schema)}.delete(change.new, {_names(known)})"
    return _keep(link, table, image, with_key=with_key)


def _keep(link: LinkPlan, table: TablePlan, image: str, *, with_key: bool) -> str:
    operations = "'K'" if with_key else "'I', 'U', 'M'"
    hstore = quote(link.hstore_schema)
    statement = f"""\
INSERT INTO ucrepl.held AS held (link_id, seq, xid, table_id, op, key, old, new, at, times)
SELECT
    %(link)s,
    change.seq,
    change.xid,
    {table.number},
    'C',
    {new_key(link, table) if with_key else "change.key"},
    {hstore}.slice(change.old, {hstore}.akeys(sent.image)),
    sent.image,
    change.at,
    coalesce(
        {hstore}.slice(change.times, {hstore}.akeys(sent.image)),
        {hstore}.hstore(
            {hstore}.akeys(sent.image), array_fill(change.at::text, ARRAY[cardinality({hstore}.akeys(sent.image))])
        )
    )
FROM pg_temp.change AS change
CROSS JOIN LATERAL (SELECT {image} AS image) AS sent
WHERE change.table_id = {table.number} AND change.op IN ({operations}) AND cardinality({hstore}.akeys(sent.image)) > 0
ON CONFLICT (link_id, table_id, key) WHERE op = 'C' DO UPDATE
SET
    seq = excluded.seq,
    xid = excluded.xid,
    old = {hstore}.hs_concat(
        {hstore}.delete(coalesce(excluded.old, ''), {hstore}.akeys(held.new)), coalesce(held.old, '')
    ),
    new = {hstore}.hs_concat(held.new, excluded.new),
    at = excluded.at,
    times = {hstore}.hs_concat(held.times, excluded.times)"""
    return with_parameters(statement, "link")


def _names(names: Iterable[str]) -> str:
    return f"ARRAY[{', '.join(map(literal, names))}]::text[]"


def forget_values(_link: LinkPlan, table: TablePlan) -> str:
    """Forgets the values that are held of records which were deleted, or made anew. Needs the parameter `link`."""
    return f"""\
DELETE FROM ucrepl.held AS held
USING pg_temp.change AS change
WHERE held.link_id = %(link)s AND held.table_id = {table.number} AND held.op = 'C'
    AND change.table_id = {table.number} AND change.op IN ('D', 'I', 'M') AND held.key = change.key"""


def follow_key(link: LinkPlan, table: TablePlan) -> str:
    """Gives the values that are held of a record its new key. Needs the parameter `link`."""
    return with_parameters(
        f"""\
UPDATE ucrepl.held AS held
SET key = {new_key(link, table)}
FROM pg_temp.change AS change
WHERE held.link_id = %(link)s AND held.table_id = {table.number} AND held.op = 'C'
    AND change.table_id = {table.number} AND change.op = 'K' AND held.key = change.key""",
        "link",
    )


def without_model(link: LinkPlan, tables: Container[int]) -> dict[str, object]:
    """The parameters that tell which changes of these tables name a model that has no table on the target."""
    naming = [(number, name) for number, names in link.naming.items() if number in tables for name in names]
    return {
        "naming": [number for number, _ in naming],
        "naming_names": [name for _, name in naming],
        "models": [name.table for name in link.missing.values()],
    }
