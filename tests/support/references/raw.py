"""Moves the ids of two databases apart, and searches one for ids of the other: raw ones, that nobody has translated."""

import json
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from tests.support.tables import read_tables

# Columns that are copied as they are although there may be ids in them: marks that others have been given.
COPIED: Final = frozenset({("mail_message", "message_id"), ("mail_mail", "references")})
_SEQUENCES: Final = """
SELECT DISTINCT pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'id' AND NOT a.attisdropped
WHERE c.relkind = 'r' AND n.nspname = 'public'
    AND pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname) IS NOT NULL
"""
_REFERENCES: Final = """
SELECT f.table_name, f.column_name, f.key, f.ref_id::text
FROM followed AS f
JOIN json_each_text({shared}) AS s ON s.key = f.ref_table
WHERE f.ref_id > s.value::bigint AND NOT f.ref_id BETWEEN {first} AND {last}
ORDER BY 1, 2, 3
"""
_VALUES: Final = """
SELECT {label}, v.key, {id}, v.value
FROM ONLY {table} AS t, jsonb_each_text(to_jsonb(t)) AS v
WHERE t::text LIKE {begin} AND v.value LIKE {begin} AND v.value ~ {pattern}
ORDER BY 2, 3
"""
MANY: Final = 100_000


class Raw(NamedTuple):
    """A value of the target that has an id of the source in it."""

    table: str
    column: str
    key: int | None
    value: str


@dataclass(frozen=True)
class Apart:
    """Who has handed out which ids: `shared`, the greatest id of each table when both had the same; afterwards each of
    the two as many as `MANY` from its number on."""

    shared: dict[str, int]
    source: int
    target: int

    def turned(self) -> Self:
        """The same, seen from the other side."""
        return type(self)(self.shared, self.target, self.source)


def move_ids(connection: Connection[TupleRow], first: int) -> None:
    """Lets all sequences of ids go on from a number: a multiple of `MANY`."""
    for [sequence] in connection.execute(_SEQUENCES).fetchall():
        connection.execute("SELECT setval(%s, %s)", [sequence, first])


def greatest_ids(connection: Connection[TupleRow]) -> dict[str, int]:
    """The greatest id of each table."""
    found = {}
    for table in read_tables(connection).values():
        if table.numbered:
            statement = sql.SQL("SELECT coalesce(max(id), 0) FROM {}").format(table.only)
            [found[table.label]] = connection.execute(statement).fetchone() or [0]
    return found


def raw_ids(connection: Connection[TupleRow], apart: Apart) -> list[Raw]:
    """References to ids that this database has never handed out, and numbers of the source anywhere in any value."""
    shared = {label: max(last, 0) for label, last in apart.shared.items()}
    found = connection.execute(
        sql.SQL(_REFERENCES).format(
            shared=sql.Literal(json.dumps(shared)),
            first=sql.Literal(apart.target),
            last=sql.Literal(apart.target + MANY),
        )
    ).fetchall()
    # A number of the source, in a name or text too, but not within a longer number or one in base 16.
    begin = str(apart.source // MANY)
    pattern = rf"(?<![0-9a-f]){begin}[0-9]{{{len(str(MANY)) - 1}}}(?![0-9a-f])"
    for table in read_tables(connection).values():
        found += connection.execute(
            sql.SQL(_VALUES).format(
                label=sql.Literal(table.label),
                id=sql.Identifier("t", "id") if table.numbered else sql.SQL("NULL::bigint"),
                table=table.full_name,
                begin=sql.Literal(f"%{begin}%"),
                pattern=sql.Literal(pattern),
            )
        ).fetchall()
    return [Raw(*row) for row in dict.fromkeys(found) if (row[0], row[1]) not in COPIED]
