"""`install` and `uninstall` on the command line."""

from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.integration.links import MakePair, Pair
from tests.integration.terminal import Terminal
from ucrepl.link.script import install_script

TABLES = """
    CREATE TABLE partner (id serial PRIMARY KEY, name text);
    CREATE TABLE "Order ""x"" %s" (id serial PRIMARY KEY, partner_id integer REFERENCES partner, "select" text);
    CREATE TABLE label (code text PRIMARY KEY, "user" text);
    CREATE TABLE partner_label (
        partner_id integer NOT NULL REFERENCES partner, label text NOT NULL REFERENCES label, UNIQUE (partner_id, label)
    );
    CREATE TABLE loose (a integer);
"""


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return make_pair(TABLES, installed=False)


def tracked(pair: Pair) -> list[int]:
    return [
        side.value("SELECT count(*) FROM pg_trigger WHERE tgname ~ '^(0_)?ucrepl_' AND NOT tgisinternal")
        for side in (pair.a, pair.b)
    ]


def test_install_is_done_on_all_nodes_and_says_what_it_did(pair: Pair, tmp_path: Path) -> None:
    said = Terminal(pair, tmp_path)("install")
    assert said.out == ""
    assert "turin: 4 tables tracked, triggers made on 4 of them" in said.err
    assert "milan: 1 table without a key, so that their changes are not captured: 'loose'" in said.err
    assert "HINT: give them a primary key" in said.err
    assert tracked(pair) == [12, 12]


def test_install_twice_changes_nothing(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    terminal("install")
    said = terminal("install")
    assert "turin: 4 tables tracked, all triggers were there" in said.err


def test_install_on_one_node(pair: Pair, tmp_path: Path) -> None:
    said = Terminal(pair, tmp_path)("install", "milan")
    assert "turin" not in said.err
    assert tracked(pair) == [0, 12]


def test_install_makes_triggers_for_a_new_table_only(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    terminal("install")
    pair.a.run("CREATE TABLE newcomer (id serial PRIMARY KEY)")
    assert "turin: 5 tables tracked, triggers made on 1 of them" in terminal("install").err


def test_print_shows_a_script_that_psql_can_run(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    script = terminal("install", "--print", "turin").out
    assert tracked(pair) == [0, 0]
    assert pair.a.value("SELECT to_regnamespace('ucrepl')") is None
    pair.a.run(script)
    assert tracked(pair) == [12, 0]
    assert "turin: 4 tables tracked, all triggers were there" in terminal("install", "turin").err


def test_print_shows_only_what_is_missing(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    terminal("install")
    assert terminal("install", "--print").lines == ["-- node turin: nothing to do", "-- node milan: nothing to do"]
    pair.a.run(f"ALTER TABLE partner DISABLE TRIGGER {pair.a.trigger('partner')}")
    pair.a.run("DROP FUNCTION ucrepl.drop_triggers(regclass)")
    printed = terminal("install", "--print").lines
    tracks = [line for line in printed if "ucrepl.track(" in line]
    assert tracks == ["SELECT ucrepl.track('\"public\".\"partner\"', '{id}');"]
    made = [line for line in printed if line.startswith("CREATE")]
    assert made == ["CREATE OR REPLACE FUNCTION ucrepl.drop_triggers(tracked regclass) RETURNS void"]
    assert printed[-1] == "-- node milan: nothing to do"


def test_print_reads_only(pair: Pair) -> None:
    with psycopg.connect(pair.a.dsn, options="-c default_transaction_read_only=on", autocommit=True) as connection:
        assert "CREATE SCHEMA ucrepl" in install_script(connection, "turin")


def test_uninstall_takes_everything_off(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    terminal("install")
    assert "turin: 4 tables released, nothing is left" in terminal("uninstall").err
    assert tracked(pair) == [0, 0]
    assert terminal("uninstall").err.splitlines() == ["turin: not installed", "milan: not installed"]


def test_uninstall_refuses_to_lose_held_and_parked_changes(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    terminal("install")
    pair.a.run("CREATE TABLE turin_only (id serial PRIMARY KEY)")
    terminal("install")
    pair.a.run("INSERT INTO turin_only DEFAULT VALUES")
    pair.forth()
    pair.close_links()
    assert "'milan' holds 1 held change" in terminal.refused("uninstall", "milan", code=5)[0]
    pair.b.run("CREATE TABLE turin_only (id serial PRIMARY KEY CHECK (id < 0))")
    pair.forth()
    pair.close_links()
    message, hint = terminal.refused("uninstall", "milan", code=5)
    assert "'milan' holds 1 parked change" in message
    assert "uninstall --force" in hint
    assert "milan: 4 tables released" in terminal("uninstall", "milan", "--force").err


def test_a_node_that_is_not_configured(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    assert terminal.refused("install", "milano", code=2) == ("there is no node 'milano'", "did you mean 'milan'?")
    assert terminal.refused("uninstall", "milano", code=2) == ("there is no node 'milano'", "did you mean 'milan'?")


def test_a_node_that_can_t_be_reached(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path, milan=make_conninfo(pair.b.dsn, dbname="nowhere"))
    message, hint = terminal.refused("install", "milan", code=4)
    assert message.startswith("node 'milan': can't connect to ")
    assert 'database "nowhere" does not exist' in message
    assert "'dbname'" in hint


def test_a_role_that_may_not_install(pair: Pair, tmp_path: Path) -> None:
    pair.a.run("CREATE ROLE guest LOGIN; GRANT CONNECT ON DATABASE postgres TO guest")
    try:
        terminal = Terminal(pair, tmp_path, turin=make_conninfo(pair.a.dsn, user="guest"))
        message, hint = terminal.refused("install", "turin", code=5)
    finally:
        pair.a.run("DROP OWNED BY guest; REVOKE ALL ON DATABASE postgres FROM guest; DROP ROLE guest")
    assert message.startswith("node 'turin': permission denied for database")
    assert hint.startswith("GRANT it")
    assert tracked(pair) == [0, 0]


def test_a_schema_of_somebody_else_is_left_alone(pair: Pair, tmp_path: Path) -> None:
    pair.a.run("CREATE SCHEMA ucrepl; CREATE TABLE ucrepl.mine (a integer)")
    terminal = Terminal(pair, tmp_path)
    for command in (["install", "turin"], ["install", "--print", "turin"], ["uninstall", "turin"]):
        message, _ = terminal.refused(*command, code=5)
        assert message == "node 'turin' has a schema 'ucrepl' that this program did not make"
    assert pair.a.value("SELECT count(*) FROM ucrepl.mine") == 0
