"""A site at work on any database: transactions that make, change, link and delete records all over the tables."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Final, Self

import psycopg
from psycopg import Connection, Rollback, errors
from psycopg.rows import TupleRow

from tests.support.records import MayWrite, NothingToDoError, Records
from tests.support.waiting import wait_for

_STEPS: Final = {"insert": 5, "change": 8, "change own": 3, "link": 4, "unlink": 1, "delete": 1}
_ROLLED_BACK, _SAVEPOINT_GIVEN_UP = 0.08, 0.05
_PATIENCE_SECONDS: Final = 60.0


class Site:
    """Works on one database, which may be busy with other things, and may go away for a while.

    New records are copies of those that all share, and refer to other new ones. Shared records are changed, in the
    columns that `may_write` allows; only own records are deleted. Two sites have the numbers 0 and 1: see `Records`.
    As a context manager it leaves the database at the end.
    """

    def __init__(
        self, dsn: str, number: int, *, seed: int = 0, may_write: MayWrite = lambda _table, _column: True
    ) -> None:
        self.done: Counter[str] = Counter()
        """How many transactions were committed, rolled back, lost with the connection, or refused, by the reason."""
        self._dsn = dsn
        self._name = f"site {number}"
        self._connection = self._connect()
        self.records = Records(self._connection, number, seed, may_write)
        self._links: list[tuple[str, tuple[int, ...]]] = []
        self._when_committed: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def make_some_of_all(self, *, but: Collection[str] = ()) -> None:
        """Makes a record in every table that has some, and a link in every many2many table, but for those named."""
        for label in [*self.records.shared, *(table.label for table in self.records.junctions)]:
            if label not in but:
                self._try(lambda label=label: self._make(label))  # type: ignore[misc]

    def work(self, transactions: int) -> None:
        """Tries so many transactions: some are rolled back, some break a constraint and are refused."""
        for _ in range(transactions):
            self._try(self._some_steps)

    @contextmanager
    def at_work(self, *, pause: float = 0.005, at_least: int = 0) -> Iterator[None]:
        """Works in a thread for as long as the block runs, and until so many transactions have been tried.

        After each it rests for up to `pause` seconds.
        """
        stop, failures, pacing = Event(), list[BaseException](), Event()

        def work() -> None:
            tried = 0
            try:
                while not stop.is_set() or tried < at_least:
                    self._try(self._some_steps)
                    tried += 1
                    pacing.wait(self.records.random.uniform(0, pause))
            except BaseException as error:  # noqa: BLE001 - raised again where the block ends
                failures.append(error)

        thread = Thread(target=work, name=self._name)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        if failures:
            raise failures[0]

    def _try(self, work: Callable[[], None]) -> None:
        """Runs one transaction. Whether it was committed when the connection is lost is not known, and not needed."""
        self._when_committed.clear()
        try:
            with self._connection.transaction() as transaction:
                work()
        except NothingToDoError:
            return
        except (errors.DataError, errors.IntegrityError, errors.DeadlockDetected) as error:
            self.done[type(error).__name__] += 1
        except psycopg.OperationalError:
            self.done["lost"] += 1
            self._connection.close()
            connection = wait_for(self._connect_if_possible, _PATIENCE_SECONDS, "the server")
            assert connection
            self._connection = connection
        else:
            given_up = transaction.status is transaction.Status.ROLLED_BACK_EXPLICITLY
            self.done["rolled back" if given_up else "committed"] += 1
            for remember in () if given_up else self._when_committed:
                remember()

    def _some_steps(self) -> None:
        chance = self.records.random
        for step in chance.choices(list(_STEPS), list(_STEPS.values()), k=chance.randint(1, 4)):
            with suppress(NothingToDoError):
                if chance.random() < _SAVEPOINT_GIVEN_UP:
                    remembered = len(self._when_committed)
                    with self._connection.transaction():
                        self._do(step)
                        raise Rollback
                    del self._when_committed[remembered:]
                else:
                    self._do(step)
        if chance.random() < _ROLLED_BACK:
            raise Rollback

    def _do(self, step: str) -> None:
        records = self.records
        match step:
            case "insert":
                self._make(records.pick(list(records.shared)))
            case "change":
                label = records.pick(list(records.shared))
                records.change(self._connection, records.tables[label], records.pick(records.shared[label]))
            case "change own":
                label = records.pick(list(records.made))
                records.change(self._connection, records.tables[label], records.pick(records.made[label]))
            case "link":
                self._make(records.pick(records.junctions).label)
            case "unlink":
                label, ids = records.pick(self._links)
                records.delete(self._connection, records.tables[label], ids)
            case "delete":
                self._delete(records.pick(list(records.made)))

    def _make(self, label: str) -> None:
        table = self.records.tables[label]
        if table.numbered:
            made = self.records.insert(self._connection, table)
            self._when_committed.append(lambda: self.records.made.setdefault(label, []).append(made))
        else:
            ids = self.records.link(self._connection, table)
            self._when_committed.append(lambda: self._links.append((label, ids)))

    def _delete(self, label: str) -> None:
        deleted = self.records.pick(self.records.made[label])
        self.records.delete(self._connection, self.records.tables[label], [deleted])

        def forget() -> None:
            with suppress(ValueError):  # twice in one transaction
                self.records.made[label].remove(deleted)

        self._when_committed.append(forget)

    def _connect(self) -> Connection[TupleRow]:
        return psycopg.connect(self._dsn, autocommit=True, application_name=self._name)

    def _connect_if_possible(self) -> Connection[TupleRow] | None:
        with suppress(psycopg.OperationalError):
            return self._connect()
        return None
