"""A batch is applied as a whole with its position, or not at all, whatever gets in the way."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest

from tests.integration.links import BACK, FORTH, MakePair, Pair
from tests.support.waiting import wait_for
from ucrepl.db.sqlstate import Verdict, classify
from ucrepl.errors import RefusedError

ITEM = "CREATE TABLE item (id serial PRIMARY KEY, name text); CREATE TABLE other (id serial PRIMARY KEY, name text)"
ROWS = "SELECT name FROM item ORDER BY name"
# Holds the statement that it is in at the insert of a certain row, until the test lets it go on.
GATE = """
    CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF new.name = 'gate' THEN
            PERFORM pg_advisory_xact_lock(4711);
        END IF;
        RETURN new;
    END$$;
    CREATE TRIGGER gate BEFORE INSERT OR UPDATE ON other FOR EACH ROW EXECUTE FUNCTION gate();
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    """Two tables; replay waits 100 ms for a lock."""
    pair = make_pair(ITEM, lock_timeout_ms=100)
    pair.a.run("INSERT INTO item (name) VALUES ('one'), ('two')")
    pair.forth()
    return pair


def in_thread(work: Callable[[], object]) -> "Future[object]":
    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future


def position(pair: Pair) -> str:
    return str(pair.b.value("SELECT position::text FROM ucrepl.link WHERE name = 'turin->milan'"))


def test_a_row_locked_by_a_user_is_waited_for_and_then_the_batch_is_tried_again(pair: Pair) -> None:
    before = position(pair)
    pair.a.run("INSERT INTO item (name) VALUES ('three'); UPDATE item SET name = 'uno' WHERE name = 'one'")
    with pair.b.another() as user:
        user.execute("SELECT FROM item WHERE name = 'one' FOR UPDATE")
        with pytest.raises(psycopg.errors.LockNotAvailable) as refused:
            pair.forth()
        assert classify(refused.value) is Verdict.RETRY
        assert position(pair) == before
        assert pair.b.rows(ROWS) == [("one",), ("two",)]
    assert pair.forth().applied == 2
    assert pair.assert_same(ROWS) == [("three",), ("two",), ("uno",)]
    assert pair.b.parked() == []


