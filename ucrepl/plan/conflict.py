"""SQL of the careful way: what to do with changes that do not find on the target what they started from."""

from collections.abc import Sequence

from ucrepl.plan import members
from ucrepl.plan.brought import Brought
from ucrepl.plan.model import ColumnPlan, LinkPlan, Protection, TablePlan
from ucrepl.plan.text import lines, literal, quote
from ucrepl.plan.translate import SENT, Row, here, image, looked_up, own_row, sent, translated_once, was
from ucrepl.plan.types import distinct, empty, same


def lock_rows(link: LinkPlan, table: TablePlan) -> str:
    """Locks the local rows of updates and merges, so that what is compared now still holds when it is written."""
    row = own_row(link, table)
    joins = "\n".join(row.joins)
    return f"""\
SELECT count(*)
FROM (
    SELECT
    FROM pg_temp.change AS change
    {joins}
    JOIN {table.table.only}{table.name.sql} AS target ON {row.sql}
    WHERE change.table_id = {table.number} AND change.op IN ('U', 'M')
    ORDER BY target.ctid
    FOR NO KEY UPDATE OF target
) AS locked"""


def note_unknown(link: LinkPlan, table: TablePlan, op: str = "U") -> str:
    """Notes the updates (`op` D: the deletes) of records that have no identity here.

    They were there before the link and never seeded; or, where several nodes share ids, another peer has yet to send
    them.
    """
    known = (
        f"SELECT FROM ucrepl.identity AS i WHERE i.peer_id = {link.peer_id}"
        f" AND i.remote_table = {table.space} AND i.remote_id = change.key::bigint"
    )
    if table.partial_rule:
        return f"""\
WITH left_out AS (
    DELETE FROM pg_temp.change AS change
    WHERE change.table_id = {table.number} AND change.op = '{op}' AND NOT EXISTS ({known})
    RETURNING 1
)
INSERT INTO pg_temp.left_out (rule, rows)
SELECT {literal(table.partial_rule)}, count(*) FROM left_out"""
    return f"""\
INSERT INTO pg_temp.trouble (seq, reason, message)
SELECT change.seq, 'missing', format('%s %s of the source is not known here', {literal(str(table.name))}, change.key)
FROM pg_temp.change AS change
WHERE change.table_id = {table.number} AND change.op = '{op}' AND NOT EXISTS ({known})"""


def update_of_deleted(link: LinkPlan, table: TablePlan) -> str:
    """Meets updates of records that are deleted here: the delete wins, or the change is parked, as the rule says."""
    parks = table.deleted == "park"
    text = "%s %s was changed on the source and deleted here"
    return f"""\
WITH lost AS (
    INSERT INTO pg_temp.collision (seq, kind, table_id, remote_key, source_at, policy, winner)
    SELECT change.seq, 'deleted', change.table_id, change.key, change.at, {literal(table.deleted)},
        {literal("parked" if parks else "target")}
    FROM pg_temp.change AS change
    WHERE change.table_id = {table.number} AND change.op = 'U'
        AND NOT EXISTS (SELECT FROM pg_temp.trouble AS t WHERE t.seq = change.seq)
        AND {here(link, table)} IS NULL
    RETURNING seq, remote_key
)
{_note_lost(table, text) if parks else "DELETE FROM pg_temp.change AS change USING lost WHERE change.seq = lost.seq"}"""


