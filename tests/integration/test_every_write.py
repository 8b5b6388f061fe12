"""Every way in which PostgreSQL writes, to every kind of table: captured once, and refused on a closed node."""

import psycopg
import pytest

from tests.integration.links import MakePair, Pair
from ucrepl.db.connect import connect
from ucrepl.link.cutover import fence

DDL = """
    CREATE TABLE plain (id int PRIMARY KEY, v int);
    CREATE UNLOGGED TABLE volatile (id int PRIMARY KEY, v int);
    CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v int);
    CREATE TABLE root (id int, r text, v int, PRIMARY KEY (id, r)) PARTITION BY LIST (r);
    CREATE TABLE leaf PARTITION OF root FOR VALUES IN ('x');
    CREATE TABLE part PARTITION OF root FOR VALUES IN ('y') PARTITION BY RANGE (id);
    CREATE TABLE part_low PARTITION OF part FOR VALUES FROM (0) TO (100);
    CREATE TABLE part_rest PARTITION OF part DEFAULT;
    CREATE TABLE parent (id int PRIMARY KEY, v int);
    CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
    CREATE TABLE owner (id int PRIMARY KEY, v int);
    CREATE TABLE owned (id int PRIMARY KEY, owner_id int REFERENCES owner ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE loose (id int PRIMARY KEY, owner_id int REFERENCES owner ON DELETE SET NULL);
    CREATE VIEW seen AS SELECT * FROM plain;
    CREATE VIEW ruled AS SELECT * FROM plain;
    CREATE RULE ruled AS ON INSERT TO ruled DO INSTEAD INSERT INTO plain VALUES (new.id, new.v);
    INSERT INTO plain VALUES (1, 1), (2, 2);
    INSERT INTO volatile VALUES (1, 1);
    INSERT INTO numbered (v) VALUES (1);
    INSERT INTO root VALUES (1, 'x', 1), (2, 'y', 2), (200, 'y', 3);
    INSERT INTO parent VALUES (1, 1);
    INSERT INTO child VALUES (2, 2);
    INSERT INTO owner VALUES (1, 1), (2, 2);
    INSERT INTO owned VALUES (1, 1), (2, 2);
    INSERT INTO loose VALUES (1, 1);
"""
TABLES = ("plain", "volatile", "numbered", "root", "parent", "child", "owner", "owned", "loose")
WRITES = {
    "INSERT INTO plain VALUES (9, 9)": ["plain I 9"],
    "INSERT INTO plain VALUES (1, 9), (9, 9) ON CONFLICT DO NOTHING": ["plain I 9"],
    "INSERT INTO plain VALUES (1, 9) ON CONFLICT (id) DO UPDATE SET v = excluded.v": ["plain U 1"],
    "INSERT INTO seen VALUES (9, 9)": ["plain I 9"],
    "UPDATE seen SET v = 9 WHERE id = 1": ["plain U 1"],
    "DELETE FROM seen WHERE id = 1": ["plain D 1"],
    "INSERT INTO ruled VALUES (9, 9)": ["plain I 9"],
    "WITH gone AS (DELETE FROM plain WHERE id = 1 RETURNING *) INSERT INTO volatile SELECT id + 8, v FROM gone": [
        "plain D 1",
        "volatile I 9",
    ],
    "UPDATE volatile SET v = 9": ["volatile U 1"],
    "TRUNCATE volatile": ["volatile T None"],
    "INSERT INTO numbered OVERRIDING SYSTEM VALUE VALUES (9, 9)": ["numbered I 9"],
    "UPDATE numbered SET v = 9": ["numbered U 1"],
    "INSERT INTO root VALUES (9, 'x', 9)": ["root I {9,x}"],
    "INSERT INTO part VALUES (9, 'y', 9)": ["root I {9,y}"],
    "INSERT INTO leaf VALUES (1, 'x', 9) ON CONFLICT (id, r) DO UPDATE SET v = 9": ["root U {1,x}"],
    "UPDATE root SET v = 9 WHERE id = 1": ["root U {1,x}"],
    "UPDATE part SET v = 9 WHERE id = 2": ["root U {2,y}"],
    "UPDATE root SET r = 'y' WHERE id = 1": ["root D {1,x}", "root I {1,y}"],
    "UPDATE part SET id = 300 WHERE id = 2": ["root D {2,y}", "root I {300,y}"],
    "DELETE FROM part_low": ["root D {2,y}"],
    "TRUNCATE root": ["root T None"],
    "TRUNCATE part": ["root D {200,y}", "root D {2,y}"],
    "TRUNCATE leaf": ["root D {1,x}"],
    "TRUNCATE part_low, plain": ["plain T None", "root D {2,y}"],
    "UPDATE parent SET v = 9": ["child U 2", "parent U 1"],
    "UPDATE ONLY parent SET v = 9": ["parent U 1"],
    "DELETE FROM child": ["child D 2"],
    "TRUNCATE parent": ["child T None", "parent T None"],
    "DELETE FROM owner WHERE id = 1": ["loose U 1", "owned D 1", "owner D 1"],
    "UPDATE owner SET id = 9 WHERE id = 2": ["owned U 2", "owner K 2"],
    "TRUNCATE owner CASCADE": ["loose T None", "owned T None", "owner T None"],
}
MERGE = (
    "MERGE INTO root USING (VALUES (1, 'x'), (7, 'y')) AS v (id, r) ON root.id = v.id AND root.r = v.r"
    " WHEN MATCHED THEN UPDATE SET v = 9 WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.r, 9)"
)


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(DDL)
    if pair.a.connection.info.server_version >= 150000:
        WRITES[MERGE] = ["root I {7,y}", "root U {1,x}"]
    pair.seed_both()
    return pair


