"""The sequences of nodes that share ids: each node hands out those that leave its slot when divided by the slots."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow, class_row

from ucrepl.db.catalog import read_catalog
from ucrepl.db.sqlfiles import query
from ucrepl.errors import RefusedError
from ucrepl.link.patience import LOCK_PATIENCE_SECONDS, LOCK_TIMEOUT, patiently
from ucrepl.plan.catalog import Catalog, Table


@dataclass(frozen=True, slots=True)
class Slot:
    """Which ids a node hands out: those with this rest. `since` is null for one that is only planned."""

    slot: int
    slots: int
    since: datetime | None = None

    def first_above(self, number: int) -> int:
        """The first id of the slot that is greater."""
        return number + 1 + (self.slot - number - 1) % self.slots


ALL_IDS = Slot(0, 1)
"""The slot of a node that shares its ids with nobody."""


@dataclass(frozen=True, slots=True)
class Count:
    """How a sequence counts: its step, and the last number that it gave, None before the first one."""

    sequence: str
    increment: int
    last_value: int | None

    def fits(self, slot: Slot) -> bool:
        """Whether it gives the ids of the slot, and no others."""
        if self.increment != slot.slots or slot.slots == 1:
            return self.increment == slot.slots
        return self.last_value is not None and self.last_value % slot.slots == slot.slot


@dataclass(frozen=True, slots=True)
class Member:
    """A node whose sequences are interleaved with those of others, with the tables of each sequence (quoted name)."""

    name: str
    connection: Connection[TupleRow]
    slot: Slot
    sequences: Mapping[str, Sequence[Table]]

    @classmethod
    def of(cls, name: str, connection: Connection[TupleRow], slot: Slot) -> "Member":
        """The node with the tables that it has now."""
        return cls(name, connection, slot, id_sequences(read_catalog(connection)))

    def unfit(self) -> list[Count]:
        """The sequences that are not as they should be."""
        return [count for count in counts(self.connection, self.sequences) if not count.fits(self.slot)]


def id_sequences(catalog: Catalog) -> dict[str, list[Table]]:
    """The sequences that hand out the ids of records, each with its tables (ir_actions and its children have one)."""
    found: dict[str, list[Table]] = {}
    for table in catalog.tables.values():
        if table.sequence and table.surrogate:
            found.setdefault(table.sequence, []).append(table)
    return found


def counts(connection: Connection[TupleRow], sequences: Collection[str]) -> list[Count]:
    """How these sequences count."""
    with connection.cursor(row_factory=class_row(Count)) as cursor:
        return cursor.execute(query("id_sequences"), {"sequences": list(sequences)}).fetchall()


def read_slot(connection: Connection[TupleRow]) -> Slot | None:
    """The slot of an installed node; None while it shares its ids with nobody."""
    with connection.cursor(row_factory=class_row(Slot)) as cursor:
        return cursor.execute("SELECT slot, slots, since FROM ucrepl.id_slot").fetchone()


def write_slot(connection: Connection[TupleRow], slot: Slot | None) -> None:
    """Writes down the slot of an installed node; None: it shares its ids with nobody."""
    if slot is None:
        connection.execute("DELETE FROM ucrepl.id_slot")
        return
    connection.execute(
        "INSERT INTO ucrepl.id_slot AS s (slot, slots) VALUES (%s, %s)"
        " ON CONFLICT (singleton) DO UPDATE SET slot = excluded.slot, slots = excluded.slots",
        [slot.slot, slot.slots],
    )


def interleave(
    members: Iterable[Member],
    *,
    beside: Sequence[Member] = (),
    patience: float = LOCK_PATIENCE_SECONDS,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[str]:
    """Interleaves the sequences that do not fit on one of the members, on all of them. Returns these.

    Each sequence goes on above all ids that the members have, and all numbers that they have given: it is locked on all
    of them while that is read and set, so that nobody takes a number in between, and it waits for the transactions that
    have. The members may be in use; a lock is given up after 200 ms and tried again. The nodes `beside` keep their
    sequences; the members go on above theirs, too. Raises RefusedError for sequences that were still locked after
    `patience` seconds, when the others are done; and at once for one that has no room or is not the role's own.
    """
    ordered = sorted(members, key=lambda member: member.name)
    wrong = sorted({count.sequence for member in ordered for count in member.unfit()})
    locked = []
    for done, sequence in enumerate(wrong, 1):
        having, others = ([m for m in members if sequence in m.sequences] for members in (ordered, beside))
        try:
            patiently(partial(_interleave_one, having, others, sequence), patience)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            locked.append(sequence)
        progress(done, len(wrong))
    if locked:
        raise RefusedError(
            f"sequences stayed locked: {', '.join(locked)}",
            hint="end the transactions that hold them (see pg_stat_activity) and run the command again",
        )
    return wrong


def _interleave_one(members: Sequence[Member], beside: Sequence[Member], sequence: str) -> None:
    with ExitStack() as stack:
        for member in members:
            stack.enter_context(member.connection.transaction())
            member.connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_TIMEOUT))
            try:
                alter = sql.SQL("ALTER SEQUENCE {} INCREMENT BY {}")
                member.connection.execute(alter.format(sql.SQL(sequence), member.slot.slots))
            except psycopg.errors.InsufficientPrivilege as error:
                raise RefusedError(
                    f"the role of node {member.name!r} does not own the sequence {sequence}",
                    hint="name the tables' owner in the node's 'dsn'",
                ) from error
        greatest = max(_greatest(member, sequence) for member in (*members, *beside))
        for member in members:
            start = member.slot.first_above(greatest)
            row = member.connection.execute(
                "SELECT seqmax FROM pg_catalog.pg_sequence WHERE seqrelid = %s::regclass", [sequence]
            ).fetchone()
            if row and start + member.slot.slots > row[0]:
                raise RefusedError(
                    f"the sequence {sequence} of node {member.name!r} has no room: it ends at {row[0]}",
                    hint="give the column and its sequence a larger type",
                )
            member.connection.execute("SELECT pg_catalog.setval(%s, %s)", [sequence, start])


def _greatest(member: Member, sequence: str) -> int:
    """The greatest number that the sequence has given, or that is in use without it."""
    used = [
        sql.SQL("(SELECT max({}) FROM {})").format(sql.Identifier(table.key[0]), sql.Identifier(*table.name))
        for table in member.sequences[sequence]
    ]
    given = sql.SQL("(SELECT last_value FROM {})").format(sql.SQL(sequence))
    row = member.connection.execute(
        sql.SQL("SELECT greatest({})").format(sql.SQL(", ").join([given, *used]))
    ).fetchone()
    return int(row[0]) if row else 0


def release(leaving: Mapping[str, Connection[TupleRow]], staying: Mapping[str, Connection[TupleRow]]) -> None:
    """Has those of the leaving nodes that share their ids hand out all ids again, above those of all these nodes.

    Raises as `interleave` does.
    """
    sharing = {name: end for name, end in leaving.items() if read_slot(end)}
    beside = {name: end for name, end in staying.items() if sharing and read_slot(end)}
    interleave(
        [Member.of(name, end, ALL_IDS) for name, end in sharing.items()],
        beside=[Member.of(name, end, ALL_IDS) for name, end in beside.items()],
    )
    for end in sharing.values():
        write_slot(end, None)
