"""The fence of a node: who waits, who is refused, and what he is told."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.integration.links import MakePair, Pair, Side
from tests.support.waiting import wait_for
from ucrepl.db.connect import connect
from ucrepl.link.cutover import fence

DDL = """
    CREATE TABLE partner (id serial PRIMARY KEY, name text, parent_id int REFERENCES partner ON DELETE CASCADE);
    CREATE TABLE tag (partner_id int, name text, PRIMARY KEY (partner_id, name));
    INSERT INTO partner (name) VALUES ('a'), ('b');
    INSERT INTO tag VALUES (1, 'x');
"""
WRITES = (
    "INSERT INTO partner (name) VALUES ('new')",
    "UPDATE partner SET name = 'changed'",
    "DELETE FROM partner",
    "TRUNCATE partner, tag",
    "INSERT INTO tag VALUES (2, 'x')",
    "UPDATE tag SET name = 'y'",
    "DELETE FROM tag",
)

# What else could refuse a write: constraints and unique indexes, keys included.
UNBIND = """
    DO $$
    DECLARE
        thing record;
    BEGIN
        FOR thing IN
            SELECT c.conrelid::regclass AS place, c.conname AS name FROM pg_constraint AS c
            WHERE c.connamespace = 'public'::regnamespace AND c.conrelid <> 0 AND c.contype IN ('f', 'c', 'p', 'u', 'x')
            ORDER BY c.contype <> 'f', c.coninhcount
        LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I CASCADE', thing.place, thing.name);
        END LOOP;
        FOR thing IN
            SELECT i.indexrelid::regclass AS place FROM pg_index AS i
            JOIN pg_class AS c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace WHERE i.indisunique
        LOOP
            EXECUTE format('DROP INDEX %s', thing.place);
        END LOOP;
    END$$
"""
TRACKED = """
    SELECT t.place::text, quote_ident(a.attname), a.atttypid::regtype::text FROM (
        SELECT format('%I.%I', n.schema_name, n.table_name)::regclass AS place, k.key_columns[1] AS key
        FROM ucrepl.tracked_table AS k JOIN ucrepl.table_name AS n USING (table_id)
    ) AS t
    JOIN pg_attribute AS a ON a.attrelid = t.place AND a.attname = t.key
    ORDER BY 1
