"""Somebody who writes while the work moves, and remembers what was acknowledged."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic
from typing import Self

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.integration.links import Pair
from tests.support.waiting import wait_for
from ucrepl.db.connect import connect
from ucrepl.link.cutover import fence
from ucrepl.link.cutover.fence import SQLSTATE

_ADD = """
    INSERT INTO partner (name) VALUES (%s) RETURNING (SELECT n.name FROM ucrepl.node AS n)
"""


@dataclass(frozen=True)
class Written:
    """A write that was acknowledged: by which side, and between which times of the monotonic clock it happened."""

    name: str
    side: str
    began: float
    ended: float


class Clerk:
    """Adds partners, one after the other.

    `patient`: goes on when told that the node is closed, and connects again when the connection is lost; of what was on
    its way then nobody knows whether it was stored: `unsure`.
    """

    def __init__(self, dsn: str, name: str = "clerk", *, patient: bool = False) -> None:
        self.written: list[Written] = []
        self.unsure: list[str] = []
        self.failures: list[BaseException] = []
        self._dsn, self._name, self._patient = dsn, name, patient
        self._stop = Event()
        self._thread = Thread(target=self._work)

    @property
    def acknowledged(self) -> list[str]:
        """The names that are stored for certain."""
        return [write.name for write in self.written]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self.failures and not self._stop.wait(0.005):
            with suppress(psycopg.OperationalError), psycopg.connect(self._dsn, prepare_threshold=None) as session:
                while not self.failures and not self._stop.wait(0.005):
                    self._write(session)

    def _write(self, session: Connection[TupleRow]) -> None:
        name = f"{self._name} {len(self.written) + len(self.unsure)}"
        began = monotonic()
        try:
            [(side,)] = session.execute(_ADD, [name]).fetchall()
            session.commit()
        except psycopg.Error as error:
            if not self._patient:
                self.failures.append(error)
            elif session.closed:
                self.unsure.append(name)
                raise
            elif error.sqlstate != SQLSTATE:
                self.failures.append(error)
            else:
                session.rollback()
        else:
            self.written.append(Written(name, side, began, monotonic()))


def wait_for_more(clerk: Clerk) -> None:
    """Wait until he has gone on for a while, or failed."""
    known = len(clerk.written)
    wait_for(lambda: clerk.failures or len(clerk.written) > known + 5, what="the clerk to go on")


class Writers:
    """A clerk at each side, of which turin is open and milan is closed; and one at the clients' `way`, where given."""

    def __init__(self, pair: Pair, way: str | None) -> None:
        self._pair = pair
        self.at = {side.name: Clerk(side.dsn, side.name, patient=True) for side in (pair.a, pair.b)}
        if way:
            self.at["way"] = Clerk(way, "way", patient=True)

    def go_on_at(self, side: str) -> None:
        """The writers of a side, and those who are led to it, must go on."""
        for name in {side, "way"} & self.at.keys():
            wait_for_more(self.at[name])

    def assert_never_two_open(self, now_open: str) -> None:
        """At no moment were both sides open. `now_open`: on which side the work is now."""
        writes = [write for clerk in self.at.values() for write in clerk.written]
        there = [write.ended for write in writes if write.side == "milan"]
        if now_open == "turin":
            assert there == []
        else:
            assert there
            assert max(write.began for write in writes if write.side == "turin") < min(there)

    def assert_kept(self) -> None:
        """All that was acknowledged is on both sides, and nothing that nobody has written. To be asked at the end."""
        self._pair.settle()
        names = self._pair.assert_same("SELECT name FROM partner WHERE name LIKE '% %' ORDER BY 1")
        stored = {name for (name,) in names}
        assert len(stored) == len(names)
        assert [failure for clerk in self.at.values() for failure in clerk.failures] == []
        acknowledged = {name for clerk in self.at.values() for name in clerk.acknowledged}
        assert acknowledged <= stored <= acknowledged | {name for clerk in self.at.values() for name in clerk.unsure}
        self._pair.assert_clean()


@contextmanager
def writing(pair: Pair, way: str | None = None) -> Iterator[Writers]:
    """Closes milan, and has clerks at work on both sides: at the one they can, at the other they try."""
    with connect(pair.b.dsn) as gate:
        fence.shut(gate, "turin")
    writers = Writers(pair, way)
    with ExitStack() as stack:
        for clerk in writers.at.values():
            stack.enter_context(clerk)
        writers.go_on_at("turin")
        yield writers
