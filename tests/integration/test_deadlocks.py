"""No user of the target loses a deadlock to replay, and replay goes on."""

import random
from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.integration.links import MakePair, Pair
from tests.integration.test_replay_faults import in_thread
from tests.support.waiting import wait_for
from ucrepl.db.sqlstate import Verdict, classify

TABLES = """
    CREATE TABLE item (id serial PRIMARY KEY, name text, note text, code text UNIQUE);
    CREATE TABLE other (
        id serial PRIMARY KEY, name text, note text, item_id int REFERENCES item ON DELETE CASCADE, code text UNIQUE
    );
"""
if TYPE_CHECKING:
    from concurrent.futures import Future

ROWS = 12
BATCHES = 25
Work = Callable[[Connection[TupleRow], random.Random], None]


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    """Items and others of them, on servers that look for deadlocks early."""
    pair = make_pair(TABLES, lock_timeout_ms=300)
    for side in (pair.a, pair.b):
        side.look_for_deadlocks_after("40ms")
    pair.a.run("INSERT INTO item (name) SELECT g FROM generate_series(1, %s) AS g", ROWS)
    pair.a.run("INSERT INTO other (name, item_id) SELECT id, id FROM item")
    pair.settle()
    return pair


def one(number: random.Random) -> int:
    return number.randint(1, ROWS)


def updates(user: Connection[TupleRow], number: random.Random) -> None:
    """Rows of the second table, then of the first: replay writes the first one first."""
    user.execute("UPDATE other SET note = 'u' WHERE id = %s", [one(number)])
    user.execute("UPDATE item SET note = 'u' WHERE id = %s", [one(number)])


def children(user: Connection[TupleRow], number: random.Random) -> None:
    """A child, with a lock on its parent, after a lock on another row."""
    user.execute("SELECT FROM other WHERE id = %s FOR UPDATE", [one(number)])
    user.execute("INSERT INTO other (item_id) VALUES (%s)", [one(number)])
    user.execute("UPDATE item SET note = 'u' WHERE id = %s", [one(number)])


def parents(user: Connection[TupleRow], number: random.Random) -> None:
    """Parents locked for a change of their key, after a child."""
    user.execute("UPDATE other SET note = 'u' WHERE id = %s", [one(number)])
    user.execute("SELECT FROM item WHERE id = %s FOR UPDATE", [one(number)])


def users_do(pair: Pair, work: Work, over: Event, number: int) -> tuple[int, list[str]]:
    """Transactions until it is over. Returns how many, and the errors other than among users."""
    chance, done, errors = random.Random(number), 0, []  # noqa: S311 - to be the same in each run
    with psycopg.connect(pair.b.dsn) as user:
        while not over.is_set():
            try:
                work(user, chance)
                over.wait(0.005)
                user.commit()
                done += 1
            except psycopg.Error as error:
                user.rollback()
                errors.append(f"{error.sqlstate} {error}")
    return done, errors


def replay_once(pair: Pair) -> None:
    """Replays what is there, whatever is in the way."""
    while True:
        try:
            pair.forth()
        except psycopg.Error as error:
            assert classify(error) is Verdict.RETRY  # noqa: PT017 - all others are raised by the next line
        else:
            return


@pytest.mark.slow
@pytest.mark.parametrize("work", [updates, children, parents])
def test_no_user_loses(pair: Pair, work: Work) -> None:
    """One user at a time, so that no two of them can lock each other out."""
    over = Event()
    user: Future[tuple[int, list[str]]] = in_thread(lambda: users_do(pair, work, over, 1))  # type: ignore[assignment]
    for batch in range(BATCHES):
        pair.a.run(
            "BEGIN; UPDATE item SET name = %s; UPDATE other SET name = %s;"
            " INSERT INTO other (item_id) SELECT id FROM item; DELETE FROM other WHERE id > %s; COMMIT".replace(
                "%s", str(ROWS + batch)
            )
        )
        replay_once(pair)
    over.set()
    done, errors = user.result(60)
    assert errors == []
    assert done > BATCHES
    assert pair.b.value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
    replay_once(pair)
    assert pair.b.value("SELECT count(DISTINCT name) FROM item") == 1
    assert pair.b.parked() == []


def test_a_batch_that_waits_holds_nothing(pair: Pair) -> None:
    pair.configure(lock_timeout_ms=30_000)
    pair.a.run("UPDATE item SET name = 'new'; UPDATE other SET name = 'new'")
    with pair.b.another() as user, pair.b.another() as other:
        user.execute("SELECT FROM other WHERE id = 3 FOR UPDATE")
        future = in_thread(pair.forth)
        wait_for(
            lambda: pair.b.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"),
            what="replay to wait for the row",
        )
        other.execute("SELECT FROM item FOR UPDATE NOWAIT")
        other.execute("SELECT FROM other WHERE id <> 3 FOR UPDATE NOWAIT")
        other.commit()
        user.commit()
        future.result(30)
    pair.assert_same("SELECT name FROM item UNION ALL SELECT name FROM other")


def test_rows_that_nobody_holds_are_replayed_while_one_is_held(pair: Pair) -> None:
    for number in range(1, ROWS + 1):
        pair.a.run("UPDATE item SET name = 'new' WHERE id = %s", number)
    with pair.b.another() as user:
        user.execute("SELECT FROM item WHERE id = %s FOR UPDATE", [ROWS])
        with pytest.raises(psycopg.errors.LockNotAvailable):
            pair.forth()
        assert pair.b.value("SELECT count(*) FROM item WHERE name = 'new'") == ROWS - 1
    assert pair.forth().applied == 1
    pair.assert_same("SELECT name FROM item ORDER BY id")
