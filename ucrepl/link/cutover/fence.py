"""The fence of a node: closed, nobody but replay writes to a tracked table; whoever tries is told where the work is.

Capture takes a number from the journal's sequence for each change, and PostgreSQL keeps a lock on the sequence for the
rest of that transaction. So whoever alters the sequence waits for all transactions that have written, and lets those
go on; all others wait for him. While a node is closed its sequence gives numbers below zero, which the trigger
refuses. Nothing has to be locked or looked up for each change, and no session can have an older view of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow, class_row

from ucrepl.config import Config

SQLSTATE: Final = "40UC1"
"""That of the error which a write to a closed node gets."""

GATE: Final = "cutover gate"
"""What the sessions are called that hold a node."""

SPARE_SECONDS: Final = 5.0
"""How long a node is waited for, and held, that nobody should be writing to."""

_HOLD = sql.SQL("ALTER SEQUENCE ucrepl.journal_seq CACHE 1")
_CLOSED = sql.SQL(
    "ALTER SEQUENCE ucrepl.journal_seq INCREMENT BY 1000 MINVALUE -9000000000000000000"
    " RESTART WITH -4000000000000000000"
)
_OPEN = sql.SQL("ALTER SEQUENCE ucrepl.journal_seq INCREMENT BY 1 MINVALUE 1 RESTART WITH {}")
_WRITE = """
    INSERT INTO ucrepl.fence AS f (closed, moved_to, next_seq) VALUES (%(closed)s, %(moved_to)s, %(next)s)
    ON CONFLICT (singleton) DO UPDATE SET
        closed = excluded.closed, moved_to = excluded.moved_to, next_seq = excluded.next_seq,
        changed_xid = excluded.changed_xid, changed_at = excluded.changed_at
"""


@dataclass(frozen=True, slots=True)
class Fence:
    """Whether a node is closed, and where its work has gone; since when, and by which transaction."""

    closed: bool
    moved_to: str | None = None
    changed_xid: int | None = None
    changed_at: datetime | None = None


def read_fence(node: Connection[TupleRow]) -> Fence:
    """The fence of an installed node."""
    with node.cursor(row_factory=class_row(Fence)) as cursor:
        return cursor.execute(
            "SELECT closed, moved_to, changed_xid::text::bigint AS changed_xid, changed_at FROM ucrepl.fence"
        ).fetchone() or Fence(closed=False)


@contextmanager
def held(node: Connection[TupleRow], seconds: float, idle_seconds: float) -> Iterator[int]:
    """A transaction in which nobody else writes: those who have begun to are waited for, all others wait.

    `node` is in autocommit mode. Gives the last number of a change. What is neither committed in the block nor lost
    with the connection is rolled back at its end, and those who wait go on as if nothing had been; so they do when this
    program has been silent for `idle_seconds`. Raises LockNotAvailable when a transaction outlives the `seconds`.
    """
    try:
        node.execute("BEGIN")
        node.execute(
            "SELECT pg_catalog.set_config('lock_timeout', %s, true),"
            " pg_catalog.set_config('idle_in_transaction_session_timeout', %s, true)",
            [f"{max(1, round(wait * 1000))}ms" for wait in (seconds, idle_seconds)],
        )
        node.execute(_HOLD)
        row = node.execute("SELECT last_value, is_called FROM ucrepl.journal_seq").fetchone()
        yield row[0] if row and row[1] else 0
    finally:
        if not node.closed and node.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            with suppress(psycopg.Error):  # a session that is gone has been rolled back
                node.execute("ROLLBACK")


def close(node: Connection[TupleRow], moved_to: str, last_seq: int) -> None:
    """Closes a node, in the transaction that holds it. `moved_to`: where its users are to go."""
    node.execute(_CLOSED)
    node.execute(sql.SQL("ALTER FUNCTION ucrepl.refuse_write() SET ucrepl.moved_to = {}").format(moved_to))
    node.execute(_WRITE, {"closed": True, "moved_to": moved_to, "next": last_seq + 1})


def shut(
    node: Connection[TupleRow], moved_to: str, seconds: float = SPARE_SECONDS, idle_seconds: float = SPARE_SECONDS
) -> None:
    """Holds and closes a node in a transaction of its own. Raises as `held` does."""
    with held(node, seconds, idle_seconds) as last_seq:
        close(node, moved_to, last_seq)
        node.execute("COMMIT")


def place_of(config: Config, node: str) -> str:
    """How the users of a closed node are told where to go."""
    return f"node {node!r} ({config.nodes[node].safe_dsn})"


def reopen(node: Connection[TupleRow], moved_to: str | None = None) -> None:
    """Opens a closed node, in a transaction of its own or the caller's. `moved_to`: who was told to hold its work."""
    row = node.execute("SELECT next_seq FROM ucrepl.fence WHERE closed FOR UPDATE").fetchone()
    if row is None:
        return
    node.execute(_OPEN.format(row[0]))
    node.execute("ALTER FUNCTION ucrepl.refuse_write() RESET ucrepl.moved_to")
    node.execute(_WRITE, {"closed": False, "moved_to": moved_to, "next": row[0]})
