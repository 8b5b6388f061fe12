"""Strong locks, taken without making others wait: a lock is given up after a moment and tried again."""

import time
from collections.abc import Callable
from typing import TypeVar

import psycopg

from ucrepl.backoff import Backoff

T = TypeVar("T")

LOCK_TIMEOUT = "200ms"
"""How long a transaction that wants a strong lock stays in the queue: nobody waits behind it for longer."""

LOCK_PATIENCE_SECONDS = 60.0


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
