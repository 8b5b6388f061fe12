"""Workers inside this process, at a pace that a test can wait for, and what they log."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

from tests.integration.links import FORTH, Pair
from ucrepl.daemon import logs
from ucrepl.daemon.chores import Pace
from ucrepl.daemon.worker import State, Worker

FAST = Pace(
    confirm=0.05, move=0.1, purge=0.1, tombstones=0.1, drift=0.1, modules=0.05, parked=0.2, parked_at_last=0.4,
    counters=0.05,
)  # fmt: skip

Log = Callable[[str], list[dict[str, Any]]]


@contextmanager
def working(pair: Pair, direction: int = FORTH, pace: Pace = FAST) -> Iterator[Worker]:
    """Have a worker replay a link."""
    worker = Worker(pair.config, pair.config.links[direction], pace)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
        assert worker.join(10)
    assert worker.state is State.ENDED
    assert not worker.is_well()


@contextmanager
def logged() -> Iterator[Log]:
    """Have what is logged taken down: gives the lines about an event."""
    root, stream = logging.getLogger(), StringIO()
    handlers, level = root.handlers[:], root.level
    logs.configure("info", stream)
    yield lambda event: [
        line for line in map(json.loads, stream.getvalue().splitlines()) if line["event"].startswith(event)
    ]
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
