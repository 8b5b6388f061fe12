"""SQL that adds up: of a table whose rows are totals differences are applied, each to the row of its combination.

A difference commutes with every other one, so that no order among them has to be kept, and none is in conflict with
another. The rows are each node's own: one is made where there is none of a combination, and none is taken away.
"""

from collections.abc import Iterable, Sequence

from ucrepl.plan.model import ColumnPlan, LinkPlan, Protection, TablePlan
from ucrepl.plan.text import lines, literal, quote
from ucrepl.plan.translate import SENT, Row, looked_up, sent


def note_untold(link: LinkPlan, table: TablePlan) -> str:
    """Notes the changes that do not say of what they are: they refer to a record that is not known here.

    Or they were captured before the node knew that the rows are totals, when only changed columns were recorded.
    """
    hstore, by = quote(link.hstore_schema), by_of(table)
    needed = ", ".join(literal(c.name) for c in (*by, *sums_of(table)))
    name = literal(str(table.name))
    tests = [
        f"({literal(c.name)}, {sent(c)}::text, {sent(c)} IS NOT NULL AND {_local(link, table, c)} IS NULL)"
        for c in by
        if c.is_reference or c.reference
    ]
    unresolved = f"""
UNION ALL
SELECT change.seq, 'unresolved', 'UC001',
    format('no local record is known for %s.%s = %s of the source', {name}, reference.name, reference.value)
FROM {_sides(link, table)}
{_unfolded(link, _with_siblings(table, by), "change.image")}
CROSS JOIN LATERAL (
    VALUES
{lines(tests, depth=2)}
) AS reference (name, value, unresolved)
WHERE reference.unresolved"""
    return f"""\
INSERT INTO pg_temp.trouble (seq, reason, sqlstate, message)
SELECT change.seq, 'missing', NULL,
    format('it was captured before the source knew that rows of %s are totals', {name})
FROM pg_temp.change AS change
WHERE change.table_id = {table.number} AND change.op <> 'I'
    AND {hstore}.exists_all(change.old, ARRAY[{needed}]) IS NOT TRUE{unresolved if tests else ""}"""


