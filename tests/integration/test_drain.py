"""`run --drain`, as a process."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT, SIGKILL
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from tests.integration.links import MakePair, Pair, part_ids
from tests.support.cli import two_node_config, ucrepl, ucrepl_running
from tests.support.daemon import daemon_running
from tests.support.waiting import wait_for

DDL = """
CREATE TABLE partner (id serial PRIMARY KEY, name text UNIQUE, parent_id integer REFERENCES partner);
CREATE TABLE note (id serial PRIMARY KEY, text text, partner_id integer REFERENCES partner);
"""
PARKED, REFUSED, UNREACHABLE, INTERRUPTED = 3, 5, 4, 130


@pytest.fixture
def ids() -> str:
    """How the links give ids."""
    return "remap"


@pytest.fixture
def pair(make_pair: MakePair, ids: str) -> Iterator[Pair]:
    pair = make_pair(DDL, ids=ids)
    if ids == "shared":
        pair.share()
    else:
        part_ids(pair, "partner_id_seq", "note_id_seq")
    yield pair
    pair.close_links()


@pytest.fixture
def config(tmp_path: Path, pair: Pair, ids: str) -> Path:
    return two_node_config(tmp_path, pair.a.dsn, pair.b.dsn, ids=ids)


def drain(config: Path) -> dict[str, dict[str, Any]]:
    """Drain, and give what it says of each link."""
    links = json.loads(ucrepl("run", "--drain", "--json", config=config).stdout)["links"]
    return {link["link"]: link for link in links}


def work(pair: Pair, rounds: int = 3) -> None:
    """Transactions on both sides, with records that refer to those of the other side."""
    for _ in range(rounds):
        for side in (pair.a, pair.b):
            side.run(
                "WITH made AS (INSERT INTO partner (name, parent_id)"
                " SELECT %s || gen_random_uuid()::text, (SELECT max(id) FROM partner) FROM generate_series(1, 20)"
                " RETURNING id, name)"
                " INSERT INTO note (text, partner_id) SELECT 'about ' || name, id FROM made",
                f"{side.name} ",
            )


def assert_level(pair: Pair) -> None:
    """The same records on both sides, and the same pairs of ids."""
    pair.assert_same("SELECT p.name, q.name FROM partner AS p LEFT JOIN partner AS q ON q.id = p.parent_id ORDER BY 1")
    pair.assert_same("SELECT n.text, p.name FROM note AS n JOIN partner AS p ON p.id = n.partner_id ORDER BY 1, 2")
    for table in ("partner", "note"):
        assert sorted((ours, theirs) for theirs, ours in pair.a.pairs(table)) == pair.b.pairs(table)
        assert len(pair.b.pairs(table)) == pair.a.value(f"SELECT count(*) FROM {table}")


@pytest.mark.parametrize("ids", ["remap", "shared"])
def test_all_that_was_committed_goes_through_and_both_sides_know_all_pairs(pair: Pair, config: Path) -> None:
    work(pair)
    done = drain(config)
    assert done["turin->milan"] == {"link": "turin->milan", "applied": 120, "skipped": 0, "parked": 0, "conflicts": 0}
    assert done["milan->turin"]["applied"] == 120
    assert_level(pair)

    work(pair)
    drain(config)
    assert_level(pair)


def test_a_second_one_applies_nothing(pair: Pair, config: Path) -> None:
    assert {link["applied"] for link in drain(config).values()} == {0}
    work(pair)
    drain(config)
    positions = pair.both("SELECT position::text FROM ucrepl.link")
    assert {link["applied"] for link in drain(config).values()} == {0}
    assert pair.both("SELECT position::text FROM ucrepl.link") == positions


def test_the_result_is_a_table_on_stdout(pair: Pair, config: Path) -> None:
    pair.a.run("INSERT INTO partner (name) VALUES ('one')")
    done = ucrepl("run", "--drain", config=config)
    title, *lines = [line.split() for line in done.stdout.splitlines()]
    assert title == ["link", "applied", "skipped", "parked", "conflicts"]
    assert lines == [["turin->milan", "1", "0", "0", "0"], ["milan->turin", "0", "0", "0", "0"]]
    assert all(json.loads(line)["event"] == "batch" for line in done.stderr.splitlines())


def test_the_source_hears_how_far_the_target_has_come(pair: Pair, config: Path) -> None:
    work(pair)
    drain(config)
    confirmed = pair.a.value("SELECT confirmed::text FROM ucrepl.consumer WHERE link = 'turin->milan'")
    assert confirmed == pair.b.value("SELECT position::text FROM ucrepl.link")


def test_changes_that_stay_parked_are_told_by_the_exit_code(pair: Pair, config: Path) -> None:
    pair.b.run("ALTER TABLE partner ADD CONSTRAINT never CHECK (name <> 'refused')")
    pair.a.run("INSERT INTO partner (name) VALUES ('refused'), ('taken')")
    done = ucrepl("run", "--drain", config=config, check=False)
    assert done.returncode == PARKED
    assert "ucrepl parked list" in done.stderr
    assert pair.b.column("SELECT name FROM partner") == ["taken"]

    pair.b.run("ALTER TABLE partner DROP CONSTRAINT never")
    assert drain(config)["turin->milan"] == {
        "link": "turin->milan",
        "applied": 1,
        "skipped": 0,
        "parked": 0,
        "conflicts": 0,
    }
    assert_level(pair)


def test_what_waited_for_a_parked_change_goes_through_with_it(pair: Pair, config: Path) -> None:
    pair.b.run("ALTER TABLE partner ADD CONSTRAINT never CHECK (name <> 'refused')")
    pair.a.run("INSERT INTO partner (name) VALUES ('refused')")
    assert ucrepl("run", "--drain", config=config, check=False).returncode == PARKED
    pair.a.run("INSERT INTO note (text, partner_id) SELECT 'of the refused', id FROM partner")
    pair.a.run("UPDATE partner SET parent_id = id")
    assert ucrepl("run", "--drain", config=config, check=False).returncode == PARKED
    assert len(pair.b.parked()) == 3

    pair.b.run("ALTER TABLE partner DROP CONSTRAINT never")
    assert drain(config)["turin->milan"]["parked"] == 0
    assert_level(pair)


def test_a_paused_link_is_refused_before_anything_is_done(pair: Pair, config: Path) -> None:
    work(pair)
    ucrepl("pause", "milan->turin", config=config)
    done = ucrepl("run", "--drain", config=config, check=False)
    assert done.returncode == REFUSED
    assert "'milan->turin' is paused" in done.stderr
    assert "ucrepl resume" in done.stderr
    assert (
        pair.b.value(
            "SELECT count(*) FROM partner WHERE name LIKE 'turin%%'",
        )
        == 0
    )


def test_nodes_that_are_not_ready_are_told_in_one_sentence(pair: Pair, tmp_path: Path) -> None:
    ucrepl("uninstall", "--force", config=two_node_config(tmp_path, pair.a.dsn, pair.b.dsn))
    done = ucrepl("run", "--drain", config=two_node_config(tmp_path, pair.a.dsn, pair.b.dsn), check=False)
    assert (done.returncode, done.stderr.count("\n")) == (REFUSED, 2)
    assert "HINT: run: ucrepl install" in done.stderr

    done = ucrepl("run", "--drain", config=two_node_config(tmp_path, pair.a.dsn, "host=/nowhere"), check=False)
    assert (done.returncode, done.stderr.count("\n")) == (UNREACHABLE, 2)
    assert "error: node 'milan': can't connect to" in done.stderr


def test_json_goes_with_drain_only(config: Path) -> None:
    done = ucrepl("run", "--json", config=config, check=False)
    assert done.returncode == 2
    assert "--drain" in done.stderr


def test_a_link_that_a_daemon_replays_is_waited_for(pair: Pair, config: Path, tmp_path: Path) -> None:
    with daemon_running(config) as daemon:
        work(pair)
        done = ucrepl("run", "--drain", "--json", config=config)
        assert_level(pair)
        assert daemon.lines("batch", link="turin->milan")
    assert done.stderr.count("is replayed by a daemon") == 2

    with daemon_running(config, "second") as daemon, pair.b.another() as user:
        # It stands by until PostgreSQL has noticed that the first one is gone.
        wait_for(lambda: len(daemon.lines("link opened")) == 2, what="the daemon to hold both links")
        user.execute("SELECT FROM partner FOR UPDATE")
        pair.a.run("UPDATE partner SET name = name || '!'")
        pair.a.run("INSERT INTO partner (name) VALUES ('the last one')")
        log = tmp_path / "drain.log"
        with ucrepl_running("run", "--drain", config=config, log=log) as drain:
            wait_for(lambda: "is replayed by a daemon" in log.read_text(), what="the drain to wait")
            daemon.end(SIGKILL)
            user.rollback()
            assert drain.wait(30) == 0, log.read_text()  # it has taken over
    assert_level(pair)


def test_it_can_be_interrupted(pair: Pair, config: Path, tmp_path: Path) -> None:
    config = two_node_config(tmp_path, pair.a.dsn, pair.b.dsn, lock_timeout_ms=60_000)
    work(pair)
    drain(config)
    with pair.b.another() as user:
        user.execute("SELECT FROM partner FOR UPDATE")
        pair.a.run("UPDATE partner SET name = name || '!'")
        log = tmp_path / "drain.log"
        with ucrepl_running("run", "--drain", config=config, log=log) as process:
            wait_for(
                lambda: pair.b.value(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
                ),
                what="the batch to wait for the user",
            )
            process.send_signal(SIGINT)
            assert process.wait(10) == INTERRUPTED
    assert "interrupted" in log.read_text()
    drain(config)
    assert_level(pair)


def test_it_ends_while_others_go_on_writing(pair: Pair, config: Path) -> None:
    stop = Event()

    def write(dsn: str, name: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            number = 0
            while not stop.is_set():
                number += 1
                connection.execute("INSERT INTO partner (name) VALUES (%s)", [f"{name} {number}"])

    writers = [Thread(target=write, args=(side.dsn, side.name)) for side in (pair.a, pair.b)]
    for writer in writers:
        writer.start()
    try:
        wait_for(lambda: pair.a.value("SELECT count(*) FROM partner") > 10, what="the writers")
        drain(config)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    drain(config)
    assert_level(pair)


@pytest.mark.slow
def test_killed_again_and_again_it_applies_everything_once(pair: Pair, tmp_path: Path) -> None:
    config = two_node_config(tmp_path, pair.a.dsn, pair.b.dsn, batch_rows=1)
    log = tmp_path / "drain.log"
    chance = random.Random(1)  # noqa: S311
    kills = 0
    for number in range(12):
        work(pair, rounds=chance.randint(1, 20))
        before = log.read_text().count('"batch"') if log.exists() else 0
        batches = chance.randint(1, 3)
        with ucrepl_running("run", "--drain", config=config, log=log) as process:
            wait_for(
                lambda process=process, limit=before + batches: (
                    process.poll() is not None  # type: ignore[misc]
                    or log.read_text().count('"batch"') >= limit
                ),
                what=f"batch {batches} of round {number}",
            )
            process.kill()
        kills += process.returncode == -SIGKILL
    drain(config)
    assert_level(pair)
    assert kills > 3
    assert drain(config)["turin->milan"]["applied"] == 0
