"""A worker inside this process: what it does beside replaying, at a pace that a test can wait for."""

from contextlib import closing

import psycopg
import pytest

from tests.integration.links import FORTH, MakePair, Pair
from tests.integration.workers import Log, working
from tests.support.databases import MakeDatabase
from tests.support.waiting import wait_for
from ucrepl.daemon.waker import Ears, Waker
from ucrepl.daemon.worker import State, Worker
from ucrepl.db.connect import connect
from ucrepl.link.setup import BEGINNING
from ucrepl.link.status import rows_behind

DDL = "CREATE TABLE note (id serial PRIMARY KEY, text text)"


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return make_pair(DDL)


def wait_for_note(pair: Pair, text: str) -> None:
    wait_for(lambda: pair.b.rows("SELECT FROM note WHERE text = %s", text), what=f"the note {text!r}")


def test_somebody_in_the_way_is_put_up_with(pair: Pair, log: Log) -> None:
    pair.configure(lock_timeout_ms=50)
    pair.a.run("INSERT INTO note (text) VALUES ('old')")
    with working(pair) as worker:
        wait_for_note(pair, "old")
        with pair.b.another() as user:
            user.execute("SELECT FROM note FOR UPDATE")
            pair.a.run("UPDATE note SET text = 'new'")
            wait_for(lambda: len(log("link in trouble")) > 2, what="three attempts")
            assert {line["verdict"] for line in log("link in trouble")} == {"retry"}
            wait_for(lambda: pair.b.value("SELECT last_error FROM ucrepl.link"), what="the error")
            wait_for(lambda: worker.state is State.TROUBLED, what="the worker to rest")
            assert worker.is_well()
        wait_for_note(pair, "new")
        wait_for(lambda: pair.b.value("SELECT last_error IS NULL FROM ucrepl.link"), what="the end of the error")
        assert len(log("link opened")) == 1
    pair.assert_clean()


def test_a_worker_that_waits_for_its_server_is_well(pair: Pair) -> None:
    pair.configure(lock_timeout_ms=60_000)
    pair.a.run("INSERT INTO note (text) VALUES ('old')")
    with working(pair) as worker:
        wait_for_note(pair, "old")
        with pair.b.another() as user:
            user.execute("SELECT FROM note FOR UPDATE")
            pair.a.run("UPDATE note SET text = 'new'")
            wait_for(lambda: worker.state is State.RUNNING and worker._session.is_busy, what="the batch")
            worker._last_beat -= 1000
            assert worker.is_well()
        wait_for_note(pair, "new")


def test_a_connection_that_is_ended_is_made_anew(pair: Pair, log: Log) -> None:
    with working(pair):
        wait_for(lambda: log("link opened"), what="the link to be open")
        for number, side in enumerate((pair.a, pair.b), 2):
            side.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'ucrepl turin->milan' AND datname = current_database()"
            )
            wait_for(lambda number=number: len(log("link opened")) == number, what="the link to be open again")  # type: ignore[misc]
            pair.a.run("INSERT INTO note (text) VALUES (%s)", f"note {number}")
            wait_for_note(pair, f"note {number}")
    lost = {line["error"].partition(" lost")[0] for line in log("link in trouble")}
    assert lost == {"connection to node 'turin'", "connection to node 'milan'"}


def test_parked_changes_are_tried_again(pair: Pair, log: Log) -> None:
    pair.b.run("ALTER TABLE note ADD CONSTRAINT never CHECK (text <> 'refused')")
    pair.a.run("INSERT INTO note (text) VALUES ('refused'), ('taken')")
    with working(pair):
        wait_for_note(pair, "taken")
        wait_for(lambda: log("parked changes tried again"), what="an attempt")
        assert pair.b.parked()
        pair.b.run("ALTER TABLE note DROP CONSTRAINT never")
        wait_for_note(pair, "refused")
        assert pair.b.parked() == []
    assert [line["rows"] for line in log("parked changes tried again")][-1] == 1


def test_a_link_with_nothing_to_do_follows_its_source_and_tells_it(pair: Pair, log: Log) -> None:
    with working(pair):
        wait_for(lambda: log("link opened"), what="the link to be open")
        pair.a.run("CREATE TABLE elsewhere (id integer)")
        far = pair.a.value("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        wait_for(
            lambda: pair.b.value("SELECT pg_snapshot_xmax(position)::text::bigint FROM ucrepl.link") >= far,
            what="the position to move",
        )
        wait_for(
            lambda: pair.a.value("SELECT pg_snapshot_xmax(confirmed)::text::bigint FROM ucrepl.consumer") >= far,
            what="the source to hear of it",
        )


