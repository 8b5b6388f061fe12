"""How long the batches of a link take, counted in memory."""

from bisect import bisect_left
from typing import Final

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds up to which a batch counts in each of the classes; the last class is for those that took longer."""


class Durations:
    """Counts batches by the seconds that they took. One thread adds, any other may look."""

    def __init__(self) -> None:
        self.total = 0.0
        self._counts = [0] * (len(BOUNDS) + 1)

    def add(self, seconds: float) -> None:
        """Count a batch."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def counts(self) -> list[int]:
        """How many batches fell into each class."""
        return list(self._counts)