def collide(link: LinkPlan, table: TablePlan, columns: tuple[ColumnPlan, ...]) -> str:
    """Notes the columns of updates and merges in which the target holds neither the old nor the new value.

    Where the later change wins, also those that the target itself has changed later, and then back to the old value.
    An old value that protection has kept from the target can't be found there, nor a reference to a record that has
    been deleted meanwhile, with ON DELETE SET NULL. A change that is none, once it is translated, is noted as `none`.
    Columns that are merged key by key are looked at so. Those that add up are in conflict only where a record is
    recognised.
    """
    watched = tuple(c for c in columns if c.can_conflict or c.adds_up)
    row = own_row(link, table)
    joins = [*row.joins, f"JOIN {table.table.only}{table.name.sql} AS target ON {row.sql}"]
    joins += [image(link, table, "new", "sent"), image(link, table, "old", "was")]
    hstore = quote(link.hstore_schema)
    candidates, queries = [], []
    for column in watched:
        if column.by_key:
            queries.append(members.candidates(link, table, column))
            continue
        new = translated_once(link, table, column, Row(sent, "target"))
        joins += new.joins
        old, current, kind = _before(link, table, column), f"target.{quote(column.name)}", column.column.type
        is_other, withheld = distinct(current, new.sql, kind), "false"
        if column.protection is Protection.NOT_EMPTY:
            is_other, withheld = f"{is_other} AND NOT {empty(new.sql, kind)}", empty(old, kind)
        if column.adds_up:
            is_other = f"{is_other} AND change.op = 'M' AND change.old IS NULL"
        is_unexpected = distinct(current, old, kind)
        if column.refers_to and column.on_delete == "n":
            is_unexpected += f" AND NOT ({current} IS NULL AND {_is_buried(link, column, was(column))})"
        is_none = "false"
        if column.is_reference or column.reference:
            before, after = (f"{hstore}.fetchval(change.{which}, {literal(column.name)})" for which in ("old", "new"))
            is_none = f"{same(old, new.sql, kind)} AND {before} IS DISTINCT FROM {after}"
        candidates.append(
            f"({literal(column.name)}, NULL::text[], NULL::text[], {old}::text, {new.sql}::text, {current}::text,"
            f" {literal(column.decided_by)}, {is_other}, {is_unexpected}, {withheld}, {is_none})"
        )
    if candidates:
        queries.insert(0, f"VALUES\n{lines(candidates)}")
    stamps = [literal(c.name) for c in watched if c.is_stamp]
    return f"""\
INSERT INTO pg_temp.collision (
    seq, kind, table_id, remote_key, local_key, column_name, path, remote_path, quiet, old_value, source_value,
    target_value, policy, source_at
)
SELECT
    change.seq,
    CASE
        WHEN candidate.is_none THEN 'none'
        WHEN change.op = 'M' AND change.old IS NULL THEN 'insert'
        WHEN candidate.was_withheld THEN 'withheld'
        ELSE 'update'
    END,
    change.table_id,
    change.key,
    {_local_key(table)},
    candidate.column_name,
    candidate.path,
    candidate.remote_path,
    {f"candidate.column_name IN ({', '.join(stamps)})" if stamps else "false"},
    candidate.old_value,
    candidate.source_value,
    candidate.target_value,
    candidate.policy,
    candidate_time.at
FROM pg_temp.change AS change
{chr(10).join(joins)}
CROSS JOIN LATERAL (
{lines(queries, separator=f"{chr(10)}UNION ALL")}
) AS candidate (
    column_name, path, remote_path, old_value, source_value, target_value, policy, is_other, is_unexpected,
    was_withheld, is_none
)
CROSS JOIN LATERAL (
    SELECT coalesce(
        {hstore}.fetchval(
            change.times, candidate.column_name || chr(31) || candidate.remote_path::text
        )::timestamptz,
        {hstore}.fetchval(change.times, candidate.column_name)::timestamptz,
        change.at
    ) AS at
) AS candidate_time
WHERE change.table_id = {table.number} AND change.op IN ('U', 'M')
    AND {hstore}.exist(change.new, candidate.column_name)
    AND candidate.is_other
    AND (candidate.is_unexpected OR candidate.policy = 'latest' AND EXISTS (
        SELECT FROM pg_temp.touched AS t
        WHERE t.table_id = {table.number} AND t.local_key = {_local_key(table)}
            AND t.column_name = candidate.column_name AND t.path IS NOT DISTINCT FROM candidate.path
            AND t.at >= candidate_time.at
    ))"""


def overwritten(link: LinkPlan, table: TablePlan) -> str:
    """Counts the columns in which an update has taken the place of what this node itself has written later."""
    row, hstore = own_row(link, table), quote(link.hstore_schema)
    joins = "\n".join(row.joins)
    return f"""\
SELECT count(*)
FROM pg_temp.change AS change
{joins}
JOIN {table.table.only}{table.name.sql} AS target ON {row.sql}
JOIN pg_temp.touched AS t ON t.table_id = {table.number} AND t.local_key = {_local_key(table)}
CROSS JOIN LATERAL (
    SELECT {hstore}.fetchval(j.new, t.column_name) AS value
    FROM ucrepl.journal AS j
    WHERE j.table_id = {table.number} AND j.key = t.local_key AND j.op = 'U'
        AND {hstore}.exist(j.new, t.column_name)
        AND j.xid >= coalesce((
            SELECT k.oldest_xid FROM ucrepl.tick AS k WHERE k.at < t.at - interval '1 second' ORDER BY k.at DESC LIMIT 1
        ), '0'::xid8)
    ORDER BY j.seq DESC
    LIMIT 1
) AS later
CROSS JOIN LATERAL (
    SELECT {hstore}.fetchval({hstore}.hstore(target.*), t.column_name) AS value
) AS held
WHERE change.table_id = {table.number} AND change.op = 'U'
    AND {hstore}.exist(change.new, t.column_name)
    AND (
        t.path IS NOT NULL OR t.at >= coalesce({hstore}.fetchval(change.times, t.column_name)::timestamptz, change.at)
    )
    AND CASE
        WHEN t.path IS NULL THEN held.value IS DISTINCT FROM later.value
        ELSE ucrepl.at_path(held.value::jsonb, t.path) IS DISTINCT FROM ucrepl.at_path(later.value::jsonb, t.path)
    END"""