def test_each_is_captured_once_and_arrives(pair: Pair) -> None:
    for statement, expected in WRITES.items():
        before = len(pair.a.journal())
        pair.a.run(statement)
        changes = sorted(f"{c.table} {c.op} {c.key}" for c in pair.a.journal()[before:])
        assert changes == sorted(expected), statement
        pair.forth()
        for table in TABLES:
            pair.assert_same(f"SELECT {'v' if table == 'numbered' else '*'} FROM {table} ORDER BY 1")
        for table in reversed(TABLES):
            pair.run(f"SET ucrepl.origin = 'x'; DELETE FROM {table}; RESET ucrepl.origin")
        fill = DDL[DDL.index("INSERT INTO plain VALUES (1, 1)") :].replace(
            "numbered (v) VALUES (1)", "numbered OVERRIDING SYSTEM VALUE VALUES (1, 1)"
        )
        pair.run(f"SET ucrepl.origin = 'x'; {fill}; RESET ucrepl.origin")
    with pair.a.connection.cursor() as cursor, cursor.copy("COPY root FROM STDIN") as copy:
        copy.write("50\ty\t5\n51\tx\t5\n")
    assert [(c.op, c.key) for c in pair.a.journal()[-2:]] == [("I", "{50,y}"), ("I", "{51,x}")]
    pair.forth()
    pair.assert_same("SELECT * FROM root ORDER BY 1, 2")
    pair.assert_clean()


def test_each_is_refused_on_a_closed_node(pair: Pair) -> None:
    with connect(pair.a.dsn) as node:
        fence.shut(node, "milan")
    before = {table: pair.a.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES}
    for statement in WRITES:
        with pytest.raises(psycopg.OperationalError, match="moved to milan"):
            pair.a.run(statement)
    with (
        pytest.raises(psycopg.OperationalError, match="moved to milan"),
        pair.a.connection.cursor() as cursor,
        cursor.copy("COPY root FROM STDIN") as copy,
    ):
        copy.write("50\ty\t5\n")
    assert {table: pair.a.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES} == before
