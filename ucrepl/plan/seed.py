"""SQL that pairs the rows of two clones of one database."""

from collections.abc import Sequence

from ucrepl.plan.model import TablePlan
from ucrepl.plan.text import quote


def key_columns(table: TablePlan, pack_keys: Sequence[Sequence[str]]) -> list[str]:
    """The columns in which the same row of two clones must agree: of unique keys, of recognition keys, of its birth."""
    shared = {c.name for c in table.columns}
    keys = [*table.table.unique_keys, *pack_keys, ("create_date",)]
    return sorted({name for key in keys if shared.issuperset(key) for name in key} - set(table.table.key))


def rows(table: TablePlan, number: int, columns: Sequence[str]) -> str:
    """The ids of a table on one side, with a hash of its key columns, for COPY.

    Rows that were inserted since `install` are left out: both sides have handed out their ids anew. Rows that were
    changed since then have no hash. `number` is the table's number on this side.
    """
    identity = quote(table.table.key[0])
    values = ", ".join(f"t.{quote(name)}::text" for name in columns)
    digest = f"md5(ROW({values})::text)::uuid" if columns else "NULL::uuid"
    return f"""\
SELECT t.{identity}::bigint, CASE WHEN j.key IS NULL THEN {digest} END
FROM {table.table.only}{table.name.sql} AS t
LEFT JOIN (
    SELECT key, bool_or(op = 'I') AS born
    FROM ucrepl.journal
    WHERE table_id = {number} AND op IN ('I', 'U')
    GROUP BY key
) AS j ON j.key = t.{identity}::text
WHERE j.born IS NOT TRUE"""


def differing() -> str:
    """How many rows with the same id differ in their keys, and the first of their ids."""
    return """\
SELECT count(*), min(t.id)
FROM pg_temp.seed_target AS t
JOIN pg_temp.seed_source AS s ON s.id = t.id
WHERE s.digest <> t.digest"""


def pair(table: TablePlan, peer_id: int) -> str:
    """Pairs the rows that have the same id on both sides."""
    return f"""\
INSERT INTO ucrepl.identity (peer_id, remote_table, remote_id, local_table, local_id)
SELECT {peer_id}, {table.number}, s.id, {table.number}, t.id
FROM pg_temp.seed_target AS t
JOIN pg_temp.seed_source AS s ON s.id = t.id
ON CONFLICT DO NOTHING"""
