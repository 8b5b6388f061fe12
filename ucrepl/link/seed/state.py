"""How far a seeding is: written on the target, so that it can go on after an interruption."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ucrepl.db.sqlfiles import query
from ucrepl.link.setup import BEGINNING


@dataclass(frozen=True, slots=True)
class LinkState:
    """What the target knows of the seeding of a link. `position` is that of replay."""

    seeding: bool
    seeded_at: datetime | None
    position: str

    @property
    def was_replayed(self) -> bool:
        """Whether changes were replayed before."""
        return self.position != BEGINNING


@dataclass(frozen=True, slots=True)
class TableState:
    """How far a table is: the snapshot that is copied, whether it is done, and whether rows of it were parked."""

    snapshot: str
    done: bool
    parked: bool


UNKNOWN = LinkState(seeding=False, seeded_at=None, position=BEGINNING)
"""The state of a link that is not registered."""


def link_state(target: Connection[TupleRow], link_id: int) -> LinkState:
    """The state of the link, which is registered."""
    with target.cursor(row_factory=class_row(LinkState)) as cursor:
        state = cursor.execute(
            "SELECT seeding, seeded_at, position::text FROM ucrepl.link WHERE link_id = %s", [link_id]
        ).fetchone()
    if state is None:
        message = "the link is not registered"
        raise AssertionError(message)
    return state


def begin(target: Connection[TupleRow], link_id: int, tables: Iterable[int]) -> None:
    """Stops replay of the link. Waits for the batch that is being applied. What an older seeding has left to do goes.

    Of `tables`, which are to be seeded, those with parked rows are to be read again.
    """
    target.execute(query("begin_seed"), {"link": link_id, "tables": list(tables)})


def table_states(target: Connection[TupleRow], link_id: int) -> dict[int, TableState]:
    """The tables that have been begun, by their numbers."""
    rows = target.execute(
        "SELECT s.table_id, s.snapshot::text, s.done, EXISTS (SELECT FROM ucrepl.parked AS p"
        " WHERE p.link_id = s.link_id AND p.table_id = s.table_id AND p.seq < 0 AND p.skipped_at IS NULL)"
        " FROM ucrepl.seeded_table AS s WHERE s.link_id = %s",
        [link_id],
    ).fetchall()
    return {number: TableState(*rest) for number, *rest in rows}


def left_to_do(known: LinkState, tables: Mapping[int, TableState], chosen: AbstractSet[int]) -> set[int]:
    """Which of the chosen tables a seeding has to copy: those that are not done, or of which rows were parked."""
    if known.seeded_at and not known.seeding:
        return set()
    return {n for n in chosen if n not in tables or not tables[n].done or (tables[n].parked and not known.seeding)}


def begin_tables(target: Connection[TupleRow], link_id: int, tables: Iterable[int], snapshot: str) -> None:
    """The tables are copied from this snapshot, from their beginning."""
    target.execute(
        "INSERT INTO ucrepl.seeded_table (link_id, table_id, snapshot) SELECT %(link)s, t, %(snapshot)s::pg_snapshot"
        " FROM unnest(%(tables)s::integer[]) AS t"
        " ON CONFLICT (link_id, table_id) DO UPDATE SET snapshot = excluded.snapshot, rows = 0",
        {"link": link_id, "snapshot": snapshot, "tables": list(tables)},
    )


def finish(target: Connection[TupleRow], link_id: int) -> None:
    """All is copied: replay goes on from the oldest snapshot of a table, and leaves out what is in the rows."""
    with target.transaction():
        target.execute(query("finish_seed"), {"link": link_id})


def leave(target: Connection[TupleRow], link_id: int) -> None:
    """Some tables are copied: replay goes on where it was, and leaves out what is in their rows.

    Unless the seeding of other tables was interrupted, which has to be finished first.
    """
    target.execute(query("leave_seed"), {"link": link_id})
