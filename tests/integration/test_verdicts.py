"""Errors as PostgreSQL really sends them get the verdict that they need."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from ucrepl.db.connect import connect
from ucrepl.db.sqlstate import Verdict, classify
from ucrepl.throwaway import Server

pytestmark = pytest.mark.xdist_group("verdicts")  # one server for all


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run a server with a table that refuses much."""
    with Server() as server:
        with psycopg.connect(server.dsn(), autocommit=True) as conn:
            conn.execute(
                "CREATE TABLE t (id int PRIMARY KEY, name varchar(3) NOT NULL, extra int, up int REFERENCES t)"
            )
            conn.execute("INSERT INTO t VALUES (1, 'one')")
            conn.execute(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
                " $$BEGIN RAISE EXCEPTION 'not this one' USING ERRCODE = TG_ARGV[0]; END$$"
            )
            for name, code in (("one", "P0001"), ("own", "ZZ001")):
                conn.execute(f"CREATE TABLE {name} (id int)")
                conn.execute(
                    f"CREATE TRIGGER refuse BEFORE INSERT ON {name} FOR EACH ROW EXECUTE FUNCTION refuse('{code}')"
                )
            conn.execute("CREATE ROLE poor LOGIN")
        yield server


@pytest.fixture
def conn(server: Server) -> Iterator[Connection[TupleRow]]:
    """Open a session as the program does."""
    with connect(server.dsn()) as conn:
        conn.execute("SET search_path = public")
        yield conn


def verdict_on(conn: Connection[TupleRow], statement: str) -> Verdict:
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(statement)
    return classify(caught.value)


@pytest.mark.parametrize(
    ("statement", "verdict"),
    [
        ("INSERT INTO t VALUES (1, 'two')", Verdict.PARK),
        ("INSERT INTO t VALUES (2, NULL)", Verdict.PARK),
        ("INSERT INTO t VALUES (2, 'much too long')", Verdict.PARK),
        ("INSERT INTO t VALUES (2, 'two', NULL, 77)", Verdict.PARK),
        ("INSERT INTO t VALUES (99999999999, 'two')", Verdict.PARK),
        ("INSERT INTO one VALUES (1)", Verdict.PARK),
        ("INSERT INTO own VALUES (1)", Verdict.PARK),
        ("UPDATE t SET extra = (SELECT 1 FROM generate_series(1, 2))", Verdict.PARK),
        ("INSERT INTO gone VALUES (1)", Verdict.REPLAN),
        ("UPDATE t SET gone = 1", Verdict.REPLAN),
        ("SELECT gone(1)", Verdict.REPLAN),
        ("INSERT INTO t VALUES (1, 'one') ON CONFLICT (extra) DO NOTHING", Verdict.REPLAN),
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(60)", Verdict.RETRY),
        ("SELEKT 1", Verdict.STOP),
        ("SELECT pg_terminate_backend(pg_backend_pid())", Verdict.RECONNECT),
        ("SET LOCAL transaction_read_only = on; DELETE FROM t", Verdict.RECONNECT),
    ],
)
def test_statements(conn: Connection[TupleRow], statement: str, verdict: Verdict) -> None:
    assert verdict_on(conn, statement) is verdict


def test_somebody_holds_the_row(server: Server, conn: Connection[TupleRow]) -> None:
    with connect(server.dsn(), autocommit=False) as other:
        other.execute("UPDATE public.t SET extra = 1 WHERE id = 1")
        assert verdict_on(conn, "SET LOCAL lock_timeout = 1; UPDATE t SET extra = 2 WHERE id = 1") is Verdict.RETRY


def test_a_right_is_missing(server: Server) -> None:
    with connect(f"{server.dsn()} user=poor") as poor:
        assert verdict_on(poor, "SELECT * FROM public.t") is Verdict.STOP


def test_a_column_changes_its_type_under_a_prepared_statement(server: Server, conn: Connection[TupleRow]) -> None:
    conn.execute("CREATE TABLE drift AS SELECT 1 AS id")
    conn.execute("SELECT * FROM drift", prepare=True)
    with connect(server.dsn()) as other:
        other.execute("ALTER TABLE public.drift ALTER id TYPE text")
    with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
        conn.execute("SELECT * FROM drift", prepare=True)
    assert classify(caught.value) is Verdict.REPLAN


def test_a_prepared_statement_is_gone(conn: Connection[TupleRow]) -> None:
    conn.execute("SELECT 1 AS one", prepare=True)
    conn.execute("DO $$BEGIN EXECUTE 'DEALLOCATE ALL'; END$$")
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("SELECT 1 AS one", prepare=True)
    assert classify(caught.value) is Verdict.RECONNECT


def test_a_closed_connection(server: Server) -> None:
    conn = connect(server.dsn())
    conn.close()
    assert verdict_on(conn, "SELECT 1") is Verdict.RECONNECT


def test_the_server_is_killed_while_idle() -> None:
    with Server() as server, connect(server.dsn()) as conn:
        server.kill()
        assert verdict_on(conn, "SELECT 1") is Verdict.RECONNECT


def test_the_server_is_killed_during_a_copy() -> None:
    with Server() as server, connect(server.dsn()) as conn, conn.cursor() as cursor:
        with pytest.raises(psycopg.Error) as caught:
            copy_killed_halfway(server, cursor)
        assert classify(caught.value) is Verdict.RECONNECT


def copy_killed_halfway(server: Server, cursor: Cursor[TupleRow]) -> None:
    with cursor.copy("COPY (SELECT * FROM generate_series(1, 10000000)) TO STDOUT") as copy:
        copy.read()
        server.kill()
        while copy.read():
            pass
