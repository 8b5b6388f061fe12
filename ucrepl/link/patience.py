"""Strong locks, taken without making others wait: a lock is given up after a moment and tried again."""

import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from ucrepl.backoff import Backoff
from ucrepl.config import Link
from ucrepl.errors import RefusedError

T = TypeVar("T")

LOCK_TIMEOUT = "200ms"
"""How long a transaction that wants a strong lock stays in the queue: nobody waits behind it for longer."""

LOCK_PATIENCE_SECONDS = 60.0

DEADLOCK_SHARE = 20
"""A transaction that writes waits for a lock no longer than this part of the time after which PostgreSQL looks for
deadlocks: who is waiting for it then is not the one who loses, for it has given way before."""


def brief_lock_timeout(connection: Connection[TupleRow], link: Link) -> str:
    """How long a transaction of the link waits for a lock while others may wait for its own, as PostgreSQL has it."""
    [(deadlock_ms,)] = connection.execute(
        "SELECT (extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000)::bigint"
    ).fetchall()
    return f"{max(1, min(link.lock_timeout_ms, deadlock_ms // DEADLOCK_SHARE))}ms"


def patiently(work: Callable[[], T], seconds: float = LOCK_PATIENCE_SECONDS) -> T:
    """Does the work, again and again until it gets its locks. Returns its result.

    Raises LockNotAvailable or DeadlockDetected when it has not got them after so many seconds.
    """
    backoff = Backoff(base=0.05, cap=2.0)
    until = time.monotonic() + seconds
    while True:
        try:
            return work()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if time.monotonic() > until:
                raise
            time.sleep(backoff.next_delay())


def with_short_lock(
    connection: Connection[TupleRow], statement: sql.SQL | sql.Composed, seconds: float = LOCK_PATIENCE_SECONDS
) -> object:
    """Runs a statement that needs a strong lock, in a transaction that leaves the lock queue after 200 ms.

    Nobody waits behind us for longer than that. It is tried again for a minute, or for so many seconds; then it raises
    RefusedError. Returns the first value of the result.
    """

    def run() -> object:
        with connection.transaction():
            connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_TIMEOUT))
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    try:
        return patiently(run, seconds)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
        raise RefusedError(
            f"a table stayed locked for {seconds:.0f} s: {statement.as_string(connection)!r}",
            hint="end the transaction that holds the table (see pg_stat_activity) and run the command again",
        ) from error
