"""SQL that compares the sums of totals on both sides, and stages what makes them the same.

Sums are told as they were at a position of a journal: what was written later is taken back. So each side is compared by
what the other one has got of it, while both are in use.
"""

from collections.abc import Iterable

from ucrepl.plan import mask
from ucrepl.plan.model import ColumnPlan, LinkPlan, TablePlan
from ucrepl.plan.rows import with_parameters
from ucrepl.plan.text import lines, literal, quote
from ucrepl.plan.totals import by_of, sums_of
from ucrepl.plan.translate import SENT, looked_up, sent

_TOLERANCE = "1e-9"  # of what binary floating point leaves behind


def there(table: TablePlan, number: int, hstore: str, *, since: bool) -> str:
    """The sums of the source; `since`: as they were at the position in the parameter `position`.

    `number` is the table's on the source, `hstore` the source's schema of that extension.
    """
    image = mask.image(hstore, table.masks)
    parts = [_rows(table, image, on_source=True)]
    if since:
        parts.append(_journal(table, number, hstore, on_source=True))
    summed = _summed(table, parts, "(array_agg(part.image ORDER BY part.place))[1]::text AS image")
    return with_parameters(summed, "position")


def parked(number: int) -> str:
    """The changes of the link in the parameter `link` that are parked where it ends."""
    return f"""\
SELECT p.op::text, p.old::text, p.new::text
FROM ucrepl.parked AS p
JOIN ucrepl.link AS k ON k.link_id = p.link_id AND k.name = %(link)s
WHERE p.table_id = {number} AND p.skipped_at IS NULL"""


def compare(link: LinkPlan, table: TablePlan, *, since: bool) -> str:
    """Notes the combinations whose sums differ, with those of the target as they were at `position` (see `there`).

    `missing`: the target has none; `extra`: the source has none, but knows of what they are; `own`: it does not.
    """
    hstore = quote(link.hstore_schema)
    by, sums = by_of(table), sums_of(table)
    parts = [_rows(table, "NULL", on_source=False)]
    if since:
        parts.append(_journal(table, table.number, link.hstore_schema, on_source=False))
        parts.append(_waiting(link, table))
    unresolved = " OR ".join(
        f"({sent(c)} IS NOT NULL AND {looked_up(link, table, c, sent(c), SENT)} IS NULL)" for c in by
    )
    local = ", ".join(f"{looked_up(link, table, c, sent(c), SENT)}::text" for c in by)
    names = ", ".join(literal(c.name) for c in by)
    told = "array_to_string(ARRAY(SELECT n || '=' || v FROM unnest(ARRAY[{names}], {values}) AS u (n, v)), ', ')"
    unknown = [
        f"(here.by_values[{i + 1}] IS NOT NULL AND NOT EXISTS (SELECT FROM ucrepl.identity AS i"
        f" WHERE i.peer_id = {link.peer_id} AND i.local_table = {link.space_of(c.refers_to)}"
        f" AND i.local_id = here.by_values[{i + 1}]::bigint AND i.deleted_at IS NULL))"
        for i, c in enumerate(by)
        if c.refers_to
    ]
    zero = f"ARRAY[{', '.join(['0'] * len(sums))}]::numeric[]"
    differs = " OR ".join(
        f"abs(coalesce(there.sums[{i}], 0) - coalesce(here.sums[{i}], 0))"
        f" > {_TOLERANCE} * greatest(1, abs(there.sums[{i}]), abs(here.sums[{i}]))"
        for i in range(1, len(sums) + 1)
    )
    own = f"ARRAY[{', '.join(f'part.{_by(i)}' for i in range(len(by)))}]::text[] AS by_values"
    remote = f"ARRAY[{', '.join(f'{sent(c)}::text' for c in by)}]::text[]"
    statement = f"""\
WITH there AS (
    SELECT CASE WHEN ({unresolved}) IS NOT TRUE THEN ARRAY[{local}]::text[] END AS by_values,
        {remote} AS remote_values, t.sums, t.image
    FROM pg_temp.sums_there AS t
    {_unfolded(hstore, by, f"t.image::{hstore}.hstore", "sent", on_source=False)}
),
here AS (
{_summed(table, parts, own)}
)
INSERT INTO pg_temp.sums_found (kind, key, local_key, here, there, image)
SELECT
    CASE
        WHEN here.sums IS NULL THEN 'missing'
        WHEN there.sums IS NOT NULL THEN 'different'
        WHEN {" OR ".join(unknown) or "false"} THEN 'own'
        ELSE 'extra'
    END,
    CASE WHEN there.sums IS NOT NULL THEN {told.format(names=names, values="there.remote_values")} END,
    CASE WHEN here.sums IS NOT NULL THEN {told.format(names=names, values="here.by_values")} END,
    coalesce(here.sums, {zero}),
    coalesce(there.sums, {zero}),
    there.image
FROM there
FULL JOIN here ON here.by_values = there.by_values
WHERE {differs}"""
    return with_parameters(statement, "position")


