"""The steps of a cut-over, as they are taken."""

import time
from collections.abc import Callable

from ucrepl.link.cutover.record import Record


class Steps:
    """Each step is written down and told of before it is taken, and timed.

    `took` gets the milliseconds of each; `now` is the one that was begun last.
    """

    def __init__(self, record: Record, told: Callable[[str], None], took: dict[str, float]) -> None:
        self.now = ""
        self._record, self._told, self._took = record, told, took
        self._since: float | None = None

    def begin(self, name: str) -> None:
        """The step before has been taken, this one is about to be."""
        self.end()
        self._record.step(name)
        self._told(name)
        self.now, self._since = name, time.monotonic()

    def end(self) -> None:
        """The last step has been taken, or given up."""
        if self._since is not None:
            self._took[self.now] = round((time.monotonic() - self._since) * 1000, 1)
            self._since = None
