"""Compares the references of two databases through the map: each must lead to the same record."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from tests.support.references.follow import follow_all
from tests.support.references.kinds import Kind
from tests.support.references.raw import Apart, Raw, raw_ids

_THEIRS: Final = """
DROP TABLE IF EXISTS pg_temp.theirs, pg_temp.pairs, pg_temp.their_records, pg_temp.compared;
CREATE TEMPORARY TABLE theirs (LIKE followed);
CREATE TEMPORARY TABLE their_records (LIKE records);
CREATE TEMPORARY TABLE pairs (table_name text, remote_id bigint, local_id bigint);
"""
# The actions share their ids: a pair of one of their tables is one of all of them.
_PAIRS: Final = """
INSERT INTO pairs
SELECT DISTINCT coalesce(a.table_name, m.table_name), m.remote_id, m.local_id
FROM ucrepl.identity_map AS m
LEFT JOIN unnest(%(actions)s::text[]) AS a (table_name) ON m.table_name = ANY (%(actions)s)
WHERE m.peer = %(peer)s
"""
_INDEXES: Final = """
CREATE INDEX ON pairs (table_name, remote_id);
CREATE INDEX ON pairs (table_name, local_id);
ANALYZE pairs, theirs, their_records;
"""
# What the target should have and what it has, of rows that both sides have, each once more for each time that it is
# there. A reference that leads to nothing on the source, or to a record that isn't replicated, may not lead anywhere:
# `ref_id` is null in both then.
_COMPARED: Final = """
CREATE TEMPORARY TABLE compared AS
WITH expected AS (
    SELECT t.kind, t.table_name, row_pair.local_id AS key, t.column_name, t.place, t.of_table,
        of_pair.local_id AS of_id, t.ref_table, CASE WHEN NOT t.leads_to_nothing THEN ref_pair.local_id END AS ref_id
    FROM theirs AS t
    LEFT JOIN pairs AS row_pair ON row_pair.table_name = t.table_name AND row_pair.remote_id = t.key
    LEFT JOIN pairs AS of_pair ON of_pair.table_name = t.of_table AND of_pair.remote_id = t.of_id
    LEFT JOIN pairs AS ref_pair ON ref_pair.table_name = t.ref_table AND ref_pair.remote_id = t.ref_id
    WHERE t.ref_table IS NOT NULL AND t.ref_id IS NOT NULL
        AND (t.key IS NULL OR row_pair.local_id IS NOT NULL)
        AND (t.key IS NOT NULL OR of_pair.local_id IS NOT NULL AND ref_pair.local_id IS NOT NULL)
),
found AS (
    SELECT t.kind, t.table_name, t.key, t.column_name, t.place, t.of_table, t.of_id, t.ref_table,
        CASE WHEN NOT t.leads_to_nothing THEN t.ref_id END AS ref_id
    FROM followed AS t
    WHERE t.ref_table IS NOT NULL AND t.ref_id IS NOT NULL
        AND (t.key IS NULL OR EXISTS (
            SELECT FROM pairs AS p WHERE p.table_name = t.table_name AND p.local_id = t.key
        ))
        AND (t.key IS NOT NULL OR EXISTS (
            SELECT FROM pairs AS p WHERE p.table_name = t.of_table AND p.local_id = t.of_id
        ) AND EXISTS (
            SELECT FROM pairs AS p WHERE p.table_name = t.ref_table AND p.local_id = t.ref_id
        ))
)
SELECT kind, table_name, key, column_name, place, of_table, of_id, ref_table, ref_id,
    sum(expected) AS expected, sum(found) AS found
FROM (
    SELECT *, 1 AS expected, 0 AS found FROM expected
    UNION ALL
    SELECT *, 0, 1 FROM found
) AS both_sides
GROUP BY kind, table_name, key, column_name, place, of_table, of_id, ref_table, ref_id
"""
_COUNTS: Final = """
WITH columns AS (
    SELECT kind, sum(least(expected, found)) FILTER (WHERE ref_id IS NOT NULL) AS right,
        coalesce(sum(expected) FILTER (WHERE ref_id IS NULL), 0) AS nothing,
        greatest(
            sum(greatest(expected - found, 0)) FILTER (WHERE ref_id IS NOT NULL),
            sum(greatest(found - expected, 0)) FILTER (WHERE ref_id IS NOT NULL)
        ) AS wrong
    FROM compared
    GROUP BY kind, table_name, key, column_name
)
SELECT kind, coalesce(sum("right"), 0)::int, coalesce(sum(wrong), 0)::int, sum(nothing)::int FROM columns GROUP BY kind
"""
_UNCHECKED: Final = """
SELECT kind, table_name || '.' || column_name, count(*)
FROM (SELECT * FROM theirs UNION ALL SELECT * FROM followed) AS f
WHERE ref_table IS NULL OR ref_id IS NULL GROUP BY 1, 2 ORDER BY 1, 2
"""
_EXAMPLES: Final = """
SELECT w.kind, w.table_name, w.column_name, p.remote_id, w.key,
    array_agg(concat_ws(' ', w.place, w.of_table, w.of_id, w.ref_table, w.ref_id) ORDER BY w.ref_id)
        FILTER (WHERE w.expected > w.found),
    array_agg(concat_ws(' ', w.place, w.of_table, w.of_id, w.ref_table, w.ref_id) ORDER BY w.ref_id)
        FILTER (WHERE w.expected < w.found)