def note_unresolved(link: LinkPlan, table: TablePlan) -> str:
    """Notes the changes with a reference to a record that is not known here, before a statement stumbles over them."""
    hard = [c for c in table.columns if c.refers_to is not None and not c.optional_rule]
    tests = [
        f"({literal(c.name)}, {sent(c)}::text, {sent(c)} IS NOT NULL"
        f" AND ({looked_up(link, table, c, sent(c))} IS NULL OR {_is_parked(link, c)}))"
        for c in hard
    ]
    return f"""\
INSERT INTO pg_temp.trouble (seq, reason, sqlstate, message)
SELECT
    change.seq,
    'unresolved',
    'UC001',
    format(
        'no local record is known for %s.%s = %s of the source',
        {literal(str(table.name))}, reference.name, reference.value
    )
FROM pg_temp.change AS change
{image(link, table, "new", "sent")}
CROSS JOIN LATERAL (
    VALUES
{lines(tests, depth=2)}
) AS reference (name, value, unresolved)
WHERE change.table_id = {table.number} AND change.op IN ('I', 'U', 'M', 'K') AND reference.unresolved"""


def _is_parked(link: LinkPlan, column: ColumnPlan) -> str:
    """Whether the record to which a column refers is a new one that is parked; it may have an id by a mention."""
    number = link.number_of(column.refers_to) if column.refers_to else 0
    return (
        f"EXISTS (SELECT FROM ucrepl.parked AS p JOIN ucrepl.link AS k ON k.link_id = p.link_id"
        f" AND k.peer_id = {link.peer_id} WHERE p.table_id = {number} AND p.key = {sent(column)}::text"
        f" AND p.op = 'I' AND p.skipped_at IS NULL)"
    )