"""


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return make_pair(DDL)


@contextmanager
def held(side: Side, seconds: float = 10) -> Iterator[tuple[Connection[TupleRow], int]]:
    with connect(side.dsn) as node, fence.held(node, seconds, 60) as last:
        yield node, last


def close(side: Side, moved_to: str = "node 'milan'") -> None:
    with held(side) as (node, last):
        fence.close(node, moved_to, last)
        node.execute("COMMIT")


def reopen(side: Side) -> None:
    with connect(side.dsn) as node, node.transaction():
        fence.reopen(node)


def run_elsewhere(side: Side, statement: str) -> None:
    with psycopg.connect(side.dsn, autocommit=True) as session:
        session.execute(statement.encode())


def waits(side: Side) -> bool:
    """Whether somebody waits to write."""
    return bool(
        side.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'ucrepl.journal_seq'::regclass")
    )


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_a_closed_node_refuses_every_write_of_every_session_and_says_where_to_go(pair: Pair, isolation: str) -> None:
    pair.a.run("DROP ROLE IF EXISTS clerk; CREATE ROLE clerk; GRANT ALL ON partner, tag, partner_id_seq TO clerk")
    with pair.a.another(default_transaction_isolation=isolation) as old, pair.a.another() as clerk:
        clerk.execute("SET ROLE clerk")
        clerk.commit()
        assert old.execute("SELECT count(*) FROM partner").fetchone() == (2,)  # its view is from before
        close(pair.a)
        for session in (old, clerk, pair.a.connection):
            for statement in WRITES:
                with (
                    pytest.raises(psycopg.OperationalError, match="work has moved to node 'milan'") as refused,
                    session.transaction(),
                ):
                    session.execute(statement.encode())
                assert refused.value.sqlstate == fence.SQLSTATE
            assert session.execute("SELECT count(*) FROM partner").fetchone() == (2,)
            session.rollback()
    with connect(pair.a.dsn) as node:
        assert fence.read_fence(node).moved_to == "node 'milan'"
    assert pair.a.journal() == []
    pair.a.run("DROP OWNED BY clerk; DROP ROLE clerk")


@pytest.mark.parametrize(
    "template",
    ["shop", pytest.param("odoo18", marks=[pytest.mark.slow, pytest.mark.long, pytest.mark.xdist_group("odoo18")])],
)
def test_a_closed_node_refuses_every_kind_of_write_to_every_tracked_table(make_pair: MakePair, template: str) -> None:
    side = make_pair(template=template).a
    tables = side.rows(TRACKED)
    close(side)
    side.run("DROP ROLE IF EXISTS clerk; CREATE ROLE clerk; GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk")
    refused = 0
    with side.another() as session:
        session.execute(UNBIND.encode())
        session.execute("SET LOCAL ROLE clerk")
        for table, key, kind in tables:
            other = f"{key} || 'x'" if kind in {"text", "character varying"} else f"{key} + 1000000"
            row = session.execute(f"SELECT 1 FROM ONLY {table} LIMIT 1".encode()).fetchone()
            writes = [
                f"INSERT INTO {table} SELECT * FROM ONLY {table} LIMIT 1",
                f"UPDATE ONLY {table} SET {key} = {other}",
                f"DELETE FROM ONLY {table}",
            ]
            for statement in (*(writes if row else ()), f"TRUNCATE ONLY {table}"):
                with pytest.raises(psycopg.OperationalError, match="has moved") as error, session.transaction():
                    session.execute(statement.encode())
                assert error.value.sqlstate == fence.SQLSTATE, statement
                refused += 1
        session.rollback()
    side.run("DROP OWNED BY clerk; DROP ROLE clerk")
    assert refused > len(tables) > 0


def test_a_closed_node_lets_through_what_changes_nothing(pair: Pair) -> None:
    close(pair.a)
    before = pair.a.rows("SELECT * FROM partner ORDER BY id")
    for statement in (
        "UPDATE partner SET name = name",
        "UPDATE partner SET name = 'x' WHERE false",
        "DELETE FROM tag WHERE false",
    ):
        pair.a.run(statement)
    assert pair.a.rows("SELECT * FROM partner ORDER BY id") == before
    assert pair.a.journal() == []


def test_a_closed_node_is_replayed_to(pair: Pair) -> None:
    close(pair.b)
    pair.a.run("INSERT INTO partner (name) VALUES ('new'); DELETE FROM tag")
    assert pair.forth().applied == 2
    pair.assert_clean()
    assert pair.b.column("SELECT name FROM partner ORDER BY 1") == ["a", "b", "new"]


def test_an_opened_node_goes_on_where_it_was(pair: Pair) -> None:
    pair.a.run("INSERT INTO partner (name) VALUES ('one')")
    close(pair.a)
    with pytest.raises(psycopg.OperationalError):
        pair.a.run("INSERT INTO partner (name) VALUES ('refused')")
    reopen(pair.a)
    reopen(pair.a)
    pair.a.run("INSERT INTO partner (name) VALUES ('two'); UPDATE partner SET name = 'three' WHERE name = 'two'")
    assert pair.a.column("SELECT seq FROM ucrepl.journal ORDER BY 1") == [1, 2, 3]
    assert pair.forth().applied == 2
    pair.assert_same("SELECT name FROM partner ORDER BY 1")


def test_who_has_written_is_waited_for_and_may_go_on_and_others_wait(pair: Pair) -> None:
    inside, may_end = Event(), Event()

    def hold() -> list[str]:
        with held(pair.a):
            inside.set()
            may_end.wait(30)
            return pair.a.column("SELECT name FROM partner ORDER BY 1")

    with ThreadPoolExecutor() as pool, pair.a.another() as writer:
        writer.execute("INSERT INTO partner (name) VALUES ('before')")
        holder = pool.submit(hold)
        wait_for(lambda: waits(pair.a), what="the holder to wait")
        late = pool.submit(run_elsewhere, pair.a, "INSERT INTO tag VALUES (7, 'late')")
        writer.execute("INSERT INTO partner (name) VALUES ('meanwhile')")
        assert not inside.is_set()
        writer.commit()
        assert inside.wait(30)
        assert not late.done()
        may_end.set()
        assert holder.result() == ["a", "b", "before", "meanwhile"]
        late.result()
    assert pair.a.value("SELECT count(*) FROM tag") == 2


def test_who_waited_is_refused_when_it_is_closed(pair: Pair) -> None:
    with ThreadPoolExecutor() as pool, held(pair.a) as (node, last):
        late = [pool.submit(run_elsewhere, pair.a, statement) for statement in WRITES[:2]]
        count = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'ucrepl.journal_seq'::regclass"
        wait_for(lambda: node.execute(count).fetchone() == (2,), what="two who wait")
        fence.close(node, "milan", last)
        node.execute("COMMIT")
        for refused in late:
            with pytest.raises(psycopg.OperationalError, match="moved to milan"):
                refused.result()
    assert pair.a.journal() == []


def test_a_transaction_that_takes_too_long_keeps_it_open(pair: Pair) -> None:
    with pair.a.another() as writer:
        writer.execute("INSERT INTO partner (name) VALUES ('long')")
        with pytest.raises(psycopg.errors.LockNotAvailable), held(pair.a, 0.05):
            pytest.fail("nobody may hold it")
        writer.commit()
    pair.a.run("INSERT INTO partner (name) VALUES ('after')")
    assert len(pair.a.journal()) == 2


def test_a_holder_that_is_silent_for_too_long_lets_go(pair: Pair) -> None:
    with connect(pair.a.dsn) as node, fence.held(node, 10, 0.1) as last:
        fence.close(node, "milan", last)
        pair.a.run("INSERT INTO partner (name) VALUES ('waited')")
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            node.execute("COMMIT")
    assert len(pair.a.journal()) == 1
