"""Columns and keys that become others while changes wait in the journal: no value is lost, no other row is met."""

import pytest

from tests.integration.links import MakePair, Pair, part_ids
from tests.integration.test_names import differences
from tests.integration.test_renames import settle
from ucrepl.errors import ConfigError
from ucrepl.link.nodes import Nodes
from ucrepl.link.resync import resync

ITEM = "CREATE TABLE item (id serial PRIMARY KEY, code text UNIQUE NOT NULL, note text, size int)"
ROWS = "INSERT INTO item (code, note, size) VALUES ('a', 'one', 1), ('b', 'two', 2), ('c', 'three', 3), ('2', 'x', 9)"
WORK = """
    INSERT INTO item (code, note, size) VALUES ('new', 'four', 4);
    UPDATE item SET note = 'changed' WHERE code = 'a';
    UPDATE item SET size = 20 WHERE code = 'b';
    DELETE FROM item WHERE code = 'c'
"""


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(ITEM, both_ways=False)
    part_ids(pair, "item_id_seq")
    pair.a.run(ROWS)
    pair.forth()
    return pair


def alter(pair: Pair, change: str, *, opened: bool) -> None:
    if not opened:
        pair.close_links()
    pair.run(change)


@pytest.mark.parametrize("opened", [False, True], ids=["while nothing runs", "while the link is open"])
def test_a_column_that_is_renamed(pair: Pair, *, opened: bool) -> None:
    pair.a.run(WORK)
    alter(pair, "ALTER TABLE item RENAME note TO remark", opened=opened)
    pair.a.run("UPDATE item SET remark = remark || '!' WHERE code = '2'")
    settle(pair)
    assert pair.assert_same("SELECT code, remark, size FROM item ORDER BY 1") == [
        ("2", "x!", 9), ("a", "changed", 1), ("b", "two", 20), ("new", "four", 4),
    ]  # fmt: skip
    pair.assert_clean()
    assert pair.b.held() == []


def test_columns_that_swap_names(pair: Pair) -> None:
    pair.run("ALTER TABLE item ADD other text")
    pair.install()
    pair.a.run("UPDATE item SET note = 'note', other = 'other' WHERE code = 'a'")
    pair.a.run("UPDATE item SET note = 'note' WHERE code = 'b'")
    alter(
        pair,
        "BEGIN; ALTER TABLE item RENAME note TO third; ALTER TABLE item RENAME other TO note;"
        " ALTER TABLE item RENAME third TO other; COMMIT",
        opened=False,
    )
    pair.a.run("UPDATE item SET note = 'now' WHERE code = '2'")
    settle(pair)
    pair.assert_same("SELECT code, note, other FROM item ORDER BY 1")
    pair.assert_clean()


@pytest.mark.parametrize("first", ["source", "target"])
def test_a_column_that_is_renamed_on_one_side_first(pair: Pair, first: str) -> None:
    one, other = (pair.a, pair.b) if first == "source" else (pair.b, pair.a)
    pair.a.run(WORK)
    one.run("ALTER TABLE item RENAME note TO remark")
    settle(pair)
    assert ("item", "C", "1") in pair.b.held()
    pair.a.run(f"UPDATE item SET {'remark' if first == 'source' else 'note'} = 'later' WHERE code = 'b'")
    settle(pair)
    other.run("ALTER TABLE item RENAME note TO remark")
    pair.close_links()
    settle(pair)
    assert pair.assert_same("SELECT code, remark, size FROM item ORDER BY 1") == [
        ("2", "x", 9), ("a", "changed", 1), ("b", "later", 20), ("new", "four", 4),
    ]  # fmt: skip
    pair.assert_clean()
    assert pair.b.held() == []


@pytest.mark.parametrize("opened", [False, True], ids=["while nothing runs", "while the link is open"])
def test_a_column_that_the_source_drops_is_written_to_the_end(pair: Pair, *, opened: bool) -> None:
    pair.a.run(WORK)
    if not opened:
        pair.close_links()
    pair.a.run("ALTER TABLE item DROP note")
    pair.a.run("UPDATE item SET size = 90 WHERE code = '2'")
    settle(pair)
    assert pair.b.rows("SELECT code, note, size FROM item ORDER BY 1") == [
        ("2", "x", 90), ("a", "changed", 1), ("b", "two", 20), ("new", "four", 4),
    ]  # fmt: skip
    pair.assert_clean()
    assert pair.b.held() == []


def test_a_column_that_both_drop_is_held(pair: Pair) -> None:
    pair.a.run(WORK)
    alter(pair, "ALTER TABLE item DROP note", opened=False)
    settle(pair)
    pair.assert_same("SELECT code, size FROM item ORDER BY 1")
    pair.assert_clean()
    assert sorted(pair.b.held()) == [("item", "C", "1"), ("item", "C", "5")]