def _before(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    """The old value of a column, of a reference also where the id that it holds has been changed in this batch."""
    old = looked_up(link, table, column, was(column))
    if column.refers_to is None:
        return old
    moved = f"(SELECT r.now FROM pg_temp.rekeyed AS r WHERE r.table_id = {link.number_of(column.refers_to)}"
    return f"coalesce({old}, {looked_up(link, table, column, f'{moved} AND r.was = {was(column)} LIMIT 1)')})"


def _is_buried(link: LinkPlan, column: ColumnPlan, value: str) -> str:
    """Whether the record to which a value of a column refers is known as deleted."""
    number = link.space_of(column.refers_to) if column.refers_to else 0
    return (
        f"EXISTS (SELECT FROM ucrepl.identity AS i WHERE i.peer_id = {link.peer_id} AND i.remote_table = {number}"
        f" AND i.remote_id = {value} AND i.deleted_at IS NOT NULL)"
    )


def null_dangling(link: LinkPlan, table: TablePlan, columns: Sequence[ColumnPlan]) -> str:
    """Does to a reference to a record that is deleted here what ON DELETE SET NULL would have done."""
    hstore = quote(link.hstore_schema)
    return f"""\
UPDATE pg_temp.change AS change
SET new = {hstore}.hs_concat(change.new, dangling.nulls)
FROM (
    SELECT change.seq,
        {hstore}.hstore(array_agg(reference.name), array_fill(NULL::text, ARRAY[count(*)::integer])) AS nulls
    {_dangling(link, table, columns)}
    GROUP BY change.seq
) AS dangling
WHERE change.seq = dangling.seq"""


def drop_dangling(link: LinkPlan, table: TablePlan, columns: Sequence[ColumnPlan]) -> str:
    """Leaves out changes of rows that ON DELETE CASCADE would have deleted with a record that is deleted here."""
    buried = ""
    if table.surrogate:
        buried = f"""
buried AS (
    UPDATE ucrepl.identity AS identity
    SET deleted_at = now()
    FROM lost
    WHERE identity.peer_id = {link.peer_id} AND identity.remote_table = {table.space}
        AND identity.remote_id = lost.key::bigint
),"""
    return f"""\
WITH dangling AS (
    SELECT DISTINCT change.seq
    {_dangling(link, table, columns)}
),
lost AS (
    DELETE FROM pg_temp.change AS change
    USING dangling
    WHERE change.seq = dangling.seq
    RETURNING change.seq, change.key, change.at
),{buried}
logged AS (
    SELECT * FROM lost
)
INSERT INTO pg_temp.collision (seq, kind, table_id, remote_key, source_at, policy, winner)
SELECT seq, 'deleted', {table.number}, key, at, {literal(table.deleted)}, 'target'
FROM logged"""


def _dangling(link: LinkPlan, table: TablePlan, columns: Sequence[ColumnPlan]) -> str:
    """The changes with those references whose record has an identity, but is neither here nor in the batch."""
    tests = []
    for column in columns:
        referred = link.by_name[column.refers_to] if column.refers_to else table
        rows = f"{referred.table.only}{referred.name.sql} AS r WHERE r.{quote(referred.table.key[0])} = i.local_id"
        tests.append(
            f"({literal(column.name)}, EXISTS ("
            f"SELECT FROM ucrepl.identity AS i WHERE i.peer_id = {link.peer_id} AND i.remote_table = {referred.space}"
            f" AND i.remote_id = {sent(column)}"
            f" AND NOT EXISTS (SELECT FROM {rows}))"
            f" AND NOT EXISTS (SELECT FROM pg_temp.change AS born WHERE born.table_id = {referred.number}"
            f" AND born.op = 'I' AND born.key = {sent(column)}::text))"
        )
    return f"""\
FROM pg_temp.change AS change
    {image(link, table, "new", "sent")}
    CROSS JOIN LATERAL (
        VALUES
{lines(tests, depth=3)}
    ) AS reference (name, gone)
    WHERE change.table_id = {table.number} AND change.op IN ('I', 'U', 'M') AND reference.gone"""


def leave_out(link: LinkPlan, table: TablePlan) -> str:
    """Leaves out the new rows that can't be without a record that a rule leaves out."""
    needed = [c for c in table.columns if c.optional_rule and c.column.not_null]
    unknown = " OR ".join(f"{looked_up(link, table, c, sent(c), SENT)} IS NULL" for c in needed)
    rule = literal(next((c.optional_rule for c in needed if c.optional_rule), ""))
    return f"""\
WITH gone AS (
    DELETE FROM pg_temp.change AS existing
    USING pg_temp.change AS change
    {image(link, table, "new", "sent")}
    WHERE existing.ctid = change.ctid AND change.table_id = {table.number} AND change.op = 'I'
        AND ({unknown})
    RETURNING 1
)
INSERT INTO pg_temp.left_out (rule, rows)
SELECT {rule}, count(*) FROM gone"""


def leave_out_new(_link: LinkPlan, table: TablePlan) -> str:
    """Leaves out the new rows of a table whose rows are recognised only, also those that could be several of them."""
    return f"""\
WITH gone AS (
    DELETE FROM pg_temp.change AS change
    WHERE change.table_id = {table.number} AND change.op = 'I'
    RETURNING change.seq
),
forgotten AS (
    DELETE FROM pg_temp.trouble AS trouble
    USING gone
    WHERE trouble.seq = gone.seq
)
INSERT INTO pg_temp.left_out (rule, rows)
SELECT {literal(table.protected_by or "")}, count(*) FROM gone"""


def leave_out_brought(link: LinkPlan, table: TablePlan, brought: Brought) -> str:
    """Leaves out the deletes of records that modules have brought here: the source may have removed the module."""
    return f"""\
WITH gone AS (
    DELETE FROM pg_temp.change AS change
    USING ucrepl.identity AS own
    WHERE change.table_id = {table.number} AND change.op = 'D'
        AND own.peer_id = {link.peer_id} AND own.remote_table = {table.space} AND own.remote_id = change.key::bigint
        AND {brought.condition("own.local_id")}
    RETURNING 1
)
INSERT INTO pg_temp.left_out (rule, rows)
SELECT {literal(brought.rule)}, count(*) FROM gone"""


def _note_lost(table: TablePlan, text: str) -> str:
    return (
        "INSERT INTO pg_temp.trouble (seq, reason, message)\n"
        f"SELECT seq, 'conflict', format({literal(text)}, {literal(str(table.name))}, remote_key) FROM lost"
    )


def _local_key(table: TablePlan) -> str:
    if len(table.table.key) == 1:
        return f"target.{quote(table.table.key[0])}::text"
    return f"ARRAY[{', '.join(f'target.{quote(name)}::text' for name in table.table.key)}]::text"
