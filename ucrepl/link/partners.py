"""Which tables of the two ends of a link belong together: once they do, whatever either side calls them later."""

from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Protocol

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.plan.catalog import TableName


@dataclass(frozen=True, slots=True)
class Numbered:
    """A table with its number on a node: one of the node itself (`is_here`), one that was, or else one of a peer."""

    number: int
    name: TableName
    is_here: bool
    was_dropped: bool


@dataclass(frozen=True, slots=True)
class Partners:
    """The numbers of the target.

    `here`: of its own tables, and of those that only peers have; `of_source`: of the source's tables, `by_number` by
    their numbers there, with those that have been dropped. A table of the source whose name is that of a table with
    another number has been renamed, on one side so far.
    """

    here: Mapping[TableName, int]
    of_source: Mapping[TableName, int]
    by_number: Mapping[int, int]


class Giver(Protocol):
    """What gives a number to a table."""

    def __call__(self, name: TableName, *, dropped: bool) -> int:
        """The number; `dropped`: of a table that its peer has no more."""


@dataclass
class _Matching:
    """Finds the partners of the source's tables.

    To be written are `bound`, the source's number -> the number; `moved`, the old and the new number of what waits
    here; and `renamed`, what has a number only for a peer.
    """

    own: dict[TableName, int]
    others: dict[TableName, int]
    known: Mapping[int, int]
    living: AbstractSet[int]
    given: Giver
    bound: dict[int, int] = field(default_factory=dict)
    moved: list[tuple[int, int]] = field(default_factory=list)
    renamed: dict[int, TableName] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._partner = dict(self.known)
        self._peers: dict[int, set[int]] = defaultdict(set)
        for remote, number in self.known.items():
            self._peers[number].add(remote)
        self._here = {*self.own.values()}
        self._names = {number: name for name, number in self.others.items()}

    def match(self, table: Numbered) -> None:
        """Finds the number of a table of the source; those that it has come before those that it has dropped.

        It stays what it was as long as there is a table with that number here. Else it is that of the table with the
        same name, unless that belongs to another one that the source has.
        """
        old, wanted = self._partner.get(table.number), self.own.get(table.name)
        if old in self._here or (old is not None and table.was_dropped):
            return
        if table.was_dropped:
            free = wanted is not None and not self._peers[wanted]
            self._bind(table.number, wanted if wanted is not None and free else self.given(table.name, dropped=True))
        elif wanted is not None and self.living.isdisjoint(self._peers[wanted]):
            for dropped in [*self._peers[wanted]]:
                was = self.given(table.name, dropped=True)
                self.moved.append((wanted, was))
                self._bind(dropped, was)
            if old is not None:
                self.moved.append((old, wanted))
            self._bind(table.number, wanted)
        elif old is None:
            other = None if wanted is not None else self.others.get(table.name)
            is_free = other is not None and self.living.isdisjoint(self._peers[other])
            self._bind(table.number, other if other is not None and is_free else self.given(table.name, dropped=False))
        elif self._names.get(old, table.name) != table.name:
            self.renamed[old] = table.name

    def _bind(self, remote: int, number: int) -> None:
        if (old := self._partner.get(remote)) is not None:
            self._peers[old].discard(remote)
        self._partner[remote] = self.bound[remote] = number
        self._peers[number].add(remote)

    def number_of(self, remote: int) -> int:
        """The number of the table with this number on the source."""
        return self._partner[remote]


def follow_tables(node: Connection[TupleRow]) -> bool:
    """Has a node see which tables its numbers are by now. Returns whether any is another one, or called otherwise."""
    [(moved,)] = node.execute("SELECT ucrepl.follow_tables()").fetchall()
    return bool(moved)


def find_partners(source: Connection[TupleRow], target: Connection[TupleRow], peer_id: int, *, trace: bool) -> Partners:
    """The numbers on the target of all tables of both ends.

    `trace`: the numbers that they get now are written down, and what is known of tables that have been dropped and made
    again is set apart from what comes. Without it they are made up.
    """
    there, here = numbered_tables(source), numbered_tables(target)
    known: dict[int, int] = dict(
        target.execute("SELECT remote_number, table_id FROM ucrepl.peer_table WHERE peer_id = %s", [peer_id]).fetchall()
    )
    made_up = count(max((table.number for table in here), default=0) + 1)
    matching = _Matching(
        own={table.name: table.number for table in here if table.is_here},
        others={table.name: table.number for table in here if not (table.is_here or table.was_dropped)},
        known=known,
        living={table.number for table in there if table.is_here},
        given=partial(_give, target) if trace else lambda _name, *, dropped: next(made_up),  # noqa: ARG005
    )
    ours = sorted((table for table in there if table.is_here or table.was_dropped), key=lambda t: t.was_dropped)
    for table in ours:
        matching.match(table)
    if trace:
        _write(target, peer_id, matching)
    return Partners(
        here=matching.others | matching.own,
        of_source={table.name: matching.number_of(table.number) for table in ours if table.is_here},
        by_number={table.number: matching.number_of(table.number) for table in ours},
    )


def numbered_tables(node: Connection[TupleRow]) -> list[Numbered]:
    """The tables that have numbers on a node, by the names that they have now."""
    return [
        Numbered(number, TableName(schema, table), is_here, was_dropped)
        for number, schema, table, is_here, was_dropped in node.execute(query("numbered_tables")).fetchall()
    ]


def _give(target: Connection[TupleRow], name: TableName, *, dropped: bool) -> int:
    [(number,)] = target.execute(
        "INSERT INTO ucrepl.table_name (schema_name, table_name, dropped_at)"
        " VALUES (%s, %s, CASE WHEN %s THEN clock_timestamp() END) RETURNING table_id",
        [*name, dropped],
    ).fetchall()
    return int(number)


def _write(target: Connection[TupleRow], peer_id: int, matching: _Matching) -> None:
    for old, new in matching.moved:
        target.execute(query("move_table"), {"peer": peer_id, "old": old, "new": new})
    for number, name in matching.renamed.items():
        target.execute(
            "UPDATE ucrepl.table_name SET schema_name = %s, table_name = %s WHERE table_id = %s", [*name, number]
        )
    if matching.bound:
        target.execute(
            "INSERT INTO ucrepl.peer_table (peer_id, remote_number, table_id)"
            " SELECT %s, n.* FROM unnest(%s::integer[], %s::integer[]) AS n"
            " ON CONFLICT (peer_id, remote_number) DO UPDATE SET table_id = excluded.table_id",
            [peer_id, list(matching.bound), list(matching.bound.values())],
        )