def test_what_is_masked_never_comes_by_a_former_name(make_pair: MakePair) -> None:
    for change, name in (("RENAME note TO remark", "remark"), ("DROP note", "size")):
        pair = make_pair(ITEM, both_ways=False, rules=[{"table": "item", "set": {name: "null"}}])
        pair.a.run("INSERT INTO item (code, note) VALUES ('a', 'private')")
        pair.a.run("UPDATE item SET note = 'private too'")
        pair.run(f"ALTER TABLE item {change}")
        settle(pair)
        everything = pair.b.column("SELECT i::text FROM item AS i UNION ALL SELECT h::text FROM ucrepl.held AS h")
        assert len(everything) == 1
        assert "private" not in everything[0]


def test_a_masked_column_that_is_renamed_is_masked_by_its_new_name_or_nothing_leaves(make_pair: MakePair) -> None:
    pair = make_pair(ITEM, both_ways=False, rules=[{"table": "item", "set": {"note": "null"}}])
    pair.forth()
    pair.a.run("ALTER TABLE item RENAME note TO remark")
    pair.a.run("INSERT INTO item (code, remark) VALUES ('a', 'private')")
    with pytest.raises(ConfigError, match="is called 'remark' now"):
        settle(pair)
    pair.configure(both_ways=False, rules=[{"table": "item", "set": {"note": "null", "remark": "null"}}])
    settle(pair)
    everything = pair.b.column("SELECT i::text FROM item AS i UNION ALL SELECT h::text FROM ucrepl.held AS h")
    assert "private" not in "".join(everything)
    assert pair.b.column("SELECT code FROM item") == ["a"]


def test_values_that_are_none_of_the_new_type_are_parked(pair: Pair) -> None:
    pair.a.run("INSERT INTO item (code, note) VALUES ('n', '7'); UPDATE item SET note = 'no number' WHERE code = 'b'")
    to_int = "ALTER TABLE item ALTER note TYPE int USING CASE WHEN note ~ '^[0-9]+$' THEN note::int END"
    alter(pair, to_int, opened=False)
    settle(pair)
    assert pair.b.value("SELECT note FROM item WHERE code = 'n'") == 7
    assert [(p.op, p.key, p.reason) for p in pair.b.parked()] == [("U", "2", "error")]
    assert "no number" in pair.b.parked()[0].message


MOVES = "ALTER TABLE item DROP CONSTRAINT item_pkey; ALTER TABLE item ADD PRIMARY KEY (code)"
KEPT = MOVES + "; ALTER TABLE item ADD UNIQUE (id)"


@pytest.fixture
def keyed(make_pair: MakePair) -> Pair:
    """Rows with the same ids on both sides, which are no ids for us."""
    pair = make_pair(
        "CREATE TABLE item (id int PRIMARY KEY, code text UNIQUE NOT NULL, note text, size int)", both_ways=False
    )
    pair.a.run("INSERT INTO item VALUES (1, '3', 'one', 1), (2, '1', 'two', 2), (3, '2', 'three', 3), (4, '4', 'x', 4)")
    pair.forth()
    return pair


KEYED_WORK = """
    INSERT INTO item VALUES (5, '9', 'five', 5);
    UPDATE item SET note = 'changed' WHERE id = 1;
    DELETE FROM item WHERE id = 2
"""
SAME = "SELECT id, code, note, size FROM item ORDER BY 1"


@pytest.mark.parametrize("opened", [False, True], ids=["while nothing runs", "while the link is open"])
@pytest.mark.parametrize("again", ["installed", "not yet"])
def test_a_key_that_moves_to_another_column(keyed: Pair, again: str, *, opened: bool) -> None:
    keyed.a.run(KEYED_WORK)
    alter(keyed, KEPT, opened=opened)
    if again == "installed":
        keyed.install()
    keyed.a.run("UPDATE item SET size = 40 WHERE id = 4; INSERT INTO item VALUES (6, '8', 'six', 6)")
    settle(keyed)
    assert keyed.assert_same(SAME) == [
        (1, "3", "changed", 1), (3, "2", "three", 3), (4, "4", "x", 40), (5, "9", "five", 5), (6, "8", "six", 6),
    ]  # fmt: skip
    keyed.assert_clean()
    assert differences(keyed) == {}


