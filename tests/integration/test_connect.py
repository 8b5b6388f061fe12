"""A session behaves the same whatever the server, the role or the database say; a failure tells its cause."""

import socket
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

from ucrepl.db.connect import check_version, connect
from ucrepl.errors import ConfigError, RefusedError, UcreplError, UnreachableError
from ucrepl.throwaway import Server

PINNED = {
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "array_nulls": "on",
    "xmloption": "content",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    "search_path": "pg_catalog",
    "client_min_messages": "warning",
    "client_encoding": "UTF8",
    "row_security": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "default_transaction_isolation": "read committed",
    "jit": "off",
}
HOSTILE = {
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "iso_8601",
    "TimeZone": "Asia/Tokyo",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "array_nulls": "off",
    "xmloption": "document",
    "standard_conforming_strings": "off",
    "quote_all_identifiers": "on",
    "search_path": "mine",
    "client_min_messages": "error",
    "client_encoding": "LATIN1",
    "row_security": "on",
    "statement_timeout": "1h",
    "lock_timeout": "1h",
    "idle_in_transaction_session_timeout": "1h",
    "default_transaction_isolation": "serializable",
    "jit": "on",
    "session_replication_role": "replica",
    "synchronous_commit": "local",
}
PASSWORD = "s3cret"

pytestmark = pytest.mark.xdist_group("connect")  # one server for all


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run a server with three roles: one with odd settings, one with a password, one that is shut out."""
    with Server() as server:
        with psycopg.connect(server.dsn(), autocommit=True) as conn:
            conn.execute("CREATE ROLE odd SUPERUSER LOGIN")
            for name, value in HOSTILE.items():
                conn.execute(sql.SQL("ALTER ROLE odd SET {} = {}").format(sql.Identifier(name), value))
            conn.execute(sql.SQL("CREATE ROLE locked LOGIN PASSWORD {}").format(PASSWORD))
            conn.execute("CREATE ROLE barred LOGIN")
            conn.execute("CREATE ROLE nologin")
            conn.execute("CREATE DATABASE closed ALLOW_CONNECTIONS false")
            conn.execute("REVOKE CONNECT ON DATABASE template1 FROM public")
        rules = server.directory / "data" / "pg_hba.conf"
        rules.write_text(f"local all locked scram-sha-256\nlocal all barred reject\n{rules.read_text()}")
        server.restart()
        yield server


def dsn_of(server: Server, **changed: str | int) -> str:
    return make_conninfo(server.dsn(), **changed)


def failure(dsn: str) -> UcreplError:
    with pytest.raises(UcreplError) as caught:
        connect(dsn)
    assert PASSWORD not in f"{caught.value.message}{caught.value.hint}"
    return caught.value


def shown(conn: psycopg.Connection[psycopg.rows.TupleRow], name: str) -> str:
    row = conn.execute("SELECT current_setting(%s)", (name,)).fetchone()
    assert row
    return str(row[0])


@pytest.mark.parametrize("role", ["postgres", "odd"])
def test_the_session_is_pinned(server: Server, role: str) -> None:
    with connect(dsn_of(server, user=role)) as conn:
        assert {name: shown(conn, name) for name in PINNED} == PINNED


def test_what_is_the_sites_own_is_left_alone(server: Server) -> None:
    with connect(dsn_of(server, user="odd")) as conn:
        assert shown(conn, "session_replication_role") == "replica"
        assert shown(conn, "synchronous_commit") == "local"


def test_a_rollback_takes_nothing_back(server: Server) -> None:
    with connect(dsn_of(server, user="odd"), autocommit=False) as conn:
        assert conn.info.transaction_status == TransactionStatus.IDLE
        conn.execute("CREATE TABLE public.never (id int)")
        conn.rollback()
        row = conn.execute("SELECT to_regclass('public.never')").fetchone()
        assert row == (None,)
        assert {name: shown(conn, name) for name in PINNED} == PINNED


def test_the_name_and_the_mode_are_as_asked(server: Server) -> None:
    with connect(dsn_of(server, application_name="other"), application_name="ucrepl turin->milan") as conn:
        assert shown(conn, "application_name") == "ucrepl turin->milan"
        assert conn.autocommit


def test_a_dead_network_is_noticed_unless_the_dsn_says_otherwise(server: Server) -> None:
    with connect(dsn_of(server, keepalives_idle=5)) as conn:
        options = conn.info.get_parameters()
    assert options["keepalives_idle"] == "5"
    assert options["tcp_user_timeout"] == "60000"
    assert options["connect_timeout"] == "10"


@pytest.mark.parametrize(
    ("changed", "reason", "hint"),
    [
        ({"dbname": "nowhere"}, 'database "nowhere" does not exist', "'dbname'"),
        ({"user": "nobody_here"}, 'role "nobody_here" does not exist', "'user'"),
        ({"user": "locked", "password": "wrong"}, "password authentication failed", ".pgpass"),
        ({"user": "locked", "passfile": "/dev/null"}, "no password supplied", ".pgpass"),
        ({"user": "barred"}, "pg_hba.conf rejects", "pg_hba.conf"),
        ({"user": "nologin"}, "is not permitted to log in", "ALTER ROLE"),
        ({"user": "locked", "password": PASSWORD, "dbname": "template1"}, "permission denied for database", "GRANT"),
        ({"dbname": "closed"}, "not currently accepting connections", "ALTER DATABASE"),
        ({"port": 1}, "No such file or directory", "'host' (the folder of the socket)"),
        ({"host": "127.0.0.1", "port": 1}, "Connection refused", "listen_addresses"),
        ({"host": "127.0.0.1", "port": 99999}, "invalid port number", "'port'"),
        ({"sslmode": "perhaps"}, "invalid sslmode value", "'sslmode'"),
        ({"host": "nowhere.invalid", "password": PASSWORD}, "failed to resolve host", "name service"),
        ({"host": "127.0.0.1,nowhere.invalid", "port": 1}, "Connection refused", "listen_addresses"),
    ],
)
def test_a_failure_tells_cause_and_remedy(
    server: Server, changed: dict[str, str | int], reason: str, hint: str
) -> None:
    error = failure(dsn_of(server, **changed))
    assert isinstance(error, UnreachableError)
    assert reason in error.message
    assert error.message.startswith("can't connect to ")
    assert str(changed.get("host", changed.get("dbname", ""))) in error.message
    assert "\n" not in error.message
    assert hint in str(error.hint)


def test_an_unknown_cause_gets_a_command_to_try(server: Server) -> None:
    error = failure(dsn_of(server, options="-c nothing_known=1", password=PASSWORD))
    assert 'unrecognized configuration parameter "nothing_known"' in error.message
    assert str(error.hint).startswith('try it by hand: psql "host=')


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        error = failure(f"host=127.0.0.1 port={silent.getsockname()[1]} connect_timeout=2 sslmode=disable")
    assert isinstance(error, UnreachableError)
    assert "timeout" in error.message
    assert "firewall" in str(error.hint)


@pytest.mark.parametrize("dsn", [f"host=h password=two {PASSWORD}", f"host=h {PASSWORD}=x", "postgresql://[::1/d"])
def test_a_dsn_that_can_not_be_read_is_not_shown(dsn: str) -> None:
    error = failure(dsn)
    assert isinstance(error, ConfigError)
    assert "'dsn'" in str(error.hint)


@pytest.mark.parametrize(
    ("dsn", "reason"),
    [
        (f"host=h password={PASSWORD} connect_timeout=soon", "bad value for connect_timeout: 'soon'"),
        (f"host=two..dots password={PASSWORD}", "label empty or too long"),
    ],
)
def test_a_dsn_that_can_not_be_used_is_a_mistake_of_the_configuration(dsn: str, reason: str) -> None:
    error = failure(dsn)
    assert isinstance(error, ConfigError)
    assert reason in error.message


@pytest.mark.parametrize(("number", "version"), [(120_022, "12.22"), (90_624, "9.624")])
def test_an_old_server_is_refused(number: int, version: str) -> None:
    with pytest.raises(RefusedError, match=rf"'host=h' runs PostgreSQL {version}, which is too old") as caught:
        check_version(number, f"host=h password={PASSWORD}")
    assert caught.value.hint == "upgrade this server to PostgreSQL 13 or later"


def test_the_oldest_supported_server_is_not_refused() -> None:
    check_version(130_000, "")
