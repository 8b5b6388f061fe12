"""SQL that pairs the rows of two clones of one database."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ucrepl.plan.identify import shipped
from ucrepl.plan.model import LinkPlan, RecognitionKey, TablePlan
from ucrepl.plan.text import literal, quote

_OF_WRITING = frozenset({"create_date", "create_uid", "write_date", "write_uid", "__last_update"})


@dataclass(frozen=True, slots=True)
class Features:
    """By what the rows of two clones with the same id are known to be the same record, as SQL over a row `t`.

    `digest`: its keys and its birth; `keys`: its keys alone; `keyed`: those that are filled; `content`: all but who
    wrote it, and when; `models`: those whose external ids it can bear.
    """

    digest: str
    keys: str
    keyed: str
    content: str
    models: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: TablePlan, pack_keys: Iterable[RecognitionKey], models: Iterable[str]) -> Self:
        """Those of a table, by the columns that both sides have and that leave the source as they are."""
        shared = {c.name for c in table.columns} - table.masks.keys() - set(table.table.key)
        unique = [tuple(c for c in key if c not in table.table.key) for key in table.table.unique_keys]
        keys = [key for key in (*unique, *(k.columns for k in pack_keys)) if key and shared.issuperset(key)]
        in_keys = {name for key in keys for name in key}
        names = in_keys | (shared & {"create_date"})
        filled = [f"CASE WHEN {_are_filled(key)} THEN {_row(key)} END" for key in keys]
        return cls(
            digest=f"md5({_row(sorted(names))})::uuid" if names else "NULL::uuid",
            keys=f"md5({_row(sorted(in_keys))})::uuid",
            keyed=f"md5(nullif(concat_ws('; ', {', '.join(filled)}), ''))::uuid" if filled else "NULL::uuid",
            content=f"md5({_row(sorted(shared - _OF_WRITING))})::uuid" if shared - _OF_WRITING else "NULL::uuid",
            models=tuple(models),
        )


def rows(
    table: TablePlan, number: int, features: Features, hstore: str, names: TablePlan | None, *, content: bool
) -> str:
    """The ids of a table on one side, with its features, and their ids of today, for COPY.

    The ids are those at `install`. What was inserted since then is left out: both sides have handed out their ids anew.
    Rows that were changed since then have no features, nor have those that are gone: the other side may have them
    still. `number` is the table's number on this side, `hstore` the schema of the extension, `names` the table of
    external ids. `content`: with a look at all columns.
    """
    identity = quote(table.table.key[0])
    named, joined = "NULL::uuid", ""
    if names and features.models:
        models = ", ".join(map(literal, features.models))
        named = "n.named"
        joined = f"""
    LEFT JOIN (
        SELECT d.res_id, md5(min(d.module || '.' || d.name))::uuid AS named
        FROM {names.table.only}{names.name.sql} AS d
        WHERE d.model IN ({models}) AND d.module <> '__export__'
        GROUP BY d.res_id
    ) AS n ON n.res_id = t.{identity}"""
    values = f"{named} AS named, {features.digest} AS digest, {features.keys} AS keys"
    values += f", {features.keyed} AS keyed, {features.content if content else 'NULL::uuid'} AS content"
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
    SELECT t.{identity}::text AS key, {values}
    FROM {table.table.only}{table.name.sql} AS t{joined}
    UNION ALL
    SELECT j.key, NULL, NULL, NULL, NULL, NULL
    FROM changed AS j
    WHERE NOT EXISTS (SELECT FROM {table.table.only}{table.name.sql} AS t WHERE t.{identity}::text = j.key)
)
SELECT
    k.key::bigint,
    CASE WHEN j.key IS NULL THEN k.named END,
    CASE WHEN j.key IS NULL THEN k.digest END,
    CASE WHEN j.key IS NULL THEN k.keys END,
    CASE WHEN j.key IS NULL THEN k.keyed END,
    CASE WHEN j.key IS NULL THEN k.content END,
    coalesce(d.now, k.key)::bigint
FROM known AS k
LEFT JOIN changed AS j ON j.key = k.key
LEFT JOIN today AS d ON d.was = k.key
WHERE j.born IS NOT TRUE"""


_ALIKE = """(
        s.digest = t.digest OR s.content = t.content OR s.keys = t.keys AND (s.named = t.named OR s.keyed = t.keyed)
    ) IS TRUE"""
"""Whether two rows with the same id are the same record: they need not be born together if they bear one name."""


def differing(table: TablePlan, peer_id: int) -> str:
    """How many rows with the same id are not the same record, and the first of their ids.

    Not those of which it is known which other records they are.
    """
    paired = f"SELECT FROM ucrepl.identity AS i WHERE i.peer_id = {peer_id} AND i."
    return f"""\
SELECT count(*), min(t.id)
FROM pg_temp.seed_target AS t
JOIN pg_temp.seed_source AS s ON s.id = t.id
WHERE s.digest <> t.digest AND NOT {_ALIKE}
    AND NOT (
        EXISTS ({paired}remote_table = {table.space} AND i.remote_id = s.today AND i.local_id <> t.today)
        AND EXISTS ({paired}local_table = {table.space} AND i.local_id = t.today AND i.remote_id <> s.today)
    )"""


def pair(table: TablePlan, peer_id: int, *, alike: bool = False) -> str:
    """Pairs the rows that had the same id on both sides at `install`; `alike`: only those that are the same record.

    The source's ids are those of then: its journal tells what became of them.
    """
    same = f"\nWHERE {_ALIKE}" if alike else ""
    return f"""\
INSERT INTO ucrepl.identity (peer_id, remote_table, remote_id, local_table, local_id)
SELECT {peer_id}, {table.space}, s.id, {table.space}, t.today
FROM pg_temp.seed_target AS t
JOIN pg_temp.seed_source AS s ON s.id = t.id{same}
ON CONFLICT DO NOTHING"""


def give_own_ids(link: LinkPlan, table: TablePlan) -> str:
    """Gives a new id here to records of the source (`keys`, a parameter) whose id is that of another record here.

    Both are in no pair: each side has made one.
    """
    key = quote(table.table.key[0])
    return f"""\
INSERT INTO ucrepl.identity (peer_id, remote_table, remote_id, local_table, local_id, shipped_xid)
SELECT {link.peer_id}, {table.space}, k.id, {table.space}, nextval({literal(table.table.sequence or "")}),
    {shipped(link)}
FROM unnest(%(keys)s::text[]::bigint[]) AS k (id)
JOIN {table.table.only}{table.name.sql} AS target ON target.{key} = k.id
WHERE NOT EXISTS (
    SELECT FROM ucrepl.identity AS i
    WHERE i.peer_id = {link.peer_id} AND i.local_table = {table.space} AND i.local_id = k.id
)
ORDER BY k.id"""


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


def _text(name: str) -> str:
    return f"t.{quote(name)}::text"


def _row(names: Iterable[str]) -> str:
    return f"ROW({', '.join(map(_text, names))})::text"


def _are_filled(names: Iterable[str]) -> str:
    return " AND ".join(f"{_text(name)} <> ''" for name in names)
