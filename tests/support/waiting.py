"""Waiting for something to come true."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

T = TypeVar("T")
_LOOK_SECONDS = 0.02


def wait_for(condition: Callable[[], T], timeout: float = 30.0, what: str = "the condition") -> T:
    """Ask until the answer is true, and give it; AssertionError with the last answer after `timeout` seconds."""
    deadline = monotonic() + timeout
    while not (answer := condition()):
        if monotonic() > deadline:
            message = f"waited {timeout!r} s in vain for {what}; the last answer was {answer!r}"
            raise AssertionError(message)
        sleep(_LOOK_SECONDS)
    return answer