def add_up(link: LinkPlan, table: TablePlan) -> str:
    """Applies the staged changes of a table whose rows are totals.

    Of several rows of one combination the first one takes the difference. A row that somebody takes away, or moves to
    another combination, while this waits for it is none: then a new one is made. What is no sum is taken over as a
    value where an update brings it, unless it was changed here later (`pg_temp.touched`).
    """
    by, sums = by_of(table), sums_of(table)
    own_key = table.table.key if table.table.surrogate else ()
    others = [c for c in table.columns if not (c in by or c in sums or c.is_local or c.name in own_key)]
    rows, keys = f"{table.table.only}{table.name.sql}", [quote(name) for name in table.table.key]
    moved = [f"{_local(link, table, c)} AS {_by(i)}" for i, c in enumerate(by)]
    moved += [f"sum(change.sign * coalesce({sent(c)}::numeric, 0)) AS {_sum(i)}" for i, c in enumerate(sums)]
    changes = " OR ".join(f"chosen.{_sum(i)} <> 0" for i in range(len(sums)))
    written = [c for c in others if c.protection is not Protection.NEVER and c.name not in table.table.key]
    sets = [
        f"{quote(c.name)} = (coalesce(target.{quote(c.name)}::numeric, 0) + chosen.{_sum(i)})::{c.column.type}"
        for i, c in enumerate(sums)
    ]
    sets += [f"{quote(c.name)} = {_value(link, table, c)}" for c in written if not c.is_uncertain]
    made = {quote(c.name): f"chosen.{_by(i)}" for i, c in enumerate(by)}
    made |= {quote(c.name): f"chosen.{_sum(i)}::{c.column.type}" for i, c in enumerate(sums)}
    made |= {quote(c.name): _local(link, table, c) for c in others}
    overriding = "OVERRIDING SYSTEM VALUE\n" if any(c.column.identity for c in (*by, *sums, *others)) else ""
    return f"""\
WITH moved AS (
    SELECT
{lines(moved, depth=2)},
        (array_agg(change.image ORDER BY change.sign DESC, change.seq DESC))[1] AS image,
        ucrepl.overlay(change.given ORDER BY change.seq) AS given,
        max(change.at) AS at,
        sum(CASE change.op WHEN 'I' THEN 1 WHEN 'D' THEN -1 ELSE 0 END) > 0 AS is_new
    FROM {_sides(link, table)}
    {_unfolded(link, [*_with_siblings(table, by), *sums], "change.image")}
    GROUP BY {", ".join(str(i + 1) for i in range(len(by)))}
),
chosen AS MATERIALIZED (
    SELECT moved.*, row_number() OVER () AS place, here.*
    FROM moved
    LEFT JOIN LATERAL (
        SELECT {", ".join(f"target.{key} AS key_{i}" for i, key in enumerate(keys))}
        FROM {rows} AS target
        WHERE {_same(by, "moved")}
        ORDER BY {", ".join(f"target.{key}" for key in keys)}
        LIMIT 1
    ) AS here ON true
    ORDER BY {", ".join(f"here.key_{i}" for i in range(len(keys)))}
),
added AS (
    UPDATE {rows} AS target
    SET
{lines(sets, depth=2)}
    FROM chosen
    {_unfolded(link, written, "chosen.given")}
    WHERE {" AND ".join(f"target.{key} = chosen.key_{i}" for i, key in enumerate(keys))}
        AND {_same(by, "chosen")}
        AND ({changes} OR chosen.given IS NOT NULL)
    RETURNING chosen.place
)
INSERT INTO {table.name.sql} (
{lines(made)}
)
{overriding}SELECT
{lines(made.values())}
FROM chosen
{_unfolded(link, table.columns, "chosen.image")}
WHERE CASE WHEN chosen.key_0 IS NULL
    THEN {changes} OR chosen.is_new
    ELSE ({changes}) AND NOT EXISTS (SELECT FROM added WHERE added.place = chosen.place)
END"""