def test_an_update_whose_row_is_not_known_any_more_is_parked(keyed: Pair) -> None:
    keyed.a.run(KEYED_WORK)
    alter(keyed, MOVES, opened=False)
    keyed.install()
    keyed.a.run("UPDATE item SET size = 40 WHERE id = 4")
    settle(keyed)
    assert [(p.op, p.key, p.reason) for p in keyed.b.parked()] == [("U", None, "missing")]
    assert keyed.b.rows(SAME) == [
        (1, "3", "one", 1), (3, "2", "three", 3), (4, "4", "x", 40), (5, "9", "five", 5),
    ]  # fmt: skip
    assert keyed.retry().changes == 0
    assert len(keyed.b.parked()) == 1
    keyed.close_links()
    with Nodes(keyed.config, "test") as nodes:
        resync(keyed.config, keyed.config.links[0], "item", nodes)
    assert keyed.b.parked() == []
    keyed.assert_same(SAME)


@pytest.mark.parametrize(
    ("before", "after"),
    [("id, code", "code, id"), ("id", "id, code"), ("id, code", "id"), ("id, code", "code")],
)
def test_a_key_of_several_columns(make_pair: MakePair, before: str, after: str) -> None:
    pair = make_pair(
        f"CREATE TABLE item (id int NOT NULL, code text NOT NULL UNIQUE, note text, size int, PRIMARY KEY ({before}),"
        " UNIQUE (id))",
        both_ways=False,
    )
    pair.a.run("INSERT INTO item VALUES (1, '3', 'one', 1), (2, '1', 'two', 2), (3, '2', 'three', 3), (4, '4', 'x', 4)")
    pair.forth()
    pair.a.run(KEYED_WORK)
    pair.a.run("UPDATE item SET id = 33 WHERE id = 3; UPDATE item SET code = '44' WHERE id = 4")
    alter(pair, f"ALTER TABLE item DROP CONSTRAINT item_pkey; ALTER TABLE item ADD PRIMARY KEY ({after})", opened=False)
    pair.install()
    pair.a.run("UPDATE item SET size = 10 WHERE id = 1")
    settle(pair)
    parked = pair.b.parked()
    if parked:
        assert {(p.key, p.reason) for p in parked} == {(None, "missing")}
    else:
        pair.assert_same(SAME)
    assert pair.b.conflicts() == []


def test_a_key_column_that_is_renamed(keyed: Pair) -> None:
    keyed.a.run(KEYED_WORK)
    alter(keyed, "ALTER TABLE item RENAME id TO number", opened=False)
    keyed.a.run("INSERT INTO item VALUES (7, '7', 'seven', 7)")
    keyed.install()
    keyed.a.run("UPDATE item SET size = 40 WHERE number = 4")
    settle(keyed)
    assert keyed.assert_same("SELECT number, code, note, size FROM item ORDER BY 1") == [
        (1, "3", "changed", 1), (3, "2", "three", 3), (4, "4", "x", 40), (5, "9", "five", 5), (7, "7", "seven", 7),
    ]  # fmt: skip
    keyed.assert_clean()


@pytest.mark.parametrize("first", ["source", "target"])
def test_a_key_that_moves_on_one_side_first(keyed: Pair, first: str) -> None:
    keyed.a.run(KEYED_WORK)
    one, other = (keyed.a, keyed.b) if first == "source" else (keyed.b, keyed.a)
    one.run(KEPT)
    keyed.close_links()
    settle(keyed)
    assert {op for _, op, _ in keyed.b.held()} == {"I", "U", "D"}
    other.run(KEPT)
    keyed.close_links()
    keyed.install()
    settle(keyed)
    assert keyed.b.held() == []
    parked = keyed.b.parked()
    assert {(p.op, p.key, p.reason) for p in parked} <= {("U", None, "missing")}
    assert (1, "3", "one" if parked else "changed", 1) in keyed.b.rows(SAME)
    assert keyed.b.column("SELECT id FROM item ORDER BY 1") == [1, 3, 4, 5]


def test_what_is_parked_keeps_its_row(keyed: Pair) -> None:
    keyed.b.run("ALTER TABLE item ADD CONSTRAINT no CHECK (note <> 'changed')")
    keyed.a.run(KEYED_WORK)
    keyed.forth()
    assert [(p.op, p.key) for p in keyed.b.parked()] == [("U", "1")]
    alter(keyed, KEPT, opened=False)
    keyed.install()
    keyed.b.run("ALTER TABLE item DROP CONSTRAINT no")
    keyed.retry()
    assert [(p.op, p.key, p.reason) for p in keyed.b.parked()] == [("U", None, "missing")]
    assert (2, "1", "two", 2) not in keyed.b.rows(SAME)
    assert (1, "3", "one", 1) in keyed.b.rows(SAME)
