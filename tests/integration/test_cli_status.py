"""`status`, `pause` and `resume` on the command line."""

import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.integration.links import MakePair, Pair
from tests.integration.terminal import BACK, FORTH, Terminal
from tests.support.cli import ucrepl_running
from tests.support.waiting import wait_for
from ucrepl.db.connect import connect
from ucrepl.link.lock import held

NUMBERS = ["lag_rows", "lag_seconds", "applied", "skipped", "parked", "held", "conflicts"]
WORDS = ["held_tables", "held_because", "finer", "to_resync"]
KEYS = ["link", "state", *NUMBERS, "last_error", "skipped_by_rule", "parked_files", "unknown_references", *WORDS]


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return make_pair(
        "CREATE TABLE partner (id serial PRIMARY KEY, name text); CREATE TABLE bus (id serial PRIMARY KEY)"
    )


def status(terminal: Terminal) -> dict[str, dict[str, Any]]:
    return {link["link"]: link for link in terminal("status", "--json").json["links"]}


def test_the_keys_are_those_of_the_contract(pair: Pair, tmp_path: Path) -> None:
    printed = Terminal(pair, tmp_path)("status", "--json").json
    assert list(printed) == ["links"]
    assert [list(link) for link in printed["links"]] == [KEYS, KEYS]
    assert [link["link"] for link in printed["links"]] == [FORTH, BACK]


def test_a_link_that_was_never_opened_lags_from_the_beginning(pair: Pair, tmp_path: Path) -> None:
    pair.a.run("INSERT INTO partner (name) SELECT 'x' FROM generate_series(1, 3)")
    forth, back = status(Terminal(pair, tmp_path)).values()
    assert (forth["state"], forth["lag_rows"]) == ("stopped", 3)
    assert 0 < forth["lag_seconds"] < 300
    nothing = [BACK, "stopped", 0, 0.0, 0, 0, 0, 0, 0, None, {}, 0, 0, {}, [], 0, []]
    assert back == dict(zip(KEYS, nothing, strict=True))


def test_lag_counts_what_is_not_in_the_position(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    pair.a.run("INSERT INTO partner (name) VALUES ('early')")
    with psycopg.connect(pair.a.dsn) as long_one:
        long_one.execute("INSERT INTO public.partner (name) VALUES ('open all the time')")
        pair.a.run("INSERT INTO partner (name) VALUES ('beside it')")
        pair.forth()
        assert status(terminal)[FORTH]["lag_rows"] == 0
        pair.a.run("INSERT INTO partner (name) VALUES ('later')")
        assert status(terminal)[FORTH]["lag_rows"] == 1
        long_one.commit()
        assert status(terminal)[FORTH]["lag_rows"] == 2
    pair.forth()
    assert (status(terminal)[FORTH]["lag_rows"], status(terminal)[FORTH]["lag_seconds"]) == (0, 0.0)


def test_counters(make_pair: MakePair, tmp_path: Path) -> None:
    ddl = "CREATE TABLE partner (id serial PRIMARY KEY, name text UNIQUE); CREATE TABLE bus (id serial PRIMARY KEY)"
    pair = make_pair(ddl, rules=[{"table": "bus", "skip": True}])
    pair.b.run("ALTER TABLE partner ADD CHECK (name <> 'refused')")
    pair.a.run("INSERT INTO partner (name) VALUES ('one'), ('two'), ('refused'); INSERT INTO bus DEFAULT VALUES")
    pair.forth()
    pair.close_links()
    forth = status(Terminal(pair, tmp_path))[FORTH]
    assert forth["finer"] == 1
    assert {key: forth[key] for key in NUMBERS if key != "lag_seconds"} == {
        "lag_rows": 0,
        "applied": 2,
        "skipped": 1,
        "parked": 1,
        "held": 0,
        "conflicts": 0,
    }


def test_running_and_idle_tell_that_a_daemon_holds_the_lock(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    with connect(pair.b.dsn) as daemon, held(daemon, pair.replayer().link_id, FORTH):
        assert status(terminal)[FORTH]["state"] == "idle"
        pair.a.run("INSERT INTO partner (name) VALUES ('x')")
        assert status(terminal)[FORTH]["state"] == "running"
        assert status(terminal)[BACK]["state"] == "stopped"
    assert status(terminal)[FORTH]["state"] == "stopped"


def test_down_when_a_node_is_not_installed(pair: Pair, tmp_path: Path) -> None:
    pair.forth()
    pair.close_links()
    terminal = Terminal(pair, tmp_path)
    terminal("uninstall", "turin", "--force")
    forth, back = status(terminal).values()
    assert (forth["state"], back["state"]) == ("down", "down")
    assert forth["last_error"] == back["last_error"] == "ucrepl is not installed on node 'turin'"
    assert [forth[key] for key in NUMBERS] == [None, None, 0, 0, 0, 0, 0]
    assert [back[key] for key in NUMBERS] == [None] * 7


def test_down_when_a_node_can_t_be_reached(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path, milan=make_conninfo(pair.b.dsn, port="1"))
    forth, back = status(terminal).values()
    assert (forth["state"], back["state"]) == ("down", "down")
    assert forth["last_error"].startswith("node 'milan': can't connect")
    assert FORTH in terminal("status").out


def test_down_when_the_role_may_not_look(pair: Pair, tmp_path: Path) -> None:
    pair.a.run("CREATE ROLE onlooker LOGIN")
    try:
        terminal = Terminal(pair, tmp_path, turin=make_conninfo(pair.a.dsn, user="onlooker"))
        assert status(terminal)[FORTH]["state"] == "down"
        assert "permission denied for schema ucrepl" in status(terminal)[FORTH]["last_error"]
    finally:
        pair.a.run("DROP ROLE onlooker")


def test_pause_is_held_in_the_database_also_before_the_link_was_opened(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    assert terminal("pause", FORTH).err == f"{FORTH}: now paused\n"
    assert terminal("pause", FORTH).err == f"{FORTH}: was paused already\n"
    assert pair.b.rows("SELECT name, paused FROM ucrepl.link") == [(FORTH, True)]
    assert [link["state"] for link in status(terminal).values()] == ["paused", "stopped"]
    assert terminal("resume", FORTH).err == f"{FORTH}: now not paused\n"
    assert terminal("resume", BACK).err == f"{BACK}: was not paused already\n"
    assert [link["state"] for link in status(terminal).values()] == ["stopped", "stopped"]


def test_pause_of_a_link_that_is_not_there(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    assert terminal.refused("pause", "milan->rome", code=2)[0] == "there is no link 'milan->rome'"
    assert "quotes" in terminal.refused("resume", "turin-", code=2)[1]


def test_pause_needs_the_target_only_once_the_link_is_known(pair: Pair, tmp_path: Path) -> None:
    nowhere = make_conninfo(pair.a.dsn, port="1")
    assert Terminal(pair, tmp_path, turin=nowhere).refused("pause", FORTH, code=4)[0].startswith("node 'turin'")
    Terminal(pair, tmp_path)("pause", FORTH)
    assert Terminal(pair, tmp_path, turin=nowhere)("resume", FORTH).err == f"{FORTH}: now not paused\n"


def test_watch_goes_on_until_it_is_interrupted(pair: Pair, tmp_path: Path) -> None:
    path, log = Terminal(pair, tmp_path).path, tmp_path / "watch.log"
    with ucrepl_running("status", "--watch", config=path, log=log) as watching:
        wait_for(lambda: log.read_text().count("applied") > 1, what="a second table")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=10) == 0
    assert "Traceback" not in log.read_text()
