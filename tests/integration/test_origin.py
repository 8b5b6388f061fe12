"""The mark of replay, `ucrepl.origin`: whose sessions are neither captured nor refused by it."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.integration.links import MakePair, Pair
from ucrepl.db.connect import connect
from ucrepl.errors import RefusedError
from ucrepl.link.cutover import fence
from ucrepl.link.node import identify

DDL = """
    CREATE TABLE item (id serial PRIMARY KEY, name text, at timestamptz);
    CREATE TABLE plain (id serial PRIMARY KEY, name text);
    CREATE TABLE part (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
    CREATE TABLE part_x PARTITION OF part FOR VALUES IN ('x');
    INSERT INTO part VALUES (1, 'x');
    CREATE FUNCTION add_plain() RETURNS void LANGUAGE sql SECURITY DEFINER
        AS $$INSERT INTO plain (name) VALUES ('by a function')$$;
"""
WRITES = (
    ("INSERT INTO item (name) VALUES ('a')", "item", "I"),
    ("INSERT INTO plain (name) VALUES ('a')", "plain", "I"),
    ("UPDATE plain SET name = 'b'", "plain", "U"),
    ("DELETE FROM plain", "plain", "D"),
    ("SELECT add_plain()", "plain", "I"),
    ("TRUNCATE part_x", "part", "D"),
    ("TRUNCATE plain", "plain", "T"),
)


@pytest.fixture
def pair(make_pair: MakePair) -> Iterator[Pair]:
    """A pair with the roles `clerk`, who may write, and `mate`, who is a member of the owner as well."""
    pair = make_pair(DDL)
    pair.a.run("DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN; DROP ROLE IF EXISTS mate; CREATE ROLE mate LOGIN")
    pair.a.run("GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk, mate; GRANT postgres, clerk TO mate")
    pair.a.run("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO clerk, mate")
    yield pair
    pair.a.run("DROP OWNED BY clerk, mate; DROP ROLE clerk, mate")


def session(pair: Pair, role: str, begins: str = "SET ucrepl.origin = 'x'") -> psycopg.Connection[tuple[object, ...]]:
    connection = psycopg.connect(make_conninfo(pair.a.dsn, user=role), autocommit=True)
    connection.execute(begins.encode())
    return connection


def test_anybody_may_set_the_mark_and_is_captured_as_ever(pair: Pair) -> None:
    pair.a.run("ALTER ROLE clerk SET ucrepl.origin = 'y'")
    with session(pair, "clerk") as clerk, session(pair, "clerk", "SELECT 1") as marked:
        for writer in (clerk, marked):
            writer.execute(WRITES[0][0].encode())
        for statement, _, _ in WRITES[1:]:
            clerk.execute(statement.encode())
    expected = [write[1:] for write in (WRITES[0], *WRITES)]
    assert [(change.table, change.op) for change in pair.a.journal()] == expected


def test_a_member_of_the_owner_writes_unseen(pair: Pair) -> None:
    with session(pair, "mate") as mate, session(pair, "mate", "SET ROLE clerk; SET ucrepl.origin = 'x'") as as_clerk:
        for writer in (mate, as_clerk):
            for statement, _, _ in WRITES:
                writer.execute(statement.encode())
    assert pair.a.journal() == []


def test_the_mark_opens_no_closed_node(pair: Pair) -> None:
    with connect(pair.a.dsn) as node:
        fence.shut(node, "milan")
    pair.a.run("SET ucrepl.origin = 'x'; INSERT INTO plain (name) VALUES ('a'); RESET ucrepl.origin")
    with session(pair, "clerk") as clerk:
        clerk.execute("SET ucrepl.notify = off; SET ucrepl.moved_to = ''")
        for statement, _, _ in WRITES:
            with pytest.raises(psycopg.OperationalError, match="moved to milan"):
                clerk.execute(statement.encode())
    assert pair.a.column("SELECT name FROM plain") == ["a"]
    assert pair.a.value("SELECT count(*) FROM part") == 1


def test_a_stranger_replays_nothing_whatever_he_may_read(pair: Pair) -> None:
    pair.a.run("GRANT USAGE ON SCHEMA ucrepl TO clerk; GRANT ALL ON ALL TABLES IN SCHEMA ucrepl TO clerk")
    with (
        connect(make_conninfo(pair.a.dsn, user="clerk")) as stranger,
        pytest.raises(RefusedError, match="'postgres', and the role of the session is no member of it"),
    ):
        identify(stranger, "turin")
    with connect(make_conninfo(pair.a.dsn, user="mate")) as member:
        assert identify(member, "turin").genuine
