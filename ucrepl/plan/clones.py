"""SQL that pairs the rows of two clones of one database."""

from collections.abc import Iterable, Sequence

from ucrepl.plan.model import RecognitionKey, TablePlan
from ucrepl.plan.text import literal, quote


def key_columns(table: TablePlan, pack_keys: Iterable[RecognitionKey]) -> list[str]:
    """The columns in which the same row of two clones must agree: of unique keys, of recognition keys, of its birth."""
    shared = {c.name for c in table.columns} - table.masks.keys()
    keys = [*table.table.unique_keys, *(key.columns for key in pack_keys), ("create_date",)]
    return sorted({name for key in keys if shared.issuperset(key) for name in key} - set(table.table.key))


def rows(table: TablePlan, number: int, columns: Sequence[str], hstore: str) -> str:
    """The ids of a table on one side, with a hash of its key columns, and their ids of today, for COPY.

    The ids are those at `install`. What was inserted since then is left out: both sides have handed out their ids anew.
    Rows that were changed since then have no hash, nor have those that are gone: the other side may have them still.
    `number` is the table's number on this side, `hstore` the schema of the extension.
    """
    identity = quote(table.table.key[0])
    values = ", ".join(f"t.{quote(name)}::text" for name in columns)
    digest = f"md5(ROW({values})::text)::uuid" if columns else "NULL::uuid"
    return f"""\
WITH RECURSIVE rekeyed AS (
    SELECT seq, key AS was, {quote(hstore)}.fetchval(new, {literal(table.table.key[0])}) AS now
    FROM ucrepl.journal
    WHERE table_id = {number} AND op = 'K'
),
moved AS (
    (SELECT DISTINCT ON (was) was, now, seq FROM rekeyed ORDER BY was, seq)
    UNION ALL
    SELECT m.was, n.now, n.seq
    FROM moved AS m
    CROSS JOIN LATERAL (
        SELECT r.now, r.seq FROM rekeyed AS r WHERE r.was = m.now AND r.seq > m.seq ORDER BY r.seq LIMIT 1
    ) AS n
),
today AS (
    SELECT DISTINCT ON (was) was, now FROM moved ORDER BY was, seq DESC
),
changed AS (
    SELECT j.key, (array_agg(j.op ORDER BY j.seq))[1] = 'I' AS born
    FROM (
        SELECT seq, key, op FROM ucrepl.journal WHERE table_id = {number} AND key IS NOT NULL
        UNION ALL
        SELECT seq, now, 'I' FROM rekeyed
    ) AS j
    GROUP BY j.key
),
known AS (
    SELECT t.{identity}::text AS key, {digest} AS digest
    FROM {table.table.only}{table.name.sql} AS t
    UNION ALL
    SELECT j.key, NULL
    FROM changed AS j
    WHERE NOT EXISTS (SELECT FROM {table.table.only}{table.name.sql} AS t WHERE t.{identity}::text = j.key)
)
SELECT k.key::bigint, CASE WHEN j.key IS NULL THEN k.digest END, coalesce(d.now, k.key)::bigint
FROM known AS k
LEFT JOIN changed AS j ON j.key = k.key
LEFT JOIN today AS d ON d.was = k.key
WHERE j.born IS NOT TRUE"""


def differing() -> str:
    """How many rows with the same id differ in their keys, and the first of their ids."""
    return """\
SELECT count(*), min(t.id)
FROM pg_temp.seed_target AS t
JOIN pg_temp.seed_source AS s ON s.id = t.id
WHERE s.digest <> t.digest"""


def pair(table: TablePlan, peer_id: int, *, alike: bool = False) -> str:
    """Pairs the rows that had the same id on both sides at `install`; `alike`: only those whose keys are the same, too.

    The source's ids are those of then: its journal tells what became of them.
    """
    same_keys = "\nWHERE s.digest = t.digest" if alike else ""
    return f"""\
INSERT INTO ucrepl.identity (peer_id, remote_table, remote_id, local_table, local_id)
SELECT {peer_id}, {table.space}, s.id, {table.space}, t.today
FROM pg_temp.seed_target AS t
JOIN pg_temp.seed_source AS s ON s.id = t.id{same_keys}
ON CONFLICT DO NOTHING"""


def unpaired(table: TablePlan, peer_id: int) -> str:
    """The ids of the target's records that are not the pair of one of the source."""
    key = quote(table.table.key[0])
    return f"""\
SELECT target.{key}::bigint
FROM {table.table.only}{table.name.sql} AS target
WHERE NOT EXISTS (
    SELECT FROM ucrepl.identity AS i
    WHERE i.peer_id = {peer_id} AND i.local_table = {table.space} AND i.local_id = target.{key}
)"""


def taken_twice(table: TablePlan) -> str:
    """How many of these ids the source has given to records of its own, and the first of them."""
    return f"""\
SELECT count(*), min(u.id)
FROM pg_temp.unpaired AS u
JOIN {table.table.only}{table.name.sql} AS source ON source.{quote(table.table.key[0])} = u.id"""