def test_what_is_not_captured_is_told_with_the_command_that_mends_it(pair: Pair, log: Log) -> None:
    with working(pair):
        pair.a.run(f"ALTER TABLE note DISABLE TRIGGER {pair.a.trigger('note')}")
        [line] = wait_for(lambda: log("triggers are missing or disabled"), what="the warning")
        assert (line["node"], line["tables"], line["hint"]) == ("turin", ["note"], "run: ucrepl install")
        pair.install()
        wait_for(lambda: log("all tables are captured again"), what="the all-clear")

        pair.a.run('CREATE TABLE "Odd name" (id integer PRIMARY KEY); CREATE TABLE log (id integer)')
        [line] = wait_for(lambda: log("tables are new"), what="the warning")
        assert line["tables"] == ["Odd name"]


def test_tables_and_columns_that_come_while_it_runs_are_replicated(pair: Pair, log: Log) -> None:
    with working(pair):
        wait_for(lambda: log("link opened"), what="the link to be open")
        pair.run("CREATE TABLE task (id serial PRIMARY KEY, name text)")
        pair.install()
        pair.a.run("INSERT INTO task (name) VALUES ('one')")
        wait_for(lambda: pair.b.column("SELECT name FROM task") == ["one"], what="the row of the new table")

        opened = len(log("link opened"))
        pair.run("ALTER TABLE note ADD COLUMN place text")
        wait_for(lambda: len(log("link opened")) > opened, what="the new plan")
        pair.a.run("INSERT INTO note (text, place) VALUES ('two', 'here')")
        wait_for_note(pair, "two")
        assert pair.b.column("SELECT place FROM note") == ["here"]
    pair.assert_clean()


def test_the_backlog_is_told_in_thousands(pair: Pair) -> None:
    for _ in range(5):
        pair.a.run("INSERT INTO note (text) SELECT 'x' FROM generate_series(1, 500)")
    worker = Worker(pair.config, pair.config.links[FORTH])
    with closing(worker._waker), closing(worker._session):
        replayer = worker._session.open()
        assert replayer
        assert rows_behind(worker._session.source, BEGINNING) == 2000
        position, _ = replayer.position()
        reached = replayer.replay(position, replayer.window(position)).position
        assert rows_behind(worker._session.source, reached) == 0


def test_a_plan_that_is_refused_twice_stops_the_link(pair: Pair, log: Log) -> None:
    pair.b.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'no such thing' USING ERRCODE = '42P01'; END $$;"
        " CREATE TRIGGER refuse BEFORE INSERT ON note FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    pair.a.run("INSERT INTO note (text) VALUES ('one')")
    with working(pair) as worker:
        wait_for(lambda: worker.state is State.STOPPED, what="the link to stop")
        assert [line["verdict"] for line in log("link in trouble")] == ["replan", "stop"]
        assert "no such thing" in pair.b.value("SELECT last_error FROM ucrepl.link")
        pair.b.run("DROP TRIGGER refuse ON note")
        worker.nudge()
        wait_for_note(pair, "one")
    pair.assert_clean()


def test_notifications_are_heard_whenever_they_come_and_take_no_room(database: MakeDatabase) -> None:
    dsn = database()
    with (
        connect(dsn) as listener,
        psycopg.connect(dsn, autocommit=True) as notifier,
        closing(Waker()) as waker,
    ):
        listener.execute("LISTEN ucrepl")
        ears = Ears(listener, waker)
        assert not ears.wait(0)

        notifier.execute("NOTIFY ucrepl")
        assert ears.wait(5)
        ears.forget()
        assert not ears.wait(0)

        for number in range(100):  # they come along with the answer to a query
            notifier.execute("SELECT pg_notify('ucrepl', %s)", [str(number)])
        listener.execute("SELECT 1")
        assert ears.wait(0)
        assert ears.wait(0)
        ears.forget()
        assert not ears.wait(0)
        assert not listener._notifies_backlog

        waker.wake()
        assert ears.wait(5)
        assert not ears.wait(0)

        notifier.execute("SELECT pg_terminate_backend(%s)", [listener.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            wait_for(lambda: ears.wait(5))