def clear(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    """Takes away the rows that hold nothing and belong to records whose deletes are staged: they would forbid these."""
    referred = link.by_name[column.refers_to] if column.refers_to else table
    nothing = " AND ".join(f"coalesce(target.{quote(c.name)}, 0) = 0" for c in sums_of(table))
    return f"""\
DELETE FROM {table.table.only}{table.name.sql} AS target
USING pg_temp.change AS change
JOIN ucrepl.identity AS own
    ON own.peer_id = {link.peer_id} AND own.remote_table = {referred.space} AND own.remote_id = change.key::bigint
WHERE change.table_id = {referred.number} AND change.op = 'D'
    AND target.{quote(column.name)} = own.local_id AND {nothing}"""


def chain(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    """Has each staged update of a record begin, in a column that adds up, with the value with which the last one ended.

    Between two of them the source may have got a difference of somebody else: merged they would send it back.
    """
    hstore, name = quote(link.hstore_schema), literal(column.name)
    return f"""\
WITH written AS (
    SELECT c.seq, c.key, c.op,
        count(*) OVER (PARTITION BY c.key) AS changes,
        count(*) FILTER (WHERE c.op = 'I') OVER (PARTITION BY c.key ORDER BY c.seq) AS life,
        coalesce({hstore}.fetchval(c.old, {name})::numeric, 0) AS was,
        coalesce({hstore}.fetchval(c.new, {name})::numeric, 0) AS now
    FROM pg_temp.change AS c
    WHERE c.table_id = {table.number} AND c.op IN ('I', 'U') AND {hstore}.exist(c.new, {name})
),
chained AS (
    SELECT w.seq, w.op, w.now - w.was AS difference,
        first_value(CASE w.op WHEN 'I' THEN w.now ELSE w.was END) OVER life
        + sum(CASE w.op WHEN 'U' THEN w.now - w.was ELSE 0 END) OVER life AS total
    FROM written AS w
    WHERE w.changes > 1
    WINDOW life AS (PARTITION BY w.key, w.life ORDER BY w.seq)
)
UPDATE pg_temp.change AS change
SET
    old = {hstore}.hs_concat(change.old, {hstore}.hstore({name}, (chained.total - chained.difference)::text)),
    new = {hstore}.hs_concat(change.new, {hstore}.hstore({name}, chained.total::text))
FROM chained
WHERE change.seq = chained.seq AND change.table_id = {table.number} AND chained.op = 'U'"""


def _sides(link: LinkPlan, table: TablePlan) -> str:
    """The changes, each once as it takes from a combination, once as it adds to one. `given`: what an update brings."""
    after = f"CASE WHEN change.op IN ('U', 'K') THEN {quote(link.hstore_schema)}.hs_concat(change.old, change.new)"
    return f"""(
    SELECT change.seq, change.op, change.at, side.sign, side.image, side.given
    FROM pg_temp.change AS change
    CROSS JOIN LATERAL (
        VALUES
            (-1, change.old, NULL),
            (1, {after} ELSE change.new END, CASE WHEN change.op IN ('U', 'K') THEN change.new END)
    ) AS side (sign, image, given)
    WHERE change.table_id = {table.number} AND side.image IS NOT NULL
) AS change"""


def _unfolded(link: LinkPlan, columns: Iterable[ColumnPlan], image: str) -> str:
    """The join that takes columns out of an image, under the name `sent`."""
    fetch = f"{quote(link.hstore_schema)}.fetchval({image}, "
    values = [f"{fetch}{literal(c.name)})::{c.column.type} AS {quote(c.name)}" for c in dict.fromkeys(columns)]
    return f"CROSS JOIN LATERAL (\n    SELECT\n{lines(values, depth=2)}\n    OFFSET 0\n) AS sent"


def _value(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    """What a column of the local row holds after an update of the source: its own value where that is later."""
    name, own_key = literal(column.name), quote(table.table.key[0])
    found = looked_up(link, table, column, sent(column), Row(sent, "target"))
    key = f"target.{own_key}::text"
    if len(table.table.key) > 1:
        key = f"ARRAY[{', '.join(f'target.{quote(k)}::text' for k in table.table.key)}]::text"
    later = (
        f"SELECT FROM pg_temp.touched AS t WHERE t.table_id = {table.number} AND t.local_key = {key}"
        f" AND t.column_name = {name} AND t.at > chosen.at"
    )
    given = f"{quote(link.hstore_schema)}.exist(chosen.given, {literal(column.name)})"
    return f"CASE WHEN {given} AND NOT EXISTS ({later}) THEN {found} ELSE target.{quote(column.name)} END"


def _local(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    return looked_up(link, table, column, sent(column), SENT)


def _same(by: Sequence[ColumnPlan], row: str) -> str:
    """The condition that a local row is of the combination; written so that an index on a column can find it."""
    return " AND ".join(
        f"target.{quote(c.name)} = {row}.{_by(i)}"
        if c.column.not_null
        else f"(target.{quote(c.name)} = {row}.{_by(i)} OR (target.{quote(c.name)} IS NULL AND {row}.{_by(i)} IS NULL))"
        for i, c in enumerate(by)
    )


def _with_siblings(table: TablePlan, columns: Sequence[ColumnPlan]) -> list[ColumnPlan]:
    """The columns, and those without which their values can't be translated."""
    return [*columns, *(table.column(name) for c in columns for name in c.siblings)]


def _by(place: int) -> str:
    return f"by_{place}"


def _sum(place: int) -> str:
    return f"sum_{place}"


def by_of(table: TablePlan) -> list[ColumnPlan]:
    """The columns that say of what a row is the total."""
    return [table.column(name) for name in (table.totals.by if table.totals else ())]


def sums_of(table: TablePlan) -> list[ColumnPlan]:
    """The columns that add up."""
    return [table.column(name) for name in (table.totals.sums if table.totals else ())]
