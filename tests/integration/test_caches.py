"""The workers of the target's Odoo are told what a batch has changed in their caches, in the way of their version."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryFile
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.integration.links import FORTH, MakePair, Pair
from tests.integration.terminal import FORTH as LINK
from tests.integration.terminal import Terminal
from tests.support.cli import two_node_config
from tests.support.daemon import daemon_running
from tests.support.odoo_worker import VERSIONS, OdooWorker, signalling
from tests.support.waiting import wait_for
from ucrepl.link.nodes import Nodes
from ucrepl.link.seed.run import seed_link
from ucrepl.link.verify import Options, verify_link

TABLES = """
    CREATE TABLE res_partner (id serial PRIMARY KEY, name text);
    CREATE TABLE ir_config_parameter (id serial PRIMARY KEY, key text UNIQUE, value text);
    CREATE TABLE res_company (id serial PRIMARY KEY, name text, currency int);
    CREATE TABLE res_groups (id serial PRIMARY KEY, name text);
    CREATE TABLE res_users (id serial PRIMARY KEY, login text, partner_id int REFERENCES res_partner);
    CREATE TABLE res_groups_users_rel (gid int REFERENCES res_groups ON DELETE CASCADE,
        uid int REFERENCES res_users ON DELETE CASCADE, PRIMARY KEY (gid, uid));
    CREATE TABLE ir_ui_view (id serial PRIMARY KEY, name text);
    CREATE TABLE website_rewrite (id serial PRIMARY KEY, name text);
    CREATE TABLE ir_model_fields (id serial PRIMARY KEY, name text, state text);
    CREATE TABLE base_automation (id serial PRIMARY KEY, name text);
