"""The PostgreSQL sequences of Odoo's ir.sequence: how far one side is, and setting the other one above."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from psycopg import Connection, sql
from psycopg.rows import TupleRow, class_row

from ucrepl.plan.numbers import RANGES, SEQUENCES

_NAMES: Final = r"^ir_sequence_\d+(_\d+)?$"
_READ: Final = """
    SELECT c.relname AS sequence, s.seqincrement AS increment, pg_catalog.pg_sequence_last_value(c.oid) AS last_value
    FROM pg_catalog.pg_sequence AS s
    JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid AND c.relnamespace = 'public'::regnamespace
    WHERE c.relname ~ %s
"""
_PAIRS: Final = """
    SELECT m.table_name, m.remote_id, m.local_id FROM ucrepl.identity_map AS m
    WHERE m.peer = %s AND m.table_name IN ('ir_sequence', 'ir_sequence_date_range')
"""
_NOTE: Final = """
    INSERT INTO ucrepl.source_counter AS s (link_id, sequence, increment, last_value)
    SELECT %s, u.* FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) AS u
    ON CONFLICT (link_id, sequence) DO UPDATE SET
        increment = excluded.increment, last_value = excluded.last_value, noted_at = excluded.noted_at
"""

Pairs = Mapping[tuple[str, int], int]
"""The ids of ir_sequence and its date ranges on the target, by table and id of the source."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A sequence, its step, and the last number that it has given; None where it has given none."""

    sequence: str
    increment: int
    last_value: int | None


def read_counters(node: Connection[TupleRow]) -> list[Counter]:
    """All of a node."""
    with node.cursor(row_factory=class_row(Counter)) as cursor:
        return cursor.execute(_READ, [_NAMES]).fetchall()


def note_counters(target: Connection[TupleRow], link_id: int, counters: Iterable[Counter]) -> None:
    """Has the target of a link know how far its source is: when that is gone nobody can look."""
    given = [counter for counter in counters if counter.last_value is not None]
    target.execute(
        _NOTE,
        [link_id, [c.sequence for c in given], [c.increment for c in given], [c.last_value for c in given]],
    )


def noted_counters(target: Connection[TupleRow], link: str) -> list[Counter]:
    """What the target of a link knows of its source."""
    with target.cursor(row_factory=class_row(Counter)) as cursor:
        return cursor.execute(
            "SELECT s.sequence, s.increment, s.last_value FROM ucrepl.source_counter AS s"
            " JOIN ucrepl.link AS k USING (link_id) WHERE k.name = %s",
            [link],
        ).fetchall()


def raise_counters(target: Connection[TupleRow], source_name: str, counters: Iterable[Counter], margin: int = 0) -> int:
    """Sets the target's sequences above those of the source, and so many numbers more. Returns how many.

    Sequences that the target does not have are made.
    """
    pairs = read_pairs(target, source_name)
    here = {counter.sequence: counter for counter in read_counters(target)}
    behind = {}
    for theirs in counters:
        name = _translated(theirs.sequence, pairs)
        if name is None or theirs.last_value is None:
            continue
        if name not in here:
            create = sql.SQL("CREATE SEQUENCE {} INCREMENT BY {}").format(
                sql.Identifier("public", name), theirs.increment
            )
            target.execute(create)
        ours = here.get(name, Counter(name, theirs.increment, None))
        least, at, by = theirs.last_value + margin * theirs.increment, ours.last_value or 0, ours.increment
        if at < least:
            # A step of its own keeps the numbers of two sides apart: it stays in step with itself.
            behind[f"public.{name}"] = at - (at - least) // by * by if at else least
    return set_sequences(target, behind)


def read_pairs(target: Connection[TupleRow], source_name: str) -> Pairs:
    """Those that the target knows."""
    return {(table, remote): local for table, remote, local in target.execute(_PAIRS, [source_name]).fetchall()}


def set_sequences(target: Connection[TupleRow], values: Mapping[str, int]) -> int:
    """Sets sequences to the last numbers that they are to have given. Returns how many."""
    if values:
        target.execute(
            "SELECT pg_catalog.setval(u.name::regclass, u.number)"
            " FROM unnest(%s::text[], %s::bigint[]) AS u (name, number)",
            [list(values), list(values.values())],
        )
    return len(values)


def _translated(name: str, pairs: Pairs) -> str | None:
    """The name that a sequence has on the target; None where its record is not there."""
    ids = [int(number) for number in re.findall(r"\d+", name)]
    if not pairs:
        return name
    known = [pairs.get((table.table, i)) for table, i in zip((SEQUENCES, RANGES), ids, strict=False)]
    return None if None in known else "ir_sequence_" + "_".join(f"{i:03d}" for i in known)