FROM compared AS w
LEFT JOIN pairs AS p ON p.table_name = w.table_name AND p.local_id = w.key
WHERE w.expected <> w.found AND w.ref_id IS NOT NULL
GROUP BY w.kind, w.table_name, w.column_name, p.remote_id, w.key
ORDER BY w.kind, w.table_name, w.column_name, w.key
"""
_UNREPLICATED: Final = """
SELECT r.table_name, count(*) FROM their_records AS r
WHERE NOT EXISTS (SELECT FROM pairs AS p WHERE p.table_name = r.table_name AND p.remote_id = r.id)
GROUP BY r.table_name ORDER BY r.table_name
"""
_SHOWN: Final = 3


class Wrong(NamedTuple):
    """A value of the target with wrong references: its row (by the source's id and the target's) and column.

    `expected` and `found`: the references that are missing and those that are too many, in the target's ids, each with
    its place in the value. Of many2many tables the keys are None and each table comes once.
    """

    kind: Kind
    table: str
    column: str
    remote_key: int | None
    local_key: int | None
    expected: list[str]
    found: list[str]


@dataclass
class Count:
    """References of one kind: right; wrong; unchecked, because nobody knows what they refer to; and those that lead to
    nothing on the source, or to a record that the target doesn't get, and on the target don't lead anywhere."""

    right: int = 0
    wrong: int = 0
    unchecked: int = 0
    nothing: int = 0


@dataclass
class Findings:
    """What `check` has found. `unreplicated`: records of the source that are in no pair, by table."""

    counts: dict[Kind, Count] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)
    unchecked: dict[str, int] = field(default_factory=dict)
    raw: list[Raw] = field(default_factory=list)
    unreplicated: dict[str, int] = field(default_factory=dict)

    def of(self, *found: Kind) -> str:
        """What there is to say about these kinds: their numbers, and examples. For the message of an assertion."""
        lines = [f"{'kind':<26}{'right':>8}{'wrong':>8}{'unchecked':>11}{'nothing':>9}"]
        for kind in found:
            count = self.counts.get(kind, Count())
            lines.append(f"{kind:<26}{count.right:>8}{count.wrong:>8}{count.unchecked:>11}{count.nothing:>9}")
            lines += [f"    {wrong}" for wrong in [w for w in self.wrong if w.kind == kind][:_SHOWN]]
        return "\n".join(lines)

    def __str__(self) -> str:
        raw = [f"raw id: {raw}" for raw in self.raw[: 10 * _SHOWN]]
        return "\n".join([self.of(*self.counts), f"unchecked: {self.unchecked}", *raw])


def check(
    source: Connection[TupleRow], target: Connection[TupleRow], peer: str, apart: Apart | None = None
) -> Findings:
    """Follows all references on both sides and compares those of the rows that both have.

    `peer` is the source's name in the view `ucrepl.identity_map` of the target. With `apart`, which says who has handed
    out which ids, all values of the target are searched for ids of the source. It makes temporary tables on both sides.
    """
    follow_all(source)
    actions = follow_all(target).actions
    target.execute(_THEIRS)
    _copy(source, target, "followed", "theirs")
    _copy(source, target, "records", "their_records")
    target.execute(_PAIRS, {"peer": peer, "actions": list(actions)})
    target.execute(_INDEXES)
    target.execute(_COMPARED)
    findings = Findings({kind: Count() for kind in Kind})
    for kind, right, wrong, nothing in target.execute(_COUNTS).fetchall():
        findings.counts[Kind(kind)] = Count(right, wrong, 0, nothing)
    for kind, column, number in target.execute(_UNCHECKED).fetchall():
        findings.counts[Kind(kind)].unchecked += number
        findings.unchecked[column] = number
    findings.wrong.extend(_wrong(target.execute(_EXAMPLES).fetchall()))
    findings.unreplicated = dict(target.execute(_UNREPLICATED).fetchall())
    findings.raw = raw_ids(target, apart) if apart else []
    return findings


def _wrong(rows: list[TupleRow]) -> Iterator[Wrong]:
    for kind, table, column, remote_key, local_key, expected, found in rows:
        yield Wrong(Kind(kind), table, column, remote_key, local_key, expected or [], found or [])


def _copy(source: Connection[TupleRow], target: Connection[TupleRow], from_table: str, to_table: str) -> None:
    out = sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier(from_table))
    into = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(to_table))
    with source.cursor().copy(out) as reading, target.cursor().copy(into) as writing:
        for block in reading:
            writing.write(block)
