"""One table again, from scratch: it is as on the source afterwards, whatever was done to it."""

from pathlib import Path

import psycopg
import pytest

from tests.integration.links import MakePair, Pair
from tests.integration.terminal import FORTH, Terminal
from tests.support.cli import two_node_config, ucrepl
from tests.support.daemon import daemon_running
from tests.support.waiting import wait_for

TABLES = """
    CREATE TABLE country (id serial PRIMARY KEY, code text UNIQUE);
    CREATE TABLE partner (id serial PRIMARY KEY, ref text UNIQUE, name text, country_id int REFERENCES country);
    INSERT INTO country (code) VALUES ('IT'), ('FR');
    INSERT INTO partner (ref, name, country_id) SELECT 'R' || n, 'name ' || n, n % 2 + 1
    FROM generate_series(1, 500) AS n;
"""
ALL = "SELECT p.ref, p.name, c.code FROM partner AS p LEFT JOIN country AS c ON c.id = p.country_id ORDER BY 1"


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(TABLES, both_ways=False)
    pair.seed()
    pair.b.run("SELECT setval('partner_id_seq', 5000)")
    return pair


def damage(pair: Pair) -> None:
    with psycopg.connect(pair.b.dsn) as somebody:
        somebody.execute("SET LOCAL ucrepl.origin = 'nobody'")
        somebody.execute("DELETE FROM partner WHERE id % 7 = 0")
        somebody.execute("UPDATE partner SET name = 'damaged', country_id = 1 WHERE id % 5 = 0")


def test_all_that_was_damaged_is_mended(pair: Pair, tmp_path: Path) -> None:
    pair.a.run("INSERT INTO partner (ref, name) VALUES ('new', 'new')")
    pair.forth()
    damage(pair)
    pair.b.run("INSERT INTO partner (ref, name) VALUES ('own', 'own')")
    said = Terminal(pair, tmp_path)("resync", FORTH, "partner")
    assert said.err.startswith(f"{FORTH}: 501 rows of partner compared, ")
    assert pair.a.rows(ALL) == [row for row in pair.b.rows(ALL) if row[0] != "own"]
    assert pair.b.column("SELECT name FROM partner WHERE ref = 'own'") == ["own"]
    assert Terminal(pair, tmp_path)("resync", FORTH, "partner").err.endswith("0 differed, 0 mended\n")


def test_parked_changes_that_it_settles_do_no_harm_later(pair: Pair, tmp_path: Path) -> None:
    pair.b.run("ALTER TABLE partner ADD CONSTRAINT strict CHECK (name <> 'refused')")
    pair.a.run("UPDATE partner SET name = 'refused' WHERE id = 3")
    pair.forth()
    pair.a.run("UPDATE partner SET name = 'fine again' WHERE id = 3")
    pair.forth()
    assert [p.reason for p in pair.b.parked()] == ["error", "queued"]

    said = Terminal(pair, tmp_path)("resync", FORTH, "partner")
    assert f"{FORTH}: 2 parked changes settled by that" in said.err
    assert pair.b.parked() == []
    pair.assert_same(ALL)


def test_while_a_row_is_refused_parked_changes_stay(pair: Pair, tmp_path: Path) -> None:
    pair.b.run("ALTER TABLE partner ADD CONSTRAINT strict CHECK (name <> 'refused')")
    pair.a.run("UPDATE partner SET name = 'refused' WHERE id = 3")
    pair.forth()
    said = Terminal(pair, tmp_path)("resync", FORTH, "partner", code=1)
    assert "1 row refused" in said.err
    assert [p.reason for p in pair.b.parked()] == ["error"]


def test_a_daemon_goes_on_meanwhile(pair: Pair, tmp_path: Path) -> None:
    config = two_node_config(tmp_path, pair.a.dsn, pair.b.dsn, both_ways=False)
    damage(pair)
    with daemon_running(config):
        pair.a.run("UPDATE partner SET name = 'meanwhile' WHERE id % 3 = 0")
        ucrepl("resync", FORTH, "partner", config=config)
        pair.a.run("UPDATE partner SET name = 'later' WHERE id = 1")
        wait_for(lambda: pair.b.value("SELECT count(*) FROM partner WHERE name = 'later'"), what="the daemon")
    pair.assert_same(ALL)


def test_a_table_that_is_not_replicated_is_refused(pair: Pair, tmp_path: Path) -> None:
    message, _ = Terminal(pair, tmp_path).refused("resync", FORTH, "partners", code=2)
    assert "'partners'" in message
    pair.configure(both_ways=False, rules=[{"table": "partner", "skip": True}])
    message, _ = Terminal(pair, tmp_path).refused("resync", FORTH, "partner", code=5)
    assert message.startswith("table 'partner' is not replicated: ")
