"""A table is its relation, not its name: renamed, swapped, moved, dropped and made again, its changes find it."""

from pathlib import Path

import psycopg
import pytest

from tests.integration.links import BACK, MakePair, Pair, part_ids
from tests.integration.terminal import FORTH as LINK
from tests.integration.terminal import Terminal
from tests.integration.test_names import differences
from tests.support.dump import dump as dumped
from ucrepl.db.connect import connect
from ucrepl.db.sqlstate import Verdict, classify
from ucrepl.link.install import install_schema
from ucrepl.link.source import StalePlanError

TABLES = """
    CREATE TABLE seat (id serial PRIMARY KEY, name text, email text);
    CREATE TABLE desk (id serial PRIMARY KEY, name text, email text, seat_id int REFERENCES seat);
"""
SWAP = """
    BEGIN;
    ALTER TABLE seat RENAME TO other;
    ALTER TABLE desk RENAME TO seat;
    ALTER TABLE other RENAME TO desk;
    COMMIT
"""
BOTH = """
    SELECT 'seat', name, email FROM seat UNION ALL SELECT 'desk', name, email FROM desk ORDER BY 1, 2
"""


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(TABLES)
    part_ids(pair, "seat_id_seq", "desk_id_seq")
    pair.a.run("""
        INSERT INTO seat (name, email) VALUES ('seat 1', 'a'), ('seat 2', 'b');
        INSERT INTO desk (name, email, seat_id) VALUES ('desk 1', 'c', 1), ('desk 2', 'd', 2), ('desk 3', 'e', 1);
    """)
    pair.settle()
    return pair


def work(pair: Pair, seat: str = "seat", desk: str = "desk") -> None:
    """Changes of both tables, which have these names now, on both sides."""
    pair.a.run(f"UPDATE {seat} SET email = email || '+' WHERE name = 'seat 1'")
    pair.a.run(f"UPDATE {desk} SET email = email || '+' WHERE name = 'desk 1'")
    pair.a.run(f"INSERT INTO {desk} (name, email) SELECT 'desk ' || count(*) + 1, 'new' FROM {desk}")
    pair.a.run(f"DELETE FROM {desk} WHERE name = 'desk 3'")


def assert_in_step(pair: Pair) -> None:
    pair.settle()
    pair.assert_same(BOTH)
    pair.assert_clean()
    assert pair.a.held() == pair.b.held() == []
    assert differences(pair) == differences(pair, BACK) == {}


@pytest.mark.parametrize("opened", [False, True], ids=["while nothing runs", "while a link is open"])
def test_tables_that_swap_names(pair: Pair, *, opened: bool) -> None:
    if not opened:
        pair.close_links()
    work(pair)
    pair.run(SWAP)
    work(pair, "desk", "seat")
    pair.b.run("UPDATE desk SET name = 'seat two' WHERE name = 'seat 2'")
    settle(pair)
    assert pair.assert_same("SELECT name, email FROM desk ORDER BY 1") == [("seat 1", "a++"), ("seat two", "b")]
    assert pair.assert_same("SELECT name, email, seat_id IS NOT NULL FROM seat ORDER BY 1") == [
        ("desk 1", "c++", True), ("desk 2", "d", True), ("desk 4", "new", False), ("desk 4", "new", False),
    ]  # fmt: skip
    assert_in_step(pair)


def settle(pair: Pair) -> None:
    """As a worker does it: a link whose tables have changed is opened anew."""
    for _ in range(5):
        try:
            pair.settle()
        except (StalePlanError, psycopg.Error) as error:
            if isinstance(error, psycopg.Error) and classify(error) is not Verdict.REPLAN:
                raise
            pair.close_links()
        else:
            return
    raise AssertionError("the plan stays out of date")


def test_a_mask_is_that_of_the_table_that_has_the_name(make_pair: MakePair) -> None:
    pair = make_pair(TABLES, both_ways=False, rules=[{"table": "seat", "set": {"email": "'masked'"}}])
    pair.a.run(
        "INSERT INTO seat (name, email) VALUES ('s', 'private'); INSERT INTO desk (name, email) VALUES ('d', 'x')"
    )
    pair.forth()
    pair.run(SWAP)
    pair.a.run(
        "INSERT INTO seat (name, email) VALUES ('s', 'private'); INSERT INTO desk (name, email) VALUES ('d', 'x')"
    )
    settle(pair)
    assert pair.b.rows("SELECT name, email FROM seat ORDER BY id") == [("d", "x"), ("s", "masked")]
    assert pair.b.rows("SELECT name, email FROM desk ORDER BY id") == [("s", "masked"), ("d", "x")]


