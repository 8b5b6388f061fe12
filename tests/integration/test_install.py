"""The schema and the triggers come, come again and go, without harm to anybody who works with the database."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.integration.links import MakePair, Pair, Side
from tests.support.dump import schema_dump
from tests.support.waiting import wait_for
from ucrepl.config import Config
from ucrepl.db.connect import connect
from ucrepl.errors import RefusedError
from ucrepl.link.install import Installed, install_node
from ucrepl.link.node import identify
from ucrepl.link.nodes import Nodes
from ucrepl.link.uninstall import uninstall as uninstall_nodes
from ucrepl.throwaway import Server

TABLES = """
    CREATE TABLE "Order" (id serial PRIMARY KEY, note text);
    CREATE TABLE line (id serial PRIMARY KEY, order_id int REFERENCES "Order");
    CREATE TABLE part (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
    CREATE TABLE part_x PARTITION OF part FOR VALUES IN ('x');
    CREATE SCHEMA "other one"; CREATE TABLE "other one"."50%" (k text PRIMARY KEY);
    CREATE TABLE child (PRIMARY KEY (id), more text) INHERITS (line);
    CREATE TABLE loose (a int);
    CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN new; END$$;
    CREATE TRIGGER theirs BEFORE INSERT ON line FOR EACH ROW EXECUTE FUNCTION noop();
"""


@pytest.fixture
def side(make_pair: MakePair) -> Side:
    """One database with tables, not installed."""
    return make_pair(TABLES, installed=False).a


def install(side: Side, dsn: str | None = None) -> Installed:
    with connect(dsn or side.dsn) as connection:
        return install_node(connection, side.name)


def uninstall(side: Side, *, force: bool = False) -> int | None:
    config = Config.model_validate({"nodes": {side.name: {"dsn": side.dsn}}})
    with Nodes(config, "uninstall") as nodes:
        return uninstall_nodes(config, nodes, [side.name], force=force).released[side.name]


@pytest.mark.parametrize(
    "hstore", ["", "CREATE EXTENSION hstore", 'CREATE SCHEMA "My Ext"; CREATE EXTENSION hstore SCHEMA "My Ext"'],
    ids=["no hstore", "hstore in public", "hstore elsewhere"],
)  # fmt: skip
def test_nothing_is_left_after_uninstall(side: Side, hstore: str) -> None:
    if hstore:
        side.run(hstore)
    before = schema_dump(side.dsn)
    assert install(side).tracked == 5
    assert schema_dump(side.dsn) != before
    side.run("INSERT INTO \"Order\" (note) VALUES ('a'); INSERT INTO part VALUES (1, 'x'); TRUNCATE line, child")
    assert len(side.journal()) == 4
    assert uninstall(side) == 5
    assert schema_dump(side.dsn) == before
    side.run("UPDATE \"Order\" SET note = 'b'; TRUNCATE part")
    assert uninstall(side) is None
    assert schema_dump(side.dsn) == before


def test_hstore_that_others_have_come_to_use_stays(side: Side) -> None:
    install(side)
    side.run(
        "SET search_path = public, ucrepl; CREATE TABLE users (id int PRIMARY KEY, tags hstore); RESET search_path"
    )
    side.run("INSERT INTO users VALUES (1, 'a=>1')")
    uninstall(side)
    assert side.value("SELECT tags -> 'a' FROM users") == "1"


def test_installing_again_changes_nothing(side: Side) -> None:
    first = install(side)
    assert (first.made, first.without_key) == (5, ("loose",))
    side.run("INSERT INTO line DEFAULT VALUES")
    before = schema_dump(side.dsn), side.journal(), side.value("SELECT uuid FROM ucrepl.node")
    second = install(side)
    assert (second.tracked, second.made) == (5, 0)
    assert (schema_dump(side.dsn), side.journal(), side.value("SELECT uuid FROM ucrepl.node")) == before


def test_a_newer_schema_is_refused(side: Side) -> None:
    install(side)
    side.run("INSERT INTO ucrepl.migration (version, name) VALUES (9999, 'of the future')")
    before = schema_dump(side.dsn)
    for act in (install, uninstall):
        with pytest.raises(RefusedError, match=r"'turin' has version 9999, this program knows up to \d+") as refused:
            act(side)
        assert "pip install --upgrade" in str(refused.value.hint)
    assert schema_dump(side.dsn) == before


def test_a_schema_of_that_name_which_is_not_ours_is_refused(side: Side) -> None:
    side.run("CREATE SCHEMA ucrepl; CREATE TABLE ucrepl.precious (id int)")
    before = schema_dump(side.dsn)
    for act in (install, uninstall):
        with pytest.raises(RefusedError, match="has a schema 'ucrepl' that this program did not make"):
            act(side)
    assert schema_dump(side.dsn) == before


def test_a_clone_is_refused_until_it_is_made_a_node_of_its_own(make_pair: MakePair, server: Server) -> None:
    pair = make_pair(TABLES)
    pair.a.run("INSERT INTO line DEFAULT VALUES")
    pair.forth()
    pair.close_links()
    original, clone = conninfo_to_dict(pair.a.dsn)["dbname"], "a clone"
    pair.a.connection.close()
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(clone), sql.Identifier(str(original)))
        )
    try:
        copy = Side("turin", server.dsn(clone))
        before = schema_dump(copy.dsn)
        with pytest.raises(RefusedError, match="is a restored or cloned copy") as refused:
            install(copy)
        assert "ucrepl uninstall --force" in str(refused.value.hint)
        assert schema_dump(copy.dsn) == before
        with Pair(copy.dsn, pair.b.dsn) as wrong, pytest.raises(RefusedError, match="is a restored or cloned copy"):
            wrong.forth()
        uninstall(copy, force=True)
        install(copy)
        assert copy.journal() == []
        with Pair(copy.dsn, pair.b.dsn) as other, pytest.raises(RefusedError, match="is another database than the one"):
            other.forth()
        copy.connection.close()
    finally:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(clone)))


def test_a_writer_in_the_way_is_waited_for_and_nobody_waits_behind_us(side: Side) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE mode = 'ShareRowExclusiveLock' AND NOT granted"
    with ThreadPoolExecutor(1) as pool, side.another() as slow, side.another(lock_timeout="20s") as quick:
        slow.execute("INSERT INTO line DEFAULT VALUES")
        installing = pool.submit(install, side)
        for _ in range(3):
            wait_for(lambda: side.value(waiting), what="the installation to wait for the table")
            quick.execute("INSERT INTO line DEFAULT VALUES")  # would wait for ever behind a lock without a timeout
            quick.commit()
        assert not installing.done()
        slow.commit()
        assert installing.result(60).made == 5
    side.run("INSERT INTO line DEFAULT VALUES")
    assert [change[:2] for change in side.journal()] == [("line", "I")]


def test_two_installations_at_once(make_pair: MakePair) -> None:
    side = make_pair("".join(f"CREATE TABLE t{n} (id serial PRIMARY KEY);" for n in range(40)), installed=False).a
    with ThreadPoolExecutor(3) as pool:
        done = [future.result(60) for future in [pool.submit(install, side) for _ in range(3)]]
    assert [one.tracked for one in done] == [40, 40, 40]
    assert sum(one.made for one in done) == 40


def test_new_tables_are_picked_up(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE one (id serial PRIMARY KEY, x text)")
    pair.a.run("INSERT INTO one (x) VALUES ('a')")
    pair.settle()
    pair.run("CREATE TABLE two (id serial PRIMARY KEY, one_id int REFERENCES one); ALTER TABLE one ADD y text")
    assert [found.made for found in pair.install()] == [1, 1]
    pair.a.run("INSERT INTO two (one_id) SELECT id FROM one; UPDATE one SET y = 'new'")
    pair.settle()
    assert pair.assert_same("SELECT x, y, two.id IS NOT NULL FROM one LEFT JOIN two ON one_id = one.id") == [
        ("a", "new", True)
    ]
    pair.assert_clean()


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TRIGGER {capture} ON line",
        "ALTER TABLE line DISABLE TRIGGER ALL",
        "ALTER TABLE line ENABLE REPLICA TRIGGER {truncate}",
        "ALTER TABLE line DROP CONSTRAINT line_pkey CASCADE; ALTER TABLE line ADD PRIMARY KEY (id, n)",
        "SELECT ucrepl.drop_triggers('line')",
        "ALTER TABLE line ADD COLUMN price money",  # its text depends on settings that capture() does not pin
    ],
)
def test_damaged_triggers_are_mended(make_pair: MakePair, damage: str) -> None:
    side = make_pair("CREATE TABLE line (id serial PRIMARY KEY, n int NOT NULL DEFAULT 0)").a
    triggers = {"capture": "0_ucrepl_capture", "truncate": "ucrepl_capture_truncate"}
    side.run(damage.format(**{word: side.trigger("line", kind) for word, kind in triggers.items()}))
    assert install(side).made == 1
    assert install(side).made == 0
    side.run("INSERT INTO line DEFAULT VALUES; UPDATE line SET n = 1; DELETE FROM line; TRUNCATE line")
    assert [change.table for change in side.journal()] == ["line"] * 4
    assert side.journal()[0].key == ("{1,0}" if "(id, n)" in damage else "1")


def test_the_owner_of_a_database_needs_no_superuser(make_pair: MakePair, server: Server) -> None:
    pair = make_pair(installed=False)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE ROLE owner LOGIN")
        for side in (pair.a, pair.b):
            name = sql.Identifier(str(conninfo_to_dict(side.dsn)["dbname"]))
            connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO owner").format(name))
            side.run("ALTER SCHEMA public OWNER TO owner")
    dsns = [make_conninfo(side.dsn, user="owner") for side in (pair.a, pair.b)]
    try:
        with Pair(dsns[0], dsns[1]) as owned:
            before = schema_dump(dsns[0])
            owned.run("CREATE TABLE item (id serial PRIMARY KEY, name text)")
            owned.b.run("INSERT INTO item (name) VALUES ('of b')")
            owned.install()
            owned.a.run("INSERT INTO item (name) VALUES ('of a')")
            owned.b.run("UPDATE item SET name = 'of b'; INSERT INTO item (name) VALUES ('of b too')")
            owned.settle()
            assert owned.assert_same("SELECT name FROM item WHERE name <> 'of b' ORDER BY 1") == [
                ("of a",),
                ("of b too",),
            ]
            owned.assert_clean()
            owned.close_links()
            for side in (owned.a, owned.b):
                uninstall(side)
            owned.a.run("DROP TABLE item")
            assert schema_dump(dsns[0]) == before
    finally:
        for side in (pair.a, pair.b):
            side.run("DROP OWNED BY owner CASCADE")
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                name = sql.Identifier(str(conninfo_to_dict(side.dsn)["dbname"]))
                connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO postgres").format(name))
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("DROP ROLE owner")


def test_an_installation_that_is_broken_off_can_be_done_again(side: Side) -> None:
    with side.another() as blocker, connect(side.dsn) as connection, ThreadPoolExecutor(1) as pool:
        blocker.execute('LOCK TABLE "other one"."50%"')
        installing = pool.submit(install_node, connection, side.name)
        wait_for(
            lambda: side.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareRowExclusiveLock'"),
            what="the installation to wait for the table",
        )
        side.run("SELECT pg_terminate_backend(%s)", connection.info.backend_pid)
        with pytest.raises(psycopg.OperationalError):
            installing.result(60)
    assert install(side).tracked == 5
    with connect(side.dsn) as connection:
        assert identify(connection, side.name).genuine
