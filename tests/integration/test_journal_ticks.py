"""Batches end at snapshots: together they are all that was committed, each change once, what is needed first."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Final

import psycopg
import pytest

from tests.integration.links import MakePair, Pair, Side
from ucrepl.link.replay import CHANGE_COLUMNS
from ucrepl.link.setup import BEGINNING

ITEM: Final = "CREATE TABLE item (id serial PRIMARY KEY, name text)"
MANY: Final = "INSERT INTO item (name) SELECT {name!r} || n FROM generate_series(1, {count}) AS n"


def write(side: Side, name: str, transactions: int, count: int) -> None:
    for n in range(transactions):
        side.run(MANY.format(name=f"{name} {n} ", count=count))


def ticks(side: Side) -> int:
    return int(side.value("SELECT count(*) FROM ucrepl.tick"))


def test_a_backlog_has_ticks_that_nobody_had_to_ask_for(make_pair: MakePair) -> None:
    pair = make_pair(ITEM, batch_rows=1000)
    write(pair.a, "x", 55, 100)
    assert ticks(pair.a) == 5
    batches = pair.forth().batches
    assert [batch.applied for batch in batches[:-1]] == [1000 - 100, 1000, 1000, 1000, 1000]  # none sees its own writer
    assert [batch.more for batch in batches] == [True] * 5 + [False]
    stored = pair.a.column("SELECT snapshot::text FROM ucrepl.tick ORDER BY before_xid")
    assert [batch.position for batch in batches[:-1]] == stored
    pair.assert_same("SELECT count(*) FROM item")
    pair.assert_clean()


def test_a_larger_batch_takes_more_ticks(make_pair: MakePair) -> None:
    pair = make_pair(ITEM, batch_rows=3000)
    write(pair.a, "x", 70, 100)
    assert [batch.applied for batch in pair.forth().batches] == [2900, 3000, 1100]


def test_a_transaction_is_never_divided(make_pair: MakePair) -> None:
    pair = make_pair(ITEM, batch_rows=1000)
    write(pair.a, "x", 1, 12_345)
    assert [batch.applied for batch in pair.forth().batches if batch.applied] == [12_345]
    pair.assert_same("SELECT count(*) FROM item")


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_a_transaction_open_across_many_batches(make_pair: MakePair, level: str) -> None:
    pair = make_pair(ITEM, batch_rows=1000)
    with pair.a.another() as slow, pair.a.another() as never:
        for connection in (slow, never):
            connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
            connection.execute("INSERT INTO item (name) VALUES ('slow begins')")
        for n in range(3):
            write(pair.a, f"round {n}", 15, 100)
            slow.execute(MANY.format(name=f"slow {n} ", count=1100).encode())  # stores a tick of its own
            never.execute("INSERT INTO item (name) VALUES ('never')")
            assert pair.forth().applied == 1500
            assert pair.b.value("SELECT count(*) FROM item WHERE name LIKE 'slow%'") == 0
        slow.commit()
        write(pair.a, "after", 15, 100)
        assert pair.forth().applied == 1500 + 3301
        never.rollback()
    assert pair.forth().applied == 0
    assert pair.assert_same("SELECT count(*), count(DISTINCT name) FROM item") == [(1500 * 4 + 3301,) * 2]
    pair.assert_clean()


def test_a_tick_does_not_count_its_own_transaction_as_ended(make_pair: MakePair) -> None:
    """It may depend on what comes after the tick: with it, the batch would have a child before its parent."""
    pair = make_pair(
        "CREATE TABLE up (id serial PRIMARY KEY); CREATE TABLE item (id serial PRIMARY KEY, name text, up_id"
        " int REFERENCES up)",
        batch_rows=1000,
    )
    with pair.a.another() as writer:
        writer.execute("INSERT INTO item (name) VALUES ('first')")
        pair.a.run("INSERT INTO item (name) VALUES ('a later transaction, which has ended')")
        writer.execute(MANY.format(name="x", count=1500).encode())
        assert pair.a.value("SELECT count(*) FROM ucrepl.tick") == 0
        parent = pair.a.value("INSERT INTO up DEFAULT VALUES RETURNING id")
        writer.execute("INSERT INTO item (name, up_id) VALUES ('child', %s)", [parent])
        [[xid]] = writer.execute("SELECT pg_current_xact_id()").fetchall()
    [(snapshot, visible)] = pair.a.rows(
        "SELECT snapshot::text, pg_visible_in_snapshot(%s::text::xid8, snapshot) FROM ucrepl.tick", xid
    )
    assert not visible, snapshot
    first = pair.step()
    assert first is not None
    assert (first.position, first.applied) == (snapshot, 1)
    pair.forth()
    assert pair.assert_same("SELECT count(*), count(up_id) FROM item") == [(1503, 1)]
    pair.assert_clean()


def test_ticks_of_old_snapshots_are_passed_over(make_pair: MakePair) -> None:
    """In REPEATABLE READ, Odoo's, the snapshot is that of the transaction's begin: ticks are not in order."""
    pair = make_pair(ITEM, batch_rows=1000)
    with pair.a.another() as early:
        early.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        early.execute("SELECT count(*) FROM item")
        write(pair.a, "x", 25, 100)
        early.execute(MANY.format(name="early", count=2000).encode())
        early.commit()
    write(pair.a, "y", 15, 100)
    by_seq = pair.a.column("SELECT pg_snapshot_xmax(snapshot)::text::bigint FROM ucrepl.tick ORDER BY seq")
    assert by_seq != sorted(by_seq)
    batches = pair.forth().batches
    assert sum(batch.applied for batch in batches) == 2500 + 2000 + 1500
    ends = [int(batch.position.split(":")[1]) for batch in batches]
    assert ends == sorted(ends)
    pair.assert_same("SELECT name FROM item ORDER BY 1")
    pair.assert_clean()


def test_a_rolled_back_tick_leaves_a_larger_batch(make_pair: MakePair) -> None:
    pair = make_pair(ITEM, batch_rows=1000)
    write(pair.a, "x", 9, 100)
    with pair.a.another() as connection:
        connection.execute(MANY.format(name="in vain", count=200).encode())
        connection.rollback()
    assert ticks(pair.a) == 0
    write(pair.a, "y", 8, 100)
    assert [batch.applied for batch in pair.forth().batches if batch.applied] == [1700]


def test_a_truncated_table_counts_as_a_change(make_pair: MakePair) -> None:
    pair = make_pair(ITEM, batch_rows=1000)
    write(pair.a, "x", 1, 999)
    for _ in range(2):
        pair.a.run("TRUNCATE item")
    assert pair.forth().applied == 1001
    assert pair.b.value("SELECT count(*) FROM item") == 0


def dice_of(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - not for secrets


class Writers:
    """Clients that write, each for itself, at every level of isolation, with rollbacks and savepoints."""

    def __init__(self, side: Side, count: int) -> None:
        self.side = side
        self.enough = Event()
        self.pool = ThreadPoolExecutor(count)
        self.futures = [self.pool.submit(self._write, dice_of(n)) for n in range(count)]

    def stop(self) -> int:
        """Let them end, and give the number of their commits."""
        self.enough.set()
        self.pool.shutdown()
        return sum(future.result() for future in self.futures)

    def _write(self, dice: random.Random) -> int:
        commits = 0
        with psycopg.connect(self.side.dsn) as connection:
            while not self.enough.is_set():
                level = dice.choice(["READ COMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
                connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
                try:
                    for _ in range(dice.randint(1, 4)):
                        self._change(connection, dice)
                    if dice.random() < 0.3:
                        connection.rollback()
                        continue
                    connection.commit()
                    commits += 1
                except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
                    connection.rollback()
        return commits

    @staticmethod
    def _change(connection: "psycopg.Connection[tuple[object, ...]]", dice: random.Random) -> None:
        connection.execute("SAVEPOINT one")
        match dice.randint(0, 4):
            case 0 | 1:
                connection.execute(MANY.format(name="n", count=dice.randint(1, 150)).encode())
            case 2:
                connection.execute(
                    "UPDATE item SET name = name || '.' WHERE id <= 20 AND id %% 5 = %s", [dice.randint(0, 4)]
                )
            case 3:
                connection.execute(
                    "DELETE FROM item WHERE id IN (SELECT id FROM item WHERE id > 20 ORDER BY id LIMIT %s FOR"
                    " UPDATE SKIP LOCKED)",
                    [dice.randint(1, 50)],
                )
            case _:
                connection.execute("UPDATE item SET name = 'x' || id WHERE id = %s", [dice.randint(1, 20)])
        if dice.random() < 0.2:
            connection.execute("ROLLBACK TO one")


def cut(pair: Pair, at: str, number: int, rows: int) -> str | None:
    """Read the batch after a position into the table `seen`, under a number. Gives its end, or None for no batch."""
    replayer = pair.replayer()
    window = replayer.source.window(at, rows)
    if window.is_empty:
        return None
    copy_in = f"COPY pg_temp.change ({CHANGE_COLUMNS}) FROM STDIN (FORMAT binary)"
    with replayer.target.transaction():
        with replayer.target.cursor() as cursor, cursor.copy(copy_in.encode()) as copy:
            for block in replayer.source.changes(at, window):
                copy.write(block)
        replayer.target.execute(
            "INSERT INTO public.seen SELECT %s, seq, xid, op::text, key FROM pg_temp.change", [number]
        )
    return window.ends


def test_batches_of_any_size_are_together_all_that_was_committed(make_pair: MakePair) -> None:
    pair = make_pair(ITEM)
    pair.a.run(MANY.format(name="old", count=20))
    pair.b.run("CREATE TABLE seen (batch int, seq bigint, xid xid8, op text, key text)")
    pair.replayer()
    dice = dice_of(4711)
    writers = Writers(pair.a, 8)
    at, batches = BEGINNING, 0
    try:
        while pair.a.value("SELECT last_value FROM ucrepl.journal_seq") < 25_000:
            at = cut(pair, at, batches, dice.choice([1000, 1000, 2000, 10_000])) or at
            batches += 1
    finally:
        commits = writers.stop()
    while ends := cut(pair, at, batches, 1000):
        at, batches = ends, batches + 1
    assert commits > 100
    assert batches > 10
    committed = pair.a.rows("SELECT seq, op::text, key FROM ucrepl.journal ORDER BY seq")
    assert pair.b.rows("SELECT seq, op, key FROM seen ORDER BY seq") == committed
    # No transaction is in two batches, and a record's changes come in the order in which they were made.
    assert pair.b.rows("SELECT xid FROM seen GROUP BY xid HAVING count(DISTINCT batch) > 1") == []
    assert (
        pair.b.rows(
            "SELECT * FROM (SELECT key, seq, batch, max(batch) OVER (PARTITION BY key ORDER BY seq) AS latest"
            " FROM seen) AS s"
            " WHERE batch < latest"
        )
        == []
    )


def test_what_many_clients_write_while_it_is_replayed_is_the_same_in_the_end(make_pair: MakePair) -> None:
    pair = make_pair(ITEM, batch_rows=1000)
    pair.b.run("SELECT setval('item_id_seq', 1000000)")
    pair.a.run(MANY.format(name="old", count=20))
    pair.forth()
    writers = Writers(pair.a, 6)
    try:
        while pair.a.value("SELECT last_value FROM ucrepl.journal_seq") < 10_000:
            pair.step()
    finally:
        writers.stop()
    pair.forth()
    pair.assert_same("SELECT name FROM item ORDER BY 1")
    pair.assert_clean()
