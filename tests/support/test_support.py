"""What the other tests rely on does what it says."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml

import ucrepl as package
from tests.support.cli import two_node_config, ucrepl, ucrepl_running
from tests.support.databases import Databases, MakeDatabase
from tests.support.odoo import VARIABLE, odoo_file, play_workload, run_script
from tests.support.waiting import wait_for
from ucrepl.throwaway import Server

SLOW = pytest.mark.slow


def scalar(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def test_databases_are_apart(database: MakeDatabase) -> None:
    one, two = database(), database()
    with psycopg.connect(one) as connection:
        connection.execute("CREATE TABLE mine (id int)")
    assert scalar(one, "SELECT to_regclass('mine')::text") == "mine"
    assert scalar(two, "SELECT to_regclass('mine')::text") is None


def test_a_database_goes_although_somebody_is_connected(server: Server, databases: Databases) -> None:
    name = databases.create(name="occupied")
    with psycopg.connect(server.dsn(name), autocommit=True) as connection:
        databases.drop(name)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert scalar(server.dsn(), "SELECT count(*) FROM pg_database WHERE datname = 'occupied'") == 0


def test_the_shop_has_its_data_or_none(database: MakeDatabase) -> None:
    assert scalar(database("shop"), "SELECT count(*) FROM res_partner") != 0
    assert scalar(database("shop-empty"), "SELECT count(*) FROM res_partner") == 0


def test_an_unknown_template_is_named(database: MakeDatabase) -> None:
    with pytest.raises(ValueError, match="no template 'odoo7'"):
        database("odoo7")


@SLOW
@pytest.mark.parametrize(("name", "partners"), [("odoo14", 2), ("odoo18", 2), ("odoo18-empty", 1)])
def test_the_dumps_are_restored(database: MakeDatabase, name: str, partners: int) -> None:
    dsn = database(name)
    assert scalar(dsn, f"SELECT count(*) >= {partners} FROM res_partner") is True
    assert scalar(dsn, "SELECT count(*) > 400 FROM pg_tables WHERE schemaname = 'public'") is True


@SLOW
@pytest.mark.parametrize("name", ["odoo14", "odoo18"])
def test_the_workload_plays(database: MakeDatabase, name: str) -> None:
    dsn = database(name)
    before = scalar(dsn, "SELECT count(*) FROM mail_message")
    play_workload(dsn, name)
    assert scalar(dsn, f"SELECT count(*) > {before} + 500 FROM mail_message") is True


def test_without_the_dumps_a_test_is_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match=rf"{tmp_path}/odoo18.dump.*{VARIABLE}"):
        odoo_file("odoo18.dump")


def test_a_script_stops_at_its_first_error(database: MakeDatabase) -> None:
    dsn = database()

    def lines() -> Iterator[bytes]:
        yield b"CREATE TABLE t (id int);\nINSERT INTO t VALUES (1);\nINSERT INTO u VALUES (1);\n"
        yield from [b"INSERT INTO t VALUES (2);\n"] * 100_000

    with pytest.raises(AssertionError, match=r'ended with 3: .*relation "u" does not exist'):
        run_script(dsn, lines())
    assert scalar(dsn, "SELECT count(*) FROM t") == 1


def test_the_command_line_is_that_of_the_tested_package(tmp_path: Path) -> None:
    assert ucrepl("--version").stdout == f"ucrepl {package.__version__}\n"
    refused = ucrepl("nonsense", check=False)
    assert refused.returncode == 2
    with pytest.raises(AssertionError, match="`ucrepl nonsense` ended with 2"):
        ucrepl("nonsense")
    log = tmp_path / "log"
    with ucrepl_running("--version", log=log) as process:
        assert wait_for(lambda: process.poll() is not None, what="the end")
    assert log.read_text() == f"ucrepl {package.__version__}\n"


def test_the_configuration_is_one_that_ucrepl_takes(tmp_path: Path) -> None:
    path = two_node_config(
        tmp_path, "host=a dbname=x", "host=b dbname=y", conflicts="park", rules=[{"table": "t", "skip": True}]
    )
    assert yaml.safe_load(path.read_text()) == {
        "nodes": {"turin": {"dsn": "host=a dbname=x"}, "milan": {"dsn": "host=b dbname=y"}},
        "links": [
            {"from": "turin", "to": "milan", "conflicts": "park"},
            {"from": "milan", "to": "turin", "conflicts": "park"},
        ],
        "rules": [{"table": "t", "skip": True}],
    }
    ucrepl("config", "check", config=path)
    one_way = yaml.safe_load(two_node_config(tmp_path, "host=a", "host=b", both_ways=False).read_text())
    assert [link["from"] for link in one_way["links"]] == ["turin"]


def test_waiting_ends() -> None:
    answers = iter([0, 0, 7])
    assert wait_for(lambda: next(answers)) == 7
    with pytest.raises(AssertionError, match=r"waited 0\.01 s in vain for a miracle; the last answer was \[\]"):
        wait_for(list, timeout=0.01, what="a miracle")
