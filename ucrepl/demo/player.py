"""A thread that a `with` statement starts and ends."""

from threading import Event, Thread
from types import TracebackType
from typing import Self


class Player(Thread):
    """Runs from the beginning of a `with` block to its end; `run` returns soon after `leaving` is set."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.leaving = Event()

    def wake(self) -> None:
        """Called after `leaving` is set: end what `run` waits for."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leaving.set()
        self.wake()
        self.join()
