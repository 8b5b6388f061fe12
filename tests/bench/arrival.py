"""When something is visible on the target."""

import time
from dataclasses import dataclass
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

_LOOK_SECONDS: Final = 0.002
_PATIENCE_SECONDS: Final = 1800.0


@dataclass(frozen=True, slots=True)
class Drained:
    """How long a drain took, and the processor time of the process of the target's server that applied it."""

    seconds: float
    cpu_seconds: float


def wait_for_mark(target: Connection[TupleRow], awaited: int) -> float:
    """Waits until the marker has this value on the target. Returns the time at which it had, as time.time()."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        row = target.execute("SELECT n FROM bench_marker WHERE id = 1", prepare=True).fetchone()
        seen = time.time()
        if row and row[0] >= awaited:
            return seen
        time.sleep(_LOOK_SECONDS)
    raise TimeoutError(f"mark {awaited!r} has not arrived after {_PATIENCE_SECONDS!r} s")