@pytest.mark.parametrize("first", ["a", "b"])
@pytest.mark.parametrize(
    ("change", "seat", "desk"),
    [
        (SWAP, "desk", "seat"),
        ("ALTER TABLE seat RENAME TO chair", "chair", "desk"),
        ("CREATE SCHEMA room; ALTER TABLE seat SET SCHEMA room", "room.seat", "desk"),
        ("ALTER SCHEMA public RENAME TO old; CREATE SCHEMA public; ALTER TABLE old.desk SET SCHEMA public",
         "old.seat", "desk"),
    ],
    ids=["swapped", "renamed", "moved", "in another schema"],
)  # fmt: skip
def test_one_side_first(pair: Pair, first: str, change: str, seat: str, desk: str) -> None:
    one, other = (pair.a, pair.b) if first == "a" else (pair.b, pair.a)
    work(pair)
    one.run(change)
    pair.a.run(f"SELECT 1 FROM {seat if first == 'a' else 'seat'}")
    work(pair, *((seat, desk) if first == "a" else ("seat", "desk")))
    settle(pair)
    held = {table for table, _, _ in pair.b.held()}
    assert held
    pair.assert_clean()
    other.run(change)
    pair.close_links()
    work(pair, seat, desk)
    settle(pair)
    rows = f"SELECT 'seat', name, email FROM {seat} UNION ALL SELECT 'desk', name, email FROM {desk} ORDER BY 1, 2"
    assert pair.assert_same(rows)[-2:] == [("seat", "seat 1", "a+++"), ("seat", "seat 2", "b")]
    assert pair.a.held() == pair.b.held() == []
    pair.assert_clean()
    assert differences(pair) == differences(pair, BACK) == {}


@pytest.mark.parametrize("sides", ["both", "source", "target"])
def test_a_table_that_is_dropped_and_made_again_is_another_one(pair: Pair, sides: str) -> None:
    again = "DROP TABLE desk; CREATE TABLE desk (id serial PRIMARY KEY, name text, email text)"
    pair.a.run("UPDATE desk SET email = 'too late' WHERE name = 'desk 1'")
    for side in (pair.a, pair.b):
        if sides == "both" or (side is pair.a) == (sides == "source"):
            side.run(again)
    pair.close_links()
    pair.install()
    pair.a.run("INSERT INTO desk (name, email) VALUES ('again 1', 'x'), ('again 2', 'y')")
    settle(pair)
    assert "too late" not in pair.b.column("SELECT email FROM desk")
    names = pair.b.column("SELECT name FROM desk ORDER BY 1")
    kept = [] if sides != "source" else ["desk 1", "desk 2", "desk 3"]
    assert names == ["again 1", "again 2", *kept]
    assert pair.b.conflicts() == []
    if sides == "target":
        assert [p.reason for p in pair.b.parked()] == ["missing"]
    else:
        assert pair.b.held() == [("desk", "U", "1")]


def test_what_is_held_of_a_dropped_table_is_told(pair: Pair, tmp_path: Path) -> None:
    pair.a.run("UPDATE desk SET email = 'too late' WHERE name = 'desk 1'")
    pair.run("DROP TABLE desk; CREATE TABLE desk (id serial PRIMARY KEY, name text)")
    pair.install()
    settle(pair)
    pair.close_links()
    terminal = Terminal(pair, tmp_path)
    assert "the table 'desk' was dropped on 'turin'" in terminal("status").out
    terminal("held", "drop", LINK, "--table", "desk")
    assert pair.b.held() == []


def test_a_table_that_takes_the_place_of_another_one(pair: Pair) -> None:
    pair.run("""
        CREATE TABLE desk_new (id int PRIMARY KEY DEFAULT nextval('desk_id_seq'), name text, email text);
        INSERT INTO desk_new SELECT id, name, email FROM desk;
        ALTER SEQUENCE desk_id_seq OWNED BY desk_new.id;
        DROP TABLE desk;
        ALTER TABLE desk_new RENAME TO desk
    """)
    pair.close_links()
    pair.install()
    pair.a.run("INSERT INTO desk (name) VALUES ('fresh')")
    settle(pair)
    assert pair.b.value("SELECT count(*) FROM desk WHERE name = 'fresh'") == 1
    pair.assert_clean()


def test_a_table_that_is_restored_is_the_same_one(pair: Pair) -> None:
    dump = dumped(pair.a.dsn, "--table=desk", "--inserts")
    pair.a.run("DROP TABLE desk")
    with pair.a.another() as somebody:
        somebody.execute(dump.encode())
    pair.close_links()
    pair.install()
    work(pair)
    settle(pair)
    pair.assert_same("SELECT name, email FROM desk ORDER BY 1")
    pair.assert_clean()


def test_names_that_were_swapped_before_numbers_had_relations(make_pair: MakePair) -> None:
    pair = make_pair(TABLES, installed=False)
    for side in (pair.a, pair.b):
        with connect(side.dsn) as connection:
            install_schema(connection, side.name, up_to=14)
    pair.install()
    with pair.a.another() as somebody:
        somebody.execute("UPDATE ucrepl.table_name SET relation = NULL")
    pair.a.run(SWAP)
    pair.b.run(SWAP)
    pair.install()
    pair.a.run("INSERT INTO seat (name) VALUES ('was a desk'); INSERT INTO desk (name) VALUES ('was a seat')")
    pair.settle()
    assert pair.assert_same("SELECT name FROM seat") == [("was a desk",)]
    assert pair.assert_same("SELECT name FROM desk") == [("was a seat",)]
