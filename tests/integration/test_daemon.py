"""The daemon as a process: signals, reload, standby, lost servers, systemd."""

import statistics
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from signal import SIGHUP, SIGKILL, SIGTERM
from time import monotonic

import psycopg
import pytest
import yaml

from tests.support.cli import two_node_config, ucrepl
from tests.support.daemon import daemon_running, systemd
from tests.support.databases import MakeDatabase
from tests.support.waiting import wait_for
from ucrepl.throwaway import Server

DDL = "CREATE TABLE note (id serial PRIMARY KEY, text text, place text)"
LAST_ERROR = "SELECT last_error FROM ucrepl.link"
AN_HOUR = 3600  # between two polls: then it is the notifications that do it


class Site:
    """One of the two databases."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.connection: psycopg.Connection[tuple[object, ...]] = psycopg.connect(dsn, autocommit=True)
        self.connection.execute(DDL)

    def write(self, text: str) -> None:
        self.connection.execute("INSERT INTO note (text) VALUES (%s)", [text])

    def has(self, text: str) -> bool:
        return self.connection.execute("SELECT FROM note WHERE text = %s", [text]).fetchone() is not None

    def wait_for(self, text: str) -> None:
        wait_for(lambda: self.has(text), what=f"the note {text!r}")

    def value(self, statement: str) -> object:
        row = self.connection.execute(statement.encode()).fetchone()
        assert row
        return row[0]


class Sites:
    """Two linked databases, turin (`a`) and milan (`b`)."""

    def __init__(self, directory: Path, dsn_a: str, dsn_b: str) -> None:
        self.directory = directory
        self.a = Site(dsn_a)
        self.b = Site(dsn_b)

    def configure(self, *, rules: object = None, both_ways: bool = True, **link: object) -> Path:
        return two_node_config(self.directory, self.a.dsn, self.b.dsn, rules=rules, both_ways=both_ways, **link)

    def close(self) -> None:
        self.a.connection.close()
        self.b.connection.close()


@pytest.fixture
def sites(tmp_path: Path, database: MakeDatabase) -> Iterator[Sites]:
    with closing(Sites(tmp_path, database(), database())) as sites:
        ucrepl("install", config=sites.configure())
        yield sites


def test_changes_go_both_ways_and_each_batch_is_one_line_of_json(sites: Sites) -> None:
    with daemon_running(sites.configure(poll_seconds=AN_HOUR)) as daemon:
        sites.a.write("from turin")
        sites.b.write("from milan")
        sites.b.wait_for("from turin")
        sites.a.wait_for("from milan")

        batch = daemon.wait_for_line("batch", link="turin->milan", rows=1)
        assert daemon.end() == 0

    assert batch["bytes"] > 0
    assert (batch["skipped"], batch["parked"], batch["conflicts"]) == (0, 0, 0)
    assert batch["milliseconds"].keys() == {"copy", "apply", "commit", "total"}
    assert daemon.lines("batch", link="milan->turin", rows=1)
    assert [line["link"] for line in daemon.lines("link closed")] != []


def test_no_notification_is_lost_and_a_change_is_through_in_no_time(sites: Sites) -> None:
    with daemon_running(sites.configure(poll_seconds=AN_HOUR)):
        seconds = []
        for number in range(100):
            began = monotonic()
            sites.a.write(f"note {number}")
            sites.b.wait_for(f"note {number}")
            seconds.append(monotonic() - began)

    assert statistics.median(seconds) < 0.25


def test_sigterm_lets_the_batch_be_finished(sites: Sites) -> None:
    config = sites.configure(lock_timeout_ms=60_000)
    sites.a.write("old")
    with daemon_running(config) as daemon:
        sites.b.wait_for("old")
        with psycopg.connect(sites.b.dsn) as user:
            user.execute("SELECT FROM note FOR UPDATE")
            sites.a.connection.execute("UPDATE note SET text = 'new'")
            wait_for(lambda: waits_for_lock(sites.b), what="the batch to wait for the user")
            daemon.send(SIGTERM)
            daemon.wait_for_line("end")
        assert daemon.process.wait(5) == 0

    assert sites.b.has("new")


@pytest.mark.slow
def test_sigterm_ends_within_ten_seconds_and_loses_nothing(sites: Sites) -> None:
    config = sites.configure(lock_timeout_ms=60_000)
    sites.a.write("old")
    with daemon_running(config) as daemon, psycopg.connect(sites.b.dsn) as user:
        sites.b.wait_for("old")
        user.execute("SELECT FROM note FOR UPDATE")
        sites.a.connection.execute("UPDATE note SET text = 'new'")
        wait_for(lambda: waits_for_lock(sites.b), what="the batch to wait for the user")
        began = monotonic()
        assert daemon.end(timeout=10) == 0
        assert monotonic() - began > 7
    assert not daemon.lines("left behind: the servers roll it back")

    assert not sites.b.has("new")
    ucrepl("run", "--drain", config=config)
    assert sites.b.has("new")


def test_a_second_sigterm_ends_it_at_once(sites: Sites) -> None:
    config = sites.configure(lock_timeout_ms=60_000)
    sites.a.write("old")
    with daemon_running(config) as daemon, psycopg.connect(sites.b.dsn) as user:
        sites.b.wait_for("old")
        user.execute("SELECT FROM note FOR UPDATE")
        sites.a.connection.execute("UPDATE note SET text = 'new'")
        wait_for(lambda: waits_for_lock(sites.b), what="the batch to wait for the user")
        daemon.send(SIGTERM)
        daemon.wait_for_line("end")
        assert daemon.end(timeout=2) == 128 + SIGTERM


def test_sigterm_does_not_wait_for_a_node_that_can_not_be_reached(sites: Sites) -> None:
    config = sites.configure()
    document = yaml.safe_load(config.read_text())
    document["nodes"]["milan"]["dsn"] = "host=/nowhere dbname=milan"
    config.write_text(yaml.safe_dump(document))
    with daemon_running(config) as daemon:
        assert "No such file" in daemon.wait_for_line("link in trouble", verdict="reconnect")["error"]
        assert daemon.end(timeout=3) == 0


def test_sighup_starts_changed_links_anew_and_leaves_the_others_alone(sites: Sites) -> None:
    config = sites.configure()
    with daemon_running(config) as daemon:
        document = yaml.safe_load(config.read_text())
        document["links"][0]["rules"] = [{"table": "note", "protect": {"place": 3}}]
        config.write_text(yaml.safe_dump(document))
        daemon.send(SIGHUP)
        daemon.wait_for_line("ready", number=2)

        sites.a.connection.execute("INSERT INTO note (text, place) VALUES ('one', 'here')")
        sites.b.wait_for("one")
        sites.a.connection.execute("UPDATE note SET text = 'two', place = 'there'")
        sites.b.wait_for("two")
        assert sites.b.value("SELECT place FROM note") != "there"
        assert len(daemon.lines("link opened", link="turin->milan")) == 2
        assert len(daemon.lines("link opened", link="milan->turin")) == 1

        sites.configure(both_ways=False)
        daemon.send(SIGHUP)
        daemon.wait_for_line("link closed", link="milan->turin")
        daemon.wait_for_line("ready", number=3)
        sites.configure()
        daemon.send(SIGHUP)
        daemon.wait_for_line("link opened", link="milan->turin", number=2)


def test_a_bad_file_leaves_the_old_one_in_force_and_all_its_errors_are_logged(sites: Sites) -> None:
    config = sites.configure()
    with daemon_running(config) as daemon:
        config.write_text("nodes: {turin: {dns: x}}\nlinks: [{from: turin, to: rome}]\n")
        daemon.send(SIGHUP)
        daemon.wait_for_line("ready", number=2)
        problems = [line["problem"] for line in daemon.lines("configuration not reloaded: the old one stays in force")]
        assert [problem.removeprefix(str(config)).split(":")[1] for problem in problems].count("1") >= 1
        assert any("'dns'" in problem for problem in problems)
        assert any("'rome'" in problem for problem in problems)

        config.unlink()
        daemon.send(SIGHUP)
        daemon.wait_for_line("ready", number=3)

        sites.a.write("as before")
        sites.b.wait_for("as before")
        assert len(daemon.lines("link opened")) == 2


def test_a_standby_takes_over_when_the_first_one_is_killed(sites: Sites) -> None:
    config = sites.configure()
    with daemon_running(config, "first") as first, daemon_running(config, "second") as second:
        for link in ("turin->milan", "milan->turin"):
            second.wait_for_line("standby: another daemon replays this link", link=link)
        sites.a.write("by the first")
        sites.b.wait_for("by the first")
        assert second.lines("link opened") == []

        first.end(SIGKILL)
        sites.a.write("by the second")
        sites.b.wait_for("by the second")
        assert len(second.lines("standby: another daemon replays this link")) == 2


def test_a_link_that_is_paused_rests_until_it_is_resumed(sites: Sites) -> None:
    config = sites.configure()
    with daemon_running(config):
        ucrepl("pause", "turin->milan", config=config)
        sites.a.write("kept back")
        sites.b.write("goes on")
        sites.a.wait_for("goes on")
        assert not sites.b.has("kept back")
        ucrepl("resume", "turin->milan", config=config)
        sites.b.wait_for("kept back")


def test_what_only_a_person_can_mend_stops_the_link_until_it_is_mended(sites: Sites) -> None:
    config = sites.configure()
    sites.a.write("first")
    ucrepl("run", "--drain", config=config)
    position = sites.b.value("SELECT position FROM ucrepl.link")
    sites.b.connection.execute("UPDATE ucrepl.link SET position = '999999999:999999999:'")
    with daemon_running(config) as daemon:
        daemon.wait_for_line("link in trouble", link="turin->milan", verdict="stop")
        assert "restored from a backup" in str(wait_for(lambda: sites.b.value(LAST_ERROR), what="the error"))

        sites.b.connection.execute("UPDATE ucrepl.link SET position = %s", [position])
        sites.a.write("second")
        daemon.send(SIGHUP)  # or half a minute later by itself
        sites.b.wait_for("second")
        wait_for(lambda: sites.b.value(LAST_ERROR) is None, what="the end of the error")


def test_systemd_is_told_how_the_daemon_is(sites: Sites) -> None:
    config = sites.configure()
    with systemd() as manager, daemon_running(config, **manager.environment) as daemon:
        number = manager.wait_for(lambda message: message.get("READY") == "1")
        assert manager.heard[number - 1]["STATUS"].startswith("2 links: ")
        manager.wait_for(lambda message: message.get("STATUS") == "2 links: 2 idle")
        for _ in range(3):
            number = manager.wait_for(lambda message: message.get("WATCHDOG") == "1", number)

        ucrepl("pause", "turin->milan", config=config)
        number = manager.wait_for(lambda message: message.get("STATUS") == "2 links: 1 idle, 1 paused", number)

        daemon.send(SIGHUP)
        number = manager.wait_for(lambda message: message.get("RELOADING") == "1", number)
        assert int(manager.heard[number - 1]["MONOTONIC_USEC"]) > 0
        number = manager.wait_for(lambda message: message.get("READY") == "1", number)

        assert daemon.end() == 0
        manager.wait_for(lambda message: message.get("STOPPING") == "1", number)


@pytest.mark.slow
def test_a_server_that_goes_away_is_waited_for(tmp_path: Path, database: MakeDatabase) -> None:
    with Server() as other:
        dsn = other.dsn("postgres")
        with closing(Sites(tmp_path, database(), dsn)) as sites:
            config = sites.configure()
            ucrepl("install", config=config)
            with systemd() as manager, daemon_running(config, **manager.environment) as daemon:
                sites.a.write("before")
                sites.b.wait_for("before")

                other.kill()
                sites.a.write("meanwhile")
                for link in ("turin->milan", "milan->turin"):
                    daemon.wait_for_line("link in trouble", link=link, verdict="reconnect")
                assert "node 'milan'" in str(wait_for(lambda: sites.a.value(LAST_ERROR), what="the error"))
                daemon.send(SIGHUP)
                daemon.wait_for_line("ready", number=2)
                manager.wait_for(lambda message: "2 in trouble" in message.get("STATUS", ""))

                other.start()
                with psycopg.connect(dsn, autocommit=True) as milan:
                    wait_for(
                        lambda: milan.execute("SELECT FROM note WHERE text = 'meanwhile'").fetchone() == (),
                        what="the change made meanwhile",
                    )
                    milan.execute("INSERT INTO note (text) VALUES ('after')")
                sites.a.wait_for("after")
                wait_for(lambda: sites.a.value(LAST_ERROR) is None, what="the end of the error")
                assert daemon.end() == 0


def waits_for_lock(site: Site) -> bool:
    return bool(
        site.value(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database() AND application_name LIKE 'ucrepl%'"
        )
    )
