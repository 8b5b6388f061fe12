"""Several workers share the batches of one table: while one of them writes a batch, another one stages the next."""

from collections.abc import Iterator
from threading import Condition, Lock

from ucrepl.link.seed.stream import Rows


class AbandonedError(Exception):
    """Another worker has failed: what was staged is not to be written."""


class Turns:
    """Gives out batches, each to one worker, and lets them be written in the order in which they came."""

    def __init__(self, batches: Iterator[Rows]) -> None:
        self._batches = enumerate(batches)
        self._reading = Lock()
        self._turn = Condition()
        self._written = 0
        self._failed = False

    def take(self) -> tuple[int, Rows] | None:
        """The next batch with its number, None at the end. Raises what reading raises."""
        with self._reading:
            return next(self._batches, None)

    def wait(self, number: int) -> None:
        """Waits until all batches before this one are written. Raises AbandonedError."""
        with self._turn:
            self._turn.wait_for(lambda: self._failed or self._written == number)
            if self._failed:
                raise AbandonedError

    def done(self) -> None:
        """The batch whose turn it was is written: it is the turn of the next one."""
        with self._turn:
            self._written += 1
            self._turn.notify_all()

    def fail(self) -> None:
        """Nothing more is to be written."""
        with self._turn:
            self._failed = True
            self._turn.notify_all()
