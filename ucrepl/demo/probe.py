"""Measures latency: from the commit of a change on one side until another session sees it on the other."""

from collections.abc import Callable
from threading import Event
from time import perf_counter, sleep
from typing import Final

from psycopg import Connection, OperationalError
from psycopg.rows import TupleRow

from ucrepl.demo.player import Player
from ucrepl.demo.scene import Latency

_PAUSE_SECONDS: Final = 0.04
_LOOK_SECONDS: Final = 0.001
_RETRY_SECONDS: Final = 0.1

Connect = Callable[[], Connection[TupleRow]]


class Probe(Player):
    """Changes the customer `ref` of `source` again and again, and watches for it on `target`, until it may rest."""

    def __init__(self, ref: str, source: Connect, target: Connect, latency: Latency) -> None:
        super().__init__(f"probe {ref}")
        self._ref, self._source, self._target, self._latency = ref, source, target, latency
        self._measuring = Event()
        self._measuring.set()

    def rest(self) -> None:
        """Measure no more; what is under way counts no longer."""
        self._measuring.clear()

    def wake(self) -> None:
        """End the rest."""
        self._measuring.set()

    def run(self) -> None:
        """Measure until told to leave. A server that goes away is waited for."""
        while not self.leaving.is_set():
            try:
                with self._source() as source, self._target() as target:
                    self._measure(source, target)
            except OperationalError:
                self.leaving.wait(_RETRY_SECONDS)

    def _measure(self, source: Connection[TupleRow], target: Connection[TupleRow]) -> None:
        while self._measuring.wait() and not self.leaving.wait(_PAUSE_SECONDS):
            sent = source.execute(
                "UPDATE res_partner SET color = coalesce(color, 0) + 1 WHERE ref = %s RETURNING color", (self._ref,)
            ).fetchone()
            committed = perf_counter()
            while self._measuring.is_set() and not self.leaving.is_set():
                seen = target.execute("SELECT color FROM res_partner WHERE ref = %s", (self._ref,)).fetchone()
                if seen == sent:
                    self._latency.seconds.append(perf_counter() - committed)
                    break
                sleep(_LOOK_SECONDS)
