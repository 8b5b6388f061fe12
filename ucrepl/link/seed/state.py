"""How far a seeding is: written on the target, so that it can go on after an interruption."""

from collections.abc import Iterable
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
    """How far a table is: the snapshot that is copied, and whether it is done."""

    snapshot: str
    done: bool


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


def begin(target: Connection[TupleRow], link_id: int) -> None:
    """Stops replay of the link. Waits for the batch that is being applied. What an older seeding has left goes."""
    with target.transaction():
        begun = target.execute(
            "UPDATE ucrepl.link SET seeding = true WHERE link_id = %s AND NOT seeding", [link_id]
        ).rowcount
        if begun:
            target.execute("DELETE FROM ucrepl.seeded_table WHERE link_id = %s", [link_id])
            target.execute("DELETE FROM ucrepl.postponed WHERE link_id = %s", [link_id])
            target.execute("DELETE FROM ucrepl.doubt WHERE link_id = %s", [link_id])


def table_states(target: Connection[TupleRow], link_id: int) -> dict[int, TableState]:
    """The tables that have been begun, by their numbers."""
    rows = target.execute(
        "SELECT table_id, snapshot::text, done FROM ucrepl.seeded_table WHERE link_id = %s", [link_id]
    ).fetchall()
    return {number: TableState(snapshot, done) for number, snapshot, done in rows}


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
