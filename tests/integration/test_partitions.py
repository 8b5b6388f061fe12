"""Partitions: they come and go, are attached, detached and truncated, and no change is lost or captured twice."""

import pytest

from tests.integration.links import Change, MakePair, Pair, Side

SALE = """
    CREATE TABLE sale (id int NOT NULL, region text NOT NULL, amount numeric, PRIMARY KEY (id, region))
        PARTITION BY LIST (region);
    CREATE TABLE sale_north PARTITION OF sale FOR VALUES IN ('north');
    CREATE TABLE sale_south PARTITION OF sale FOR VALUES IN ('south') PARTITION BY RANGE (id);
    CREATE TABLE sale_south_1 PARTITION OF sale_south FOR VALUES FROM (0) TO (100);
    CREATE TABLE sale_south_2 PARTITION OF sale_south FOR VALUES FROM (100) TO (200);
"""
ROWS = "INSERT INTO sale VALUES (1, 'north', 1), (2, 'south', 2), (3, 'south', 3), (101, 'south', 4)"
WEST = "CREATE TABLE west (id int NOT NULL, region text NOT NULL, amount numeric, PRIMARY KEY (id, region))"
ATTACH = "ALTER TABLE sale ATTACH PARTITION west FOR VALUES IN ('west')"
TWICE = """
    BEGIN; INSERT INTO sale VALUES (5, 'north', 5); TRUNCATE sale; INSERT INTO sale VALUES (6, 'north', 6);
    TRUNCATE sale_north; INSERT INTO sale VALUES (7, 'north', 7); COMMIT
"""
ALL = "SELECT * FROM sale ORDER BY id"


def short(side: Side) -> list[tuple[str, str, str | None]]:
    return [(change.table, change.op, change.key) for change in side.journal()]


def last(side: Side) -> Change:
    return side.journal()[-1]


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(SALE)
    pair.a.run(ROWS)
    pair.forth()
    return pair


@pytest.mark.parametrize(
    ("statement", "left"),
    [
        ("TRUNCATE sale", []),
        ("TRUNCATE sale_north", [2, 3, 101]),
        ("TRUNCATE ONLY sale_north", [2, 3, 101]),
        ("TRUNCATE sale_south", [1]),
        ("TRUNCATE sale_south_1", [1, 101]),
        ("TRUNCATE sale_south_1, sale_north", [101]),
        ("TRUNCATE sale_south, sale", []),
        ("TRUNCATE sale; INSERT INTO sale VALUES (5, 'north', 5); TRUNCATE sale_north", []),
        (TWICE, [7]),
    ],
)
def test_a_truncate_of_any_part_arrives(pair: Pair, statement: str, left: list[int]) -> None:
    pair.b.run("CREATE TABLE copy AS TABLE sale; DROP TABLE sale")  # and there it is divided in no way
    pair.b.run("CREATE TABLE sale (LIKE copy, PRIMARY KEY (id, region)); INSERT INTO sale TABLE copy; DROP TABLE copy")
    pair.install()
    pair.a.run(statement)
    pair.forth()
    assert [row[0] for row in pair.assert_same(ALL)] == left
    pair.assert_clean()


def test_the_truncate_of_the_whole_is_one_change(pair: Pair) -> None:
    before = len(pair.a.journal())
    pair.a.run("TRUNCATE sale")
    assert short(pair.a)[before:] == [("sale", "T", None)]


def test_a_table_with_triggers_becomes_a_partition_without_an_error_or_a_change_that_counts_twice(pair: Pair) -> None:
    pair.run(WEST)
    pair.install()
    pair.a.run("INSERT INTO west VALUES (1, 'west', 1)")
    pair.forth()
    pair.run(ATTACH)
    before = len(pair.a.journal())
    pair.a.run("UPDATE sale SET amount = 5 WHERE region = 'west'; INSERT INTO west VALUES (2, 'west', 2)")
    pair.a.run("DELETE FROM sale WHERE id = 2 AND region = 'west'")
    assert [op for _, op, _ in short(pair.a)[before:]] == ["U", "I", "D"]
    pair.close_links()
    pair.forth()
    assert (1, "west", 5) in pair.assert_same(ALL)
    assert [found.made for found in pair.install()] == [1, 1]
    pair.a.run("TRUNCATE west; INSERT INTO west VALUES (3, 'west', 3)")
    assert short(pair.a)[before + 3 :] == [("sale", "D", "{1,west}"), ("sale", "I", "{3,west}")]
    pair.forth()
    assert (3, "west", 3) in pair.assert_same(ALL)
    pair.assert_clean()


def test_a_partitioned_table_with_triggers_becomes_a_part(pair: Pair) -> None:
    pair.run(WEST + " PARTITION BY RANGE (id); CREATE TABLE west_1 PARTITION OF west FOR VALUES FROM (0) TO (9)")
    pair.install()
    pair.run(ATTACH)
    before = len(pair.a.journal())
    pair.a.run("INSERT INTO sale VALUES (4, 'west', 1); UPDATE west SET amount = 5; UPDATE west_1 SET amount = 6")
    assert short(pair.a)[before:] == [("sale", "I", "{4,west}"), *[("sale", "U", "{4,west}")] * 2]
    pair.install()
    pair.a.run("TRUNCATE west_1")
    assert short(pair.a)[before + 3 :] == [("sale", "D", "{4,west}")]
    pair.close_links()
    pair.forth()
    assert len(pair.assert_same(ALL)) == 4


@pytest.mark.parametrize("swept", [True, False], ids=["then installed", "at once"])
def test_a_partition_with_triggers_of_its_own_is_detached(pair: Pair, *, swept: bool) -> None:
    pair.run("ALTER TABLE sale DETACH PARTITION sale_north")
    if swept:
        pair.install()
    before = len(pair.a.journal())
    pair.a.run("TRUNCATE sale_north")
    assert short(pair.a)[before:] == ([("sale_north", "T", None)] if swept else [])
    pair.a.run("ALTER TABLE sale ATTACH PARTITION sale_north FOR VALUES IN ('north')")
    pair.a.run("INSERT INTO sale VALUES (9, 'north', 9)")
    assert last(pair.a)[:3] == ("sale", "I", "{9,north}")
    pair.install()
    assert [found.made for found in pair.install()] == [0, 0]


def test_a_table_is_partitioned_in_place(make_pair: MakePair) -> None:
    pair = make_pair(WEST)
    pair.a.run("INSERT INTO west VALUES (1, 'west', 1)")
    pair.forth()
    pair.run(
        "BEGIN; ALTER TABLE west RENAME TO west_old; ALTER INDEX west_pkey RENAME TO west_old_pkey;"
        + WEST + " PARTITION BY LIST (region);"
        "ALTER TABLE west ATTACH PARTITION west_old FOR VALUES IN ('west');"
        "CREATE TABLE west_new PARTITION OF west DEFAULT; COMMIT"
    )  # fmt: skip
    pair.install()
    before = len(pair.a.journal())
    pair.a.run("INSERT INTO west VALUES (2, 'west', 2), (3, 'east', 3); UPDATE west SET amount = 0; TRUNCATE west_new")
    assert [op for _, op, _ in short(pair.a)[before:]] == ["I", "I", "U", "U", "U", "D"]
    assert {table for table, _, _ in short(pair.a)[before:]} == {"west"}
    pair.close_links()
    pair.forth()
    assert pair.assert_same("SELECT id, amount FROM west ORDER BY 1") == [(1, 0), (2, 0)]
    pair.assert_clean()
