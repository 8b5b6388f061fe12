"""The people of a site, as a thread: they do what they are asked, work all day, and wait while their server is away."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from itertools import cycle
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias, TypeVar

from psycopg import Connection, IsolationLevel, OperationalError
from psycopg.errors import DeadlockDetected, SerializationFailure
from psycopg.rows import TupleRow

from ucrepl.demo.office import Office
from ucrepl.demo.orm import NotFoundError
from ucrepl.demo.player import Player
from ucrepl.demo.scene import Scene, Site

T = TypeVar("T")
Transaction: TypeAlias = Callable[[], str]

_PAUSE_SECONDS: Final = 0.04
_RETRY_SECONDS: Final = 0.1
_ATTEMPTS: Final = 5  # as often as Odoo tries a request again


class Crew(Player):
    """Works at `site` through the connections that `connect` gives, and keeps that part of the scene up to date."""

    def __init__(self, site: str, connect: Callable[[], Connection[TupleRow]], scene: Scene) -> None:
        super().__init__(f"crew of {site}")
        self._site, self._connect, self._scene = site, connect, scene
        self._office = Office(site)
        self._asked: SimpleQueue[Callable[[Connection[TupleRow]], None]] = SimpleQueue()
        self._busy = False
        self._transactions = 0
        self._failure: Exception | None = None

    def do(self, task: Callable[[Office], T]) -> T:
        """Do this next, as one transaction, and give what it gives."""
        future: Future[T] = Future()
        self._asked.put(lambda connection: self._fulfil(connection, future, task))
        return future.result()

    def work(self) -> None:
        """Begin the day's work, or go on with it."""
        self._busy = True
        self.wake()

    def rest(self) -> None:
        """Finish the transaction at hand and begin no other; returns when nothing is under way.

        Raises what stopped the day's work, if something did.
        """
        self._busy = False
        self.do(lambda _office: None)
        if self._failure:
            raise self._failure

    def wake(self) -> None:
        """Have it look at what it was asked."""
        self._asked.put(lambda _connection: None)

    def run(self) -> None:
        """Work until told to leave. A server that goes away is waited for."""
        day = cycle(self._office.day)
        while not self.leaving.is_set():
            try:
                with self._connect() as connection:
                    connection.isolation_level = IsolationLevel.REPEATABLE_READ  # as Odoo does
                    self._office.open(connection)
                    self._show(up=True)
                    self._work(connection, day)
            except OperationalError:
                self._show(up=False)
                self.leaving.wait(_RETRY_SECONDS)

    def _work(self, connection: Connection[TupleRow], day: Iterator[Transaction]) -> None:
        """What is asked for goes first; in between, the day's work."""
        while not self.leaving.is_set():
            try:
                asked = self._asked.get(timeout=_PAUSE_SECONDS if self._busy else None)
            except Empty:
                self._do_the_next(connection, next(day))
            else:
                asked(connection)

    def _do_the_next(self, connection: Connection[TupleRow], transaction: Transaction) -> None:
        try:
            self._show(self._perform(connection, transaction))
        except NotFoundError:
            self._show()  # what it needs has not been made yet
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - kept for the story, which asks for it when it lets the crew rest
            self._failure, self._busy = error, False

    def _fulfil(self, connection: Connection[TupleRow], future: Future[T], task: Callable[[Office], T]) -> None:
        try:
            future.set_result(self._perform(connection, lambda: task(self._office)))
        except BaseException as error:
            future.set_exception(error)
            if isinstance(error, OperationalError):
                raise

    def _perform(self, connection: Connection[TupleRow], task: Callable[[], T]) -> T:
        """The task as a transaction, which is tried again where PostgreSQL asks for that."""
        for _ in range(_ATTEMPTS - 1):
            with suppress(SerializationFailure, DeadlockDetected), connection.transaction():
                return task()
        with connection.transaction():
            return task()

    def _show(self, done: str | None = None, *, up: bool = True) -> None:
        self._transactions += done is not None
        last = done or self._scene.sites[self._site].last
        self._scene.sites[self._site] = Site(up, self._transactions, last)
