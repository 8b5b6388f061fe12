"""The lock of a link: an advisory lock on its target, of the session that runs the link, or seeds it."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.errors import RefusedError

LOCK_CLASS = 0x7563
"""The first half of the key; the second one is the number of the link."""


def try_lock(connection: Connection[TupleRow], link_id: int) -> bool:
    """Takes the lock of the link for this session of its target, if nobody has it. Does not wait."""
    row = connection.execute("SELECT pg_catalog.pg_try_advisory_lock(%s, %s)", [LOCK_CLASS, link_id]).fetchone()
    return bool(row and row[0])


def unlock(connection: Connection[TupleRow], link_id: int) -> None:
    """Gives the lock back; the end of the session does so, too."""
    connection.execute("SELECT pg_catalog.pg_advisory_unlock(%s, %s)", [LOCK_CLASS, link_id])


@contextmanager
def held(connection: Connection[TupleRow], link_id: int, name: str) -> Iterator[None]:
    """Holds the lock of the link called `name`. RefusedError while a daemon has it."""
    if not try_lock(connection, link_id):
        raise RefusedError(
            f"a daemon is replaying link {name!r}", hint="stop it first, with: systemctl stop ucrepl, or by SIGTERM"
        )
    try:
        yield
    finally:
        if not connection.closed:
            unlock(connection, link_id)
