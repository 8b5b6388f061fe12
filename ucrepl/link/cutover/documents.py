"""The PostgreSQL sequences of Odoo's ir.sequence: how far one side is, and setting the other one above."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from psycopg import Connection, sql
from psycopg.rows import TupleRow, class_row

from ucrepl.db.sqlfiles import query
from ucrepl.plan.numbers import RANGES, SEQUENCES

_NAMES: Final = r"^ir_sequence_\d+(_\d+)?$"
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
        return cursor.execute(query("document_counters"), {"names": _NAMES}).fetchall()


def note_counters(target: Connection[TupleRow], link_id: int, counters: Iterable[Counter]) -> None:
    """Has the target of a link know how far its source is: when that is gone nobody can look."""
    given = [counter for counter in counters if counter.last_value is not None]
    target.execute(
        query("source_counters_note"),
        {
            "link": link_id,
            "sequences": [c.sequence for c in given],
            "increments": [c.increment for c in given],
            "last_values": [c.last_value for c in given],
        },
    )


def noted_counters(target: Connection[TupleRow], link: str) -> list[Counter]:
    """What the target of a link knows of its source."""
    with target.cursor(row_factory=class_row(Counter)) as cursor:
        return cursor.execute(query("source_counters_noted"), {"link": link}).fetchall()


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
    rows = target.execute(query("document_pairs"), {"peer": source_name}).fetchall()
    return {(table, remote): local for table, remote, local in rows}


def set_sequences(target: Connection[TupleRow], values: Mapping[str, int]) -> int:
    """Sets sequences to the last numbers that they are to have given. Returns how many."""
    if values:
        target.execute(query("set_sequences"), {"names": list(values), "numbers": list(values.values())})
    return len(values)


def _translated(name: str, pairs: Pairs) -> str | None:
    """The name that a sequence has on the target; None where its record is not there."""
    ids = [int(number) for number in re.findall(r"\d+", name)]
    if not pairs:
        return name
    known = [pairs.get((table.table, i)) for table, i in zip((SEQUENCES, RANGES), ids, strict=False)]
    return None if None in known else "ir_sequence_" + "_".join(f"{i:03d}" for i in known)