"""
# What workers of each version keep of a table.
KEPT: dict[str, dict[str, set[str]]] = {
    "res_partner (name) VALUES ('ann')": {"16": set(), "17": set(), "18": set(), "19": set()},
    "ir_config_parameter (key) VALUES ('a')": {"16": {"all"}, "17": {"default"}, "18": {"default"}, "19": {"stable"}},
    "res_company (name) VALUES ('acme')": {
        "16": {"all"},
        "17": {"default", "assets"},
        "18": {"default", "assets"},
        "19": {"default", "assets"},
    },
    "res_groups (name) VALUES ('staff')": {
        "16": {"all"},
        "17": {"default"},
        "18": {"default", "groups"},
        "19": {"default", "groups"},
    },
    "ir_ui_view (name) VALUES ('form')": {
        "16": {"all"},
        "17": {"templates"},
        "18": {"templates"},
        "19": {"templates"},
    },
    "website_rewrite (name) VALUES ('/a')": {"16": {"all"}, "17": {"routing"}, "18": {"routing"}, "19": {"routing"}},
    "ir_model_fields (name, state) VALUES ('a', 'base')": {
        "16": {"all"},
        "17": {"default"},
        "18": {"default"},
        "19": {"stable"},
    },
    "ir_model_fields (name, state) VALUES ('x_a', 'manual')": {
        "16": {"all", "registry"},
        "17": {"default", "registry"},
        "18": {"default", "registry"},
        "19": {"stable", "registry"},
    },
    "base_automation (name) VALUES ('mail')": {
        "16": {"registry"},
        "17": {"registry"},
        "18": {"registry"},
        "19": {"registry"},
    },
}
# Each version's signals are of one of two kinds.
KINDS = pytest.mark.parametrize("version", ["16", "19"], ids=["sequences", "tables"])
Site = tuple[Pair, OdooWorker]
MakeSite = Callable[..., Site]


@pytest.fixture
def make_site(make_pair: MakePair) -> MakeSite:
    """Makes two linked databases of a version of Odoo, and a worker of the second."""

    def make(version: str, rows: str = "", **configuration: Any) -> Site:  # noqa: ANN401
        pair = make_pair(f"{TABLES} {signalling(version)}; {rows}")
        rules = [{"table": "orm_signaling_*", "skip": True}, *configuration.get("rules", ())]
        pair.configure(**{**configuration, "rules": rules})
        return pair, OdooWorker(pair.b.connection, version)

    return make


@pytest.mark.parametrize("version", VERSIONS)
def test_workers_are_told_of_the_caches_that_their_version_has(make_site: MakeSite, version: str) -> None:
    pair, worker = make_site(version)
    told = {}
    for insert in KEPT:
        pair.a.run(f"INSERT INTO {insert}")
        pair.forth()
        told[insert] = worker.told()
    assert told == {insert: caches[version] for insert, caches in KEPT.items()}
    assert worker.told() == set()


def test_whatever_changes_the_rows(make_site: MakeSite) -> None:
    pair, worker = make_site("18")
    pair.a.run("INSERT INTO res_groups (name) VALUES ('staff'); INSERT INTO res_users (login) VALUES ('ann'), ('bob')")
    pair.forth()
    worker.told()
    for statement in (
        "INSERT INTO res_groups_users_rel VALUES (1, 1), (1, 2)",
        "DELETE FROM res_groups_users_rel WHERE uid = 2",
        "UPDATE res_users SET login = 'eve' WHERE login = 'ann'",
        "UPDATE res_users SET id = 77 WHERE login = 'bob'; UPDATE res_users SET login = 'rob' WHERE id = 77",
        "DELETE FROM res_users WHERE login = 'rob'",
        "DELETE FROM res_groups",
        "TRUNCATE res_users, res_groups_users_rel",
    ):
        pair.a.run(statement)
        assert pair.forth().batches, statement
        assert worker.told(), statement
    pair.assert_clean()
    pair.a.run("TRUNCATE res_users, res_groups_users_rel")
    assert pair.forth().applied == 2
    assert worker.told() == set()


@KINDS
def test_once_a_batch(make_site: MakeSite, version: str) -> None:
    pair, worker = make_site(version)
    pair.a.run("INSERT INTO res_company (name) SELECT 'company ' || n FROM generate_series(1, 1500) AS n")
    pair.a.run("INSERT INTO ir_config_parameter (key) VALUES ('a'), ('b')")
    pair.a.run("INSERT INTO res_users (login) VALUES ('ann')")
    [batch] = pair.forth().batches
    assert batch.applied == 1503
    assert worker.told() >= ({"all"} if version == "16" else {"default", "assets"})
    assert batch.signals == ["assets", "default", "stable"]
    assert pair.b.rows("SELECT DISTINCT due, sent FROM ucrepl.signal") == [(False, 1)]


def test_nothing_changed_nothing_told(make_site: MakeSite) -> None:
    rules = [
        {"table": "ir_ui_view", "skip": True},
        {"table": "res_company", "protect": {"name": 3, "currency": 2}},
        {"table": "res_users", "conflicts": "target"},
        {"table": "res_groups", "conflicts": "park"},
    ]
    rows = (
        "INSERT INTO res_company (name, currency) VALUES ('acme', 1); INSERT INTO res_users (login) VALUES ('ann');"
        "INSERT INTO res_groups (name) VALUES ('staff'); INSERT INTO res_groups_users_rel VALUES (1, 1);"
        "INSERT INTO ir_config_parameter (key, value) VALUES ('a', 'x')"
    )
    pair, worker = make_site("16", rows, rules=rules)
    pair.seed_both()
    for there, here in (
        ("", "INSERT INTO ir_ui_view (name) VALUES ('form')"),
        ("", "UPDATE res_company SET name = 'other'"),
        ("", "UPDATE res_company SET currency = 7"),
        ("UPDATE ir_config_parameter SET value = 'y'", "UPDATE ir_config_parameter SET value = 'y'"),
        ("UPDATE res_users SET login = 'bob'", "UPDATE res_users SET login = 'eve'"),
        ("UPDATE res_groups SET name = 'crew'", "UPDATE res_groups SET name = 'team'"),
        ("DELETE FROM res_groups_users_rel", "DELETE FROM res_groups_users_rel"),
        ("INSERT INTO res_groups_users_rel VALUES (1, 1)", "INSERT INTO res_groups_users_rel VALUES (1, 1)"),
        ("DELETE FROM ir_config_parameter", "DELETE FROM ir_config_parameter"),
        ("", "INSERT INTO ir_config_parameter (key) VALUES ('gone'); DELETE FROM ir_config_parameter"),
    ):
        if there:
            pair.b.run(there)
        pair.a.run(here)
        assert pair.forth().batches, here
        assert worker.told() == set(), here
    assert len(pair.b.conflicts()) == 2
    assert len(pair.b.parked()) == 1


def test_in_the_finer_grain(make_site: MakeSite) -> None:
    pair, worker = make_site("19")
    pair.b.run("ALTER TABLE res_users ADD CONSTRAINT never CHECK (login <> 'refused')")
    pair.a.run("INSERT INTO res_users (login) VALUES ('refused')")
    pair.a.run("INSERT INTO res_partner (name) VALUES ('ann')")
    done = pair.forth()
    assert (done.finer, done.applied, done.parked) == (True, 1, 1)
    assert worker.told() == set()
    pair.a.run("INSERT INTO res_users (login) SELECT 'refused' FROM generate_series(1, 2)")
    pair.a.run("INSERT INTO res_users (login) VALUES ('ann'), ('bob')")
    done = pair.forth()
    assert (done.finer, done.applied, done.parked) == (True, 2, 2)
    assert worker.told()
    pair.b.run("ALTER TABLE res_users DROP CONSTRAINT never")
    assert pair.retry().changes == 3
    assert worker.told()


@KINDS
def test_a_worker_that_asks_before_the_commit_does_not_keep_what_it_gets(make_site: MakeSite, version: str) -> None:
    pair, worker = make_site(version)
    pair.a.run("INSERT INTO ir_config_parameter (key, value) VALUES ('a', 'old')")
    pair.forth()
    worker.told()
    pair.b.run(
        "CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END$$;"
        "CREATE CONSTRAINT TRIGGER gate AFTER UPDATE ON ir_config_parameter DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION gate()"
    )
    pair.close_links()
    pair.a.run("UPDATE ir_config_parameter SET value = 'new'")
    with ThreadPoolExecutor(1) as pool, pair.b.another() as gate:
        gate.execute("SELECT pg_advisory_xact_lock(4711)")
        batch = pool.submit(pair.forth)
        wait_for(
            lambda: pair.b.value("SELECT count(*) FROM pg_locks WHERE objid = 4711 AND NOT granted"), what="the commit"
        )
        assert worker.told() == set()
        assert worker.parameter("a") == "old"
        gate.rollback()
        assert batch.result().applied == 1
    assert worker.parameter("a") == "new"
    if version == "19":  # whoever sees the row has been told of it
        written = "SELECT xmin FROM ir_config_parameter"
        told = "SELECT xmin FROM orm_signaling_stable ORDER BY id DESC LIMIT 1"
        assert pair.b.column(written) == pair.b.column(told)


def test_seed_and_repair_tell_them_too(make_site: MakeSite) -> None:
    pair, worker = make_site("17", both_ways=False)
    pair.a.run(
        "INSERT INTO ir_config_parameter (key) VALUES ('a'), ('b'); INSERT INTO res_users (login) VALUES ('ann')"
    )
    link = pair.config.links[FORTH]
    with Nodes(pair.config, "test") as nodes:
        seed_link(pair.config, link, nodes)
        assert worker.steps()
        verify_link(pair.config, link, nodes, Options(repair=True))
        assert worker.told() == set()
        pair.b.run("UPDATE ir_config_parameter SET value = 'spoilt' WHERE key = 'a'")
        verify_link(pair.config, link, nodes, Options(repair=True))
        assert worker.told()
        assert pair.b.column("SELECT value FROM ir_config_parameter WHERE key = 'a'") == [None]


def test_a_signal_that_was_not_sent_is_sent_later(make_site: MakeSite) -> None:
    pair, worker = make_site("16")
    pair.a.run("INSERT INTO ir_config_parameter (key) VALUES ('a')")
    with pair.b.another() as user:
        user.execute("ALTER SEQUENCE base_cache_signaling CACHE 1")
        pair.replayer().target.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            pair.forth()
        assert pair.b.column("SELECT key FROM ir_config_parameter") == ["a"]
        assert pair.b.rows("SELECT due, sent FROM ucrepl.signal") == [(True, 0)]
    pair.a.run("INSERT INTO res_partner (name) VALUES ('ann')")
    assert pair.forth().applied == 1
    assert worker.told() == {"all"}
    assert pair.b.rows("SELECT due, sent FROM ucrepl.signal") == [(False, 1)]


def test_a_batch_of_other_tables_has_no_further_statement(make_pair: MakePair) -> None:
    trips = []
    for objects in ("", signalling("18")):
        pair = make_pair(TABLES + objects)
        for name in ("ann", "bob", "eve"):
            pair.a.run("INSERT INTO res_partner (name) VALUES (%s)", name)
            target = pair.replayer().target
            with TemporaryFile() as file:
                target.pgconn.trace(file.fileno())
                pair.forth()
                target.pgconn.untrace()
                file.seek(0)
                trips.append(sum(b"\tReadyForQuery\t" in line for line in file))
    assert trips[1] > 5
    assert trips[1:3] == trips[4:6]


def test_the_daemon_tells_them_also_what_one_that_was_killed_has_left(make_site: MakeSite, tmp_path: Path) -> None:
    pair, worker = make_site("18")
    config = two_node_config(tmp_path, pair.a.dsn, pair.b.dsn, poll_seconds=3600)
    assert worker.parameter("a") is None
    with daemon_running(config) as daemon:
        pair.a.run("INSERT INTO ir_config_parameter (key, value) VALUES ('a', 'first')")
        assert daemon.wait_for_line("batch", link=LINK, rows=1)["signals"] == ["stable"]
        assert worker.parameter("a") == "first"
        pair.a.run("INSERT INTO res_partner (name) VALUES ('ann')")
        assert daemon.wait_for_line("batch", link=LINK, rows=1, number=2)["signals"] == []
        assert worker.told() == set()
        with pair.b.another() as user:
            user.execute("ALTER SEQUENCE base_cache_signaling_default CACHE 1")
            pair.a.run("UPDATE ir_config_parameter SET value = 'second'")
            waiting = (
                "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'base_cache_signaling_default'::regclass"
            )
            [pid] = wait_for(lambda: pair.b.column(waiting), what="the signal")
            daemon.end(SIGKILL)
            pair.b.run("SELECT pg_terminate_backend(%s)", pid)
            wait_for(lambda: not pair.b.column(waiting), what="the end of the session")
    assert pair.b.column("SELECT value FROM ir_config_parameter") == ["second"]
    assert worker.parameter("a") == "first"
    with daemon_running(config):
        wait_for(lambda: worker.parameter("a") == "second", what="the signal")
        assert not pair.b.column("SELECT FROM ucrepl.signal WHERE due")


def test_a_database_without_signals_needs_none(make_pair: MakePair) -> None:
    pair = make_pair(TABLES)
    pair.a.run("INSERT INTO ir_config_parameter (key) VALUES ('a')")
    [batch] = pair.forth().batches
    assert (batch.applied, batch.signals) == (1, [])
    assert pair.b.value("SELECT count(*) FROM ucrepl.signal") == 0


BUS = """
    CREATE TABLE bus_bus (id serial PRIMARY KEY, create_uid int, create_date timestamp, write_uid int,
        write_date timestamp, channel text, message text)
