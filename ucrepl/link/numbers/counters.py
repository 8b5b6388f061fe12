"""How the PostgreSQL sequences of several nodes count, and which of them are those of one and the same ir.sequence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ucrepl.link.ids.sequences import Slot
from ucrepl.plan.numbers import SEQUENCES

Ends = Mapping[str, Connection[TupleRow]]
"""Nodes by their names."""


@dataclass(frozen=True, slots=True)
class Counter:
    """The PostgreSQL sequence of a standard ir.sequence, or of one of its date ranges.

    `given` is the greatest number that has been given, `number_next` the one that comes next.
    """

    sequence_id: int
    range_id: int | None
    date_from: date | None
    date_to: date | None
    name: str
    increment: int
    given: int
    number_next: int

    def fits(self, slot: Slot) -> bool:
        """Whether it gives the numbers of the slot, and no others."""
        return self.increment == slot.slots and self.number_next % slot.slots == slot.slot


@dataclass(frozen=True, slots=True)
class Group:
    """The counters of one ir.sequence, or of one of its date ranges, on several nodes: node -> counter."""

    counters: Mapping[str, Counter]

    @property
    def label(self) -> str:
        """How the first of them is called."""
        return next(iter(self.counters.values())).name


def read_counters(connection: Connection[TupleRow]) -> list[Counter]:
    """The counters of an installed node."""
    with connection.cursor(row_factory=class_row(Counter)) as cursor:
        return cursor.execute("SELECT * FROM ucrepl.number_counters()").fetchall()


def groups(ends: Ends) -> list[Group]:
    """The counters of these nodes, those of the same ir.sequence together."""
    same = _same_sequences(ends)
    found: dict[object, dict[str, Counter]] = {}
    for node, connection in ends.items():
        for counter in read_counters(connection):
            sequence = same.get((node, counter.sequence_id), (node, counter.sequence_id))
            found.setdefault((sequence, counter.date_from, counter.date_to), {})[node] = counter
    return [Group(counters) for counters in found.values()]


def unpaired(ends: Ends, joined: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The nodes, as (source, target), that both have sequences and know of none that it is the same."""
    same = _same_sequences(ends)
    known = {name: {key for key in same if key[0] == name} for name in ends}
    has_some = {name for name, connection in ends.items() if read_counters(connection)}
    for source, target in joined:
        ours = {same[key] for key in known[source]}
        if {source, target} <= has_some and not any(same[key] in ours for key in known[target]):
            yield source, target


def _same_sequences(ends: Ends) -> dict[tuple[str, int], tuple[str, int]]:
    """(node, id of an ir.sequence) -> one that stands for all that are the same by the identity maps of the nodes."""
    leader: dict[tuple[str, int], tuple[str, int]] = {}

    def find(key: tuple[str, int]) -> tuple[str, int]:
        while leader.setdefault(key, key) != key:
            key = leader[key]
        return key

    for node, connection in ends.items():
        for peer, remote_id, local_id in connection.execute(
            "SELECT p.name, i.remote_id, i.local_id FROM ucrepl.identity AS i JOIN ucrepl.peer AS p USING (peer_id)"
            " JOIN ucrepl.table_name AS n ON n.table_id = i.local_table"
            " WHERE n.schema_name = %s AND n.table_name = %s AND i.deleted_at IS NULL",
            SEQUENCES,
        ).fetchall():
            leader[find((peer, remote_id))] = find((node, local_id))
    return {key: find(key) for key in list(leader)}