def stage(link: LinkPlan, table: TablePlan, into: str, seq: str) -> str:
    """Stages in a table of changes what gives the target the sums of the source. `seq`: the SQL of their numbers."""
    hstore = quote(link.hstore_schema)
    names = f"ARRAY[{', '.join(literal(c.name) for c in sums_of(table))}]"
    return f"""\
INSERT INTO pg_temp.{into} (seq, xid, table_id, op, old, new, at)
SELECT {seq}, pg_catalog.pg_current_xact_id(), {table.number}, 'U',
    {hstore}.hs_concat(f.image::{hstore}.hstore, {hstore}.hstore({names}, f.here::text[])),
    {hstore}.hstore({names}, f.there::text[]),
    pg_catalog.clock_timestamp()
FROM pg_temp.sums_found AS f
WHERE f.kind IN ('missing', 'different')"""


def _rows(table: TablePlan, image: str, *, on_source: bool) -> str:
    by = [f"{mask.ROW}.{quote(_name(c, on_source))} AS {_by(i)}" for i, c in enumerate(by_of(table))]
    sums = [
        f"coalesce({mask.ROW}.{quote(_name(c, on_source))}::numeric, 0) AS {_sum(i)}"
        for i, c in enumerate(sums_of(table))
    ]
    return (
        f"SELECT {', '.join([*by, *sums])}, {image} AS image, 0 AS place"
        f"\nFROM {table.table.only}{table.name.sql} AS {mask.ROW}"
    )


def _journal(table: TablePlan, number: int, hstore: str, *, on_source: bool) -> str:
    """What is in a journal after the position, to be taken back."""
    schema = quote(hstore)
    changes = f"""\
SELECT j.op::text AS op, j.old, j.new
    FROM ucrepl.journal AS j
    WHERE j.table_id = {number} AND (
        j.xid >= pg_catalog.pg_snapshot_xmax(%(position)s::pg_snapshot)
        OR j.xid = ANY (ARRAY(SELECT x FROM pg_catalog.pg_snapshot_xip(%(position)s::pg_snapshot) AS x))
    )"""
    return _taken_back(table, schema, changes, on_source=on_source)


def _waiting(link: LinkPlan, table: TablePlan) -> str:
    """What of the target's own changes is parked on the source, to be taken back."""
    schema = quote(link.hstore_schema)
    changes = (
        f"SELECT w.op, w.old::{schema}.hstore AS old, w.new::{schema}.hstore AS new FROM pg_temp.sums_waiting AS w"
    )
    return _taken_back(table, schema, changes, on_source=False)


def _taken_back(table: TablePlan, schema: str, changes: str, *, on_source: bool) -> str:
    by, sums = by_of(table), sums_of(table)
    columns = [f"sent.{quote(c.name)}" for c in by]
    columns += [f"-side.sign * coalesce(sent.{quote(c.name)}::numeric, 0)" for c in sums]
    needed = ", ".join(literal(_name(c, on_source)) for c in (*by, *sums))
    return f"""\
SELECT {", ".join(columns)}, side.image, 1
FROM (
    {changes}
) AS change
CROSS JOIN LATERAL (
    VALUES
        (-1, change.old),
        (1, CASE WHEN change.op IN ('U', 'K') THEN {schema}.hs_concat(change.old, change.new) ELSE change.new END)
) AS side (sign, image)
{_unfolded(schema, [*by, *sums], "side.image", "sent", on_source=on_source)}
WHERE side.image IS NOT NULL AND (change.op = 'I' OR {schema}.exists_all(change.old, ARRAY[{needed}]))"""


def _summed(table: TablePlan, parts: Iterable[str], also: str) -> str:
    """The sums of the parts by combination; `also` is selected besides."""
    sums = ", ".join(f"sum(part.{_sum(i)})" for i in range(len(sums_of(table))))
    groups = ", ".join(f"part.{_by(i)}" for i in range(len(by_of(table))))
    together = "\nUNION ALL\n".join(parts)
    return f"""\
SELECT ARRAY[{sums}]::numeric[] AS sums, {also}
FROM (
{together}
) AS part
GROUP BY {groups}"""


def _unfolded(hstore: str, columns: Iterable[ColumnPlan], image: str, alias: str, *, on_source: bool) -> str:
    values = [
        f"{hstore}.fetchval({image}, {literal(_name(c, on_source))})::{c.column.type} AS {quote(c.name)}"
        for c in dict.fromkeys(columns)
    ]
    return f"CROSS JOIN LATERAL (\n    SELECT\n{lines(values, depth=2)}\n    OFFSET 0\n) AS {alias}"


def _name(column: ColumnPlan, on_source: bool) -> str:  # noqa: FBT001 - named at every call that is not this file's
    return column.on_source if on_source else column.name


def _by(place: int) -> str:
    return f"by_{place}"


def _sum(place: int) -> str:
    return f"sum_{place}"