"""


def test_open_pages_are_told_where_that_is_wanted(make_site: MakeSite) -> None:
    rules = [{"table": "bus_bus", "skip": True}]
    pair, worker = make_site("18", BUS, rules=rules, bus=True)
    channel = f'["{pair.b.value("SELECT current_database()")}","broadcast"]'
    with psycopg.connect(make_conninfo(pair.b.dsn, dbname="postgres"), autocommit=True) as server:
        server.execute("LISTEN imbus")
        pair.a.run("INSERT INTO res_partner (name) VALUES ('ann')")
        pair.forth()
        assert pair.b.rows("SELECT FROM bus_bus") == []
        pair.a.run("INSERT INTO ir_config_parameter (key) VALUES ('a')")
        pair.forth()
        assert [n.payload for n in server.notifies(timeout=10, stop_after=1)] == [f"[{channel}]"]
    message = '{"type":"bundle_changed","payload":{"server_version":"ucrepl"}}'
    fresh = "(now() AT TIME ZONE 'UTC') - create_date BETWEEN interval '0' AND interval '1 minute'"
    told = [(channel, message, True)]
    assert pair.b.rows(f"SELECT channel, message, {fresh} FROM bus_bus") == told
    assert worker.told() == {"default"}
    assert not pair.back().applied

    pair.configure(rules=rules)
    pair.a.run("INSERT INTO ir_config_parameter (key) VALUES ('b')")
    pair.forth()
    assert worker.told() == {"default"}
    assert len(pair.b.rows("SELECT FROM bus_bus")) == 1


def test_the_plan_shows_how_workers_are_told(make_site: MakeSite, tmp_path: Path) -> None:
    terminal = Terminal(make_site("19")[0], tmp_path)
    shown = terminal("plan", LINK, "--sql", "--table", "ir_model_fields").out
    told = "-- ir_model_fields: tell Odoo's workers of the cache"
    assert f'{told} stable\nINSERT INTO "public"."orm_signaling_stable" DEFAULT VALUES;' in shown
    assert f"{told} registry, after rows with state = 'manual'\nINSERT INTO " in shown


def test_check_names_the_rights_that_are_lacking(make_site: MakeSite, tmp_path: Path) -> None:
    pair, _ = make_site("17", bus=True, both_ways=False)
    pair.b.run(
        f"{BUS}; CREATE ROLE signaller LOGIN; ALTER SCHEMA ucrepl OWNER TO signaller;"
        "GRANT ALL ON ALL TABLES IN SCHEMA ucrepl, public TO signaller;"
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO signaller;"
        "REVOKE ALL ON bus_bus, bus_bus_id_seq, base_cache_signaling_assets FROM signaller"
    )
    try:
        terminal = Terminal(pair, tmp_path, milan=make_conninfo(pair.b.dsn, user="signaller"))
        [found] = [f for f in terminal("check", "--json", code=1).json["findings"] if f["check"] == "caches"]
        assert found["severity"] == "error"
        assert found["remedy"].split("; ") == [
            "GRANT INSERT ON public.bus_bus TO signaller",
            "GRANT USAGE ON SEQUENCE public.base_cache_signaling_assets TO signaller",
            "GRANT USAGE ON SEQUENCE public.bus_bus_id_seq TO signaller",
        ]
        pair.b.run(found["remedy"])
        pair.b.run("DROP TABLE bus_bus")
        [found] = [f for f in terminal("check", "--json", code=0).json["findings"] if f["check"] == "caches"]
        assert (found["severity"], found["message"]) == (
            "warning",
            "'bus: true' has no effect: 'milan' has no table 'bus_bus'",
        )
    finally:
        pair.b.run("REASSIGN OWNED BY signaller TO postgres; DROP OWNED BY signaller; DROP ROLE signaller")