def test_a_row_changed_by_a_user_while_replay_waits_for_it(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE item (id serial PRIMARY KEY, name text, note text)", lock_timeout_ms=60_000)
    pair.a.run("INSERT INTO item (name) VALUES ('one')")
    pair.settle()
    pair.a.run("UPDATE item SET name = 'uno'")
    with pair.b.another() as user:
        user.execute("UPDATE item SET note = 'by the user'")
        future = in_thread(pair.forth)
        wait_for(lambda: pair.b.value("SELECT count(*) FROM pg_locks WHERE NOT granted"), what="replay to wait")
        user.commit()
    future.result(30)
    pair.settle()
    assert pair.assert_same("SELECT name, note FROM item") == [("uno", "by the user")]
    pair.assert_clean()


def test_the_same_column_changed_by_a_user_while_replay_waits_for_it(make_pair: MakePair) -> None:
    pair = make_pair(ITEM, lock_timeout_ms=60_000)
    pair.a.run("INSERT INTO item (name) VALUES ('one')")
    pair.settle()
    pair.a.run("UPDATE item SET name = 'uno'")
    with pair.b.another() as user:
        user.execute("UPDATE item SET name = 'eins'")
        future = in_thread(pair.forth)
        wait_for(lambda: pair.b.value("SELECT count(*) FROM pg_locks WHERE NOT granted"), what="replay to wait")
        user.commit()
    future.result(30)
    pair.settle()
    assert pair.assert_same(ROWS) == [("eins",)]
    assert [c[1:] for c in pair.b.conflicts()] == [("item", "name", "one", "uno", "eins", "target")]


def test_a_deadlock_with_a_user_parks_nothing(make_pair: MakePair) -> None:
    pair = make_pair(ITEM, lock_timeout_ms=60_000)
    pair.a.run("INSERT INTO item (name) VALUES ('one'); INSERT INTO other (name) VALUES ('two'), ('three')")
    pair.forth()
    pair.b.run(GATE)
    pair.a.run("UPDATE item SET name = 'uno'; UPDATE other SET name = 'gate' WHERE name = 'two'")
    pair.a.run("DELETE FROM other WHERE name = 'three'")
    before = position(pair)
    with pair.b.another(deadlock_timeout="1h") as user, pair.b.another() as keeper:
        keeper.execute("SELECT pg_advisory_xact_lock(4711)")
        user.execute("SELECT FROM other WHERE name = 'three' FOR UPDATE")
        pair.replayer().target.execute("SET deadlock_timeout = '10ms'")
        replaying = in_thread(pair.forth)
        wait_for(lambda: pair.b.value(WAITING), what="replay to stand at the gate, with the row of the item")
        using = in_thread(lambda: user.execute("UPDATE item SET name = 'eins'"))
        wait_for(
            lambda: pair.b.value("SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", user.info.backend_pid),
            what="the user to wait for that row",
        )
        keeper.commit()  # now replay wants to delete the row that the user has
        with pytest.raises(psycopg.errors.DeadlockDetected) as refused:
            replaying.result(30)
        using.result(30)
        assert classify(refused.value) is Verdict.RETRY
        assert position(pair) == before
    pair.settle()
    assert pair.assert_same(ROWS) == [("eins",)]
    assert pair.assert_same("SELECT name FROM other") == [("gate",)]
    assert pair.b.parked() == []


@pytest.mark.parametrize("grain", ["set", "finer"])
def test_the_session_of_the_target_is_killed_in_the_middle_of_a_batch(pair: Pair, grain: str) -> None:
    pair.b.run(GATE)
    if grain == "finer":
        pair.b.run("ALTER TABLE item ADD CHECK (name <> 'bad')")
        pair.a.run("INSERT INTO item (name) VALUES ('bad')")
    pair.a.run("INSERT INTO item (name) VALUES ('three'); UPDATE item SET name = 'uno' WHERE name = 'one'")
    pair.a.run("DELETE FROM item WHERE name = 'two'; INSERT INTO other (name) VALUES ('gate')")
    before = position(pair)
    with pair.b.another() as keeper:
        keeper.execute("SELECT pg_advisory_xact_lock(4711)")
        future = in_thread(pair.forth)
        wait_for(lambda: pair.b.value(WAITING), what="replay to stand at the gate")
        pair.b.run(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND"
            " NOT granted"
        )
        with pytest.raises(psycopg.OperationalError) as lost:
            future.result(30)
    assert classify(lost.value) is Verdict.RECONNECT
    assert position(pair) == before
    if grain == "set":
        assert pair.b.rows(ROWS) == [("one",), ("two",)]
        assert pair.b.parked() == []
    pair.close_links()
    pair.forth()
    assert [name for (name,) in pair.b.rows(ROWS)] == ["three", "uno"]
    assert len(pair.b.parked()) == (grain == "finer")
    assert pair.forth().batches == []


def test_the_session_of_the_source_is_killed_while_it_sends(make_pair: MakePair) -> None:
    pair = make_pair(ITEM)
    pair.a.run("INSERT INTO item (name) SELECT 'n' || n || repeat('x', 1000) FROM generate_series(1, 20000) AS n")
    replayer = pair.replayer()
    at, _ = replayer.position()
    window = replayer.window(at)
    blocks = replayer.source.changes(at, window)
    next(blocks)
    pair.a.run("SELECT pg_terminate_backend(%s)", replayer.source.connection.info.backend_pid)
    blocks.close()
    with pytest.raises(psycopg.OperationalError) as lost:
        replayer.replay(at, window)
    assert classify(lost.value) is Verdict.RECONNECT
    assert pair.b.rows(ROWS) == []
    pair.close_links()
    assert pair.forth().applied == 20_000


def test_a_commit_whose_answer_was_lost_is_not_applied_again(pair: Pair) -> None:
    """The daemon dies between the commit on the target and anything else: the next one starts from the position."""
    pair.a.run("INSERT INTO item (name) VALUES ('three')")
    replayer = pair.replayer()
    at, _ = replayer.position()
    window = replayer.window(at)
    replayer.replay(at, window)
    with pytest.raises(RefusedError, match="was moved by somebody else"):
        replayer.replay(at, window)
    assert pair.assert_same(ROWS) == [("one",), ("three",), ("two",)]
    pair.close_links()
    assert pair.forth().applied == 0


def test_a_statement_timeout_parks_nothing(make_pair: MakePair) -> None:
    pair = make_pair(ITEM + ";" + GATE, lock_timeout_ms=60_000)
    pair.a.run("INSERT INTO item (name) VALUES ('one')")
    pair.forth()
    pair.a.run("ALTER TABLE other DISABLE TRIGGER gate; INSERT INTO other (name) VALUES ('gate')")
    before = position(pair)
    with pair.b.another() as keeper:
        keeper.execute("SELECT pg_advisory_xact_lock(4711)")
        pair.replayer().target.execute("SET statement_timeout = '50ms'")
        with pytest.raises(psycopg.errors.QueryCanceled) as refused:
            pair.forth()
    assert classify(refused.value) is Verdict.RETRY
    assert position(pair) == before
    assert pair.forth().applied == 1
    assert pair.b.parked() == []


def test_a_missing_privilege_stops_the_link_and_parks_nothing(pair: Pair) -> None:
    before = position(pair)
    pair.a.run("INSERT INTO item (name) VALUES ('three')")
    pair.b.run(
        "CREATE ROLE weak; GRANT USAGE ON SCHEMA ucrepl TO weak; GRANT ALL ON ALL TABLES IN SCHEMA ucrepl TO weak"
    )
    pair.b.run("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ucrepl TO weak; GRANT SELECT ON item TO weak")
    replayer = pair.replayer()
    try:
        [[temporary]] = replayer.target.execute("SELECT pg_my_temp_schema()::regnamespace::text").fetchall()
        replayer.target.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {temporary} TO weak".encode())
        replayer.target.execute("SET ROLE weak")
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
            pair.forth()
        assert classify(refused.value) is Verdict.STOP
        assert position(pair) == before
        assert pair.b.parked() == []
    finally:
        backend = replayer.target.info.backend_pid
        pair.close_links()
        # a session that ends drops its temporary tables: DROP OWNED would stumble over them
        wait_for(
            lambda: not pair.b.value(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {backend}"), what="the session"
        )
        pair.b.run("DROP OWNED BY weak; DROP ROLE weak")
    assert pair.forth().applied == 1


def test_a_table_that_changed_under_the_plan(pair: Pair) -> None:
    pair.a.run("INSERT INTO item (name) VALUES ('three')")
    replayer = pair.replayer()
    at, _ = replayer.position()
    pair.b.run("ALTER TABLE item RENAME name TO label")
    with pytest.raises(psycopg.errors.UndefinedColumn) as refused:
        replayer.replay(at, replayer.window(at))
    assert classify(refused.value) is Verdict.REPLAN
    pair.b.run("ALTER TABLE item RENAME label TO name")
    pair.close_links()
    assert pair.forth().applied == 1


def test_a_source_that_is_older_than_the_position_is_refused(pair: Pair) -> None:
    pair.b.run("UPDATE ucrepl.link SET position = '999999999:999999999:'")
    with pytest.raises(RefusedError, match="older than what was already replayed"):
        pair.forth()


def test_two_links_at_once_do_not_hinder_each_other(make_pair: MakePair) -> None:
    pair = make_pair(ITEM)
    for n in range(20):
        pair.a.run("INSERT INTO item (name) VALUES (%s)", f"a{n}")
        pair.b.run("INSERT INTO item (name) VALUES (%s)", f"b{n}")
    for direction in (FORTH, BACK):
        pair.replayer(direction)
    futures = [in_thread(pair.forth), in_thread(pair.back)]
    for future in futures:
        future.result(30)
    pair.settle()
    assert len(pair.assert_same(ROWS)) == 40
    pair.assert_clean()
