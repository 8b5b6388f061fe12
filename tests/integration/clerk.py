"""Somebody who writes while the work moves, and remembers what was acknowledged."""

from threading import Event, Thread
from typing import Self

import psycopg

from tests.support.waiting import wait_for
from ucrepl.link.cutover.fence import SQLSTATE


class Clerk:
    """Adds partners, one after the other. `patient`: goes on when told that the node is closed."""

    def __init__(self, dsn: str, name: str = "clerk", *, patient: bool = False) -> None:
        self.acknowledged: list[str] = []
        self.failures: list[BaseException] = []
        self._dsn, self._name, self._patient = dsn, name, patient
        self._stop = Event()
        self._thread = Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        with psycopg.connect(self._dsn, prepare_threshold=None) as session:
            while not self.failures and not self._stop.wait(0.005):
                name = f"{self._name} {len(self.acknowledged)}"
                try:
                    session.execute("INSERT INTO partner (name) VALUES (%s)", [name])
                    session.commit()
                except psycopg.Error as error:
                    if not self._patient or error.sqlstate != SQLSTATE:
                        self.failures.append(error)
                    else:
                        session.rollback()
                else:
                    self.acknowledged.append(name)


def wait_for_more(clerk: Clerk) -> None:
    """Wait until he has gone on for a while, or failed."""
    known = len(clerk.acknowledged)
    wait_for(lambda: clerk.failures or len(clerk.acknowledged) > known + 5, what="the clerk to go on")
