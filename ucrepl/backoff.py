"""How long to wait before the next attempt. No clock and no sleep in here: the caller waits."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Backoff:
    """Exponential back-off with full jitter: each delay is drawn from 0 to a ceiling that grows up to a cap.

    `base` is the first ceiling in seconds, `cap` the greatest, `factor` the growth from one failure to the next;
    `draw` gives a number from 0 to 1 (the tests put a fixed one in).
    """

    base: float = 0.1
    cap: float = 30.0
    factor: float = 2.0
    draw: Callable[[], float] = random.random
    failures: int = field(default=0, init=False)
    ceiling: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        if not (0 < self.base <= self.cap and self.factor >= 1):
            msg = f"back-off needs 0 < base <= cap and factor >= 1, not {self!r}"
            raise ValueError(msg)
        self.reset()

    def reset(self) -> None:
        """Start anew after a success."""
        self.failures = 0
        self.ceiling = self.base

    def next_delay(self) -> float:
        """Count a failure and give the seconds to wait before the next attempt."""
        delay = self.draw() * self.ceiling
        self.failures += 1
        self.ceiling = min(self.cap, self.ceiling * self.factor)
        return delay
