"""Both sides change the same record: what merges, who wins, what is logged, and that both come to the same."""

from itertools import product

import pytest

from tests.integration.links import BACK, FORTH, Conflict, MakePair, Pair

ITEM = "CREATE TABLE item (id serial PRIMARY KEY, name text, x text, y int)"
ROWS = "SELECT name, x, y FROM item ORDER BY name"


@pytest.fixture
def shared(make_pair: MakePair) -> Pair:
    """One record, with different ids."""
    return prepared(make_pair)


@pytest.fixture(params=["remap", "shared"])
def in_both_modes(make_pair: MakePair, request: pytest.FixtureRequest) -> Pair:
    """One record, with different ids or the same."""
    return prepared(make_pair, ids=request.param)


def prepared(make_pair: MakePair, **configuration: object) -> Pair:
    pair = make_pair(ITEM, **configuration)
    if configuration.get("ids") == "shared":
        pair.share()
    else:
        pair.b.run("SELECT setval('item_id_seq', 1000)")
    pair.a.run("INSERT INTO item (name, x, y) VALUES ('one', 'old', 1)")
    pair.settle()
    return pair


def test_changes_of_different_columns_merge(in_both_modes: Pair) -> None:
    shared = in_both_modes
    shared.a.run("UPDATE item SET x = 'of a'")
    shared.b.run("UPDATE item SET y = 2")
    shared.settle()
    assert shared.assert_same(ROWS) == [("one", "of a", 2)]
    shared.assert_clean()


def test_a_value_that_the_target_rounds_is_the_old_one_still(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE item (id serial PRIMARY KEY, n numeric(12, 4), m text)", installed=False)
    pair.b.run("ALTER TABLE item ALTER n TYPE numeric(12, 2)")
    pair.install()
    pair.a.run("INSERT INTO item (n) VALUES (1.2345)")
    pair.forth()
    pair.a.run("UPDATE item SET n = 7.6543, m = 'new'")
    pair.forth()
    assert pair.b.rows("SELECT n::text, m FROM item") == [("7.65", "new")]
    pair.assert_clean()


def test_the_same_new_value_on_both_sides_is_no_conflict(shared: Pair) -> None:
    shared.a.run("UPDATE item SET x = 'new', y = 5")
    shared.b.run("UPDATE item SET x = 'new'; UPDATE item SET y = 4; UPDATE item SET y = 5")
    shared.settle()
    assert shared.assert_same(ROWS) == [("one", "new", 5)]
    shared.assert_clean()


@pytest.mark.parametrize(("first", "order"), list(product("ab", [(FORTH, BACK), (BACK, FORTH)])))
def test_the_later_change_wins_on_both_sides(shared: Pair, first: str, order: tuple[int, int]) -> None:
    earlier, later = (shared.a, shared.b) if first == "a" else (shared.b, shared.a)
    earlier.run("UPDATE item SET x = 'earlier', name = 'by the earlier'")
    later.run("UPDATE item SET x = 'later', y = 7")
    for direction in order:
        shared.drain(direction)
    assert shared.assert_same(ROWS) == [("by the earlier", "later", 7)]
    shared.settle()
    assert shared.assert_same(ROWS) == [("by the earlier", "later", 7)]
    logged = {side.name: side.conflicts() for side in (shared.a, shared.b)}
    assert logged[later.name] == [Conflict("update", "item", "x", "old", "earlier", "later", "target")]
    assert logged[earlier.name] == [Conflict("update", "item", "x", "old", "later", "earlier", "source")]


def test_it_is_the_time_of_the_column_that_counts_not_of_the_row(shared: Pair) -> None:
    shared.a.run("UPDATE item SET x = 'early on a'")
    shared.b.run("UPDATE item SET x = 'later on b'")
    shared.b.run("UPDATE item SET name = 'early on b'")
    shared.a.run("UPDATE item SET name = 'later on a'")
    shared.settle()
    assert shared.assert_same(ROWS) == [("later on a", "later on b", 1)]


def test_the_time_of_a_merged_change_is_that_of_the_columns_last_one(shared: Pair) -> None:
    shared.a.run("UPDATE item SET x = 'one', y = 10")
    shared.b.run("UPDATE item SET y = 20, x = 'two'")
    shared.a.run("UPDATE item SET x = 'three'")
    shared.settle()
    assert shared.assert_same(ROWS) == [("one", "three", 20)]


@pytest.mark.parametrize("order", [(FORTH, BACK), (BACK, FORTH)])
def test_at_the_same_moment_the_greater_name_wins(shared: Pair, order: tuple[int, int]) -> None:
    shared.a.run("UPDATE item SET x = 'turin'")
    shared.b.run("UPDATE item SET x = 'milan'")
    shared.run("UPDATE ucrepl.journal SET at = '2024-01-01' WHERE op = 'U'")
    shared.run("UPDATE ucrepl.tick SET at = '2023-01-01'")
    for direction in order:
        shared.drain(direction)
    assert shared.assert_same("SELECT x FROM item") == [("turin",)]
    shared.settle()
    assert shared.assert_same("SELECT x FROM item") == [("turin",)]


def test_the_clock_of_the_change_counts_not_that_of_its_arrival(shared: Pair) -> None:
    shared.a.run("UPDATE item SET x = 'stamped later'")
    shared.b.run("UPDATE item SET x = 'stamped earlier'")
    shared.a.run("UPDATE ucrepl.journal SET at = at + interval '1 hour' WHERE op = 'U'")
    shared.settle()
    assert shared.assert_same("SELECT x FROM item") == [("stamped later",)]


@pytest.mark.parametrize(("policy", "expected"), [("source", "of a"), ("target", "of b")])
def test_source_and_target(make_pair: MakePair, policy: str, expected: str) -> None:
    pair = prepared(make_pair, conflicts=policy, both_ways=False)
    pair.a.run("UPDATE item SET x = 'of a', name = 'by a'")
    pair.b.run("UPDATE item SET x = 'of b', y = 9")
    drained = pair.forth()
    assert drained.conflicts == 1
    assert pair.b.rows(ROWS) == [("by a", expected, 9)]
    assert pair.b.conflicts() == [Conflict("update", "item", "x", "old", "of a", "of b", policy)]
    assert pair.b.parked() == []
    assert pair.b.value("SELECT conflicts FROM ucrepl.link") == 1


@pytest.mark.parametrize("winner", ["turin", "milan"])
def test_one_side_is_always_right(make_pair: MakePair, winner: str) -> None:
    """`source` on the link from the side that rules, `target` on the one to it."""
    pair = prepared(make_pair)
    for link, policy in zip(
        pair.config.links, ("source", "target") if winner == "turin" else ("target", "source"), strict=True
    ):
        object.__setattr__(link, "conflicts", policy)
    pair.close_links()
    pair.a.run("UPDATE item SET x = 'turin'")
    pair.b.run("UPDATE item SET x = 'milan'")
    pair.settle()
    assert pair.assert_same("SELECT x FROM item") == [(winner,)]


def test_park(make_pair: MakePair) -> None:
    pair = prepared(make_pair, conflicts="park", both_ways=False)
    pair.a.run("UPDATE item SET x = 'of a', name = 'by a'")
    pair.b.run("UPDATE item SET x = 'of b'")
    pair.forth()
    pair.a.run("UPDATE item SET y = 9")
    pair.forth()
    assert pair.b.rows(ROWS) == [("one", "of b", 1)]
    assert [(p.op, p.reason) for p in pair.b.parked()] == [("U", "conflict"), ("U", "queued")]
    assert pair.b.parked()[0].message == "both sides changed x"
    assert pair.b.conflicts() == [Conflict("update", "item", "x", "old", "of a", "of b", "parked")]
    assert pair.retry().changes == 0  # nothing has changed; the two of them are one by now
    assert [p.reason for p in pair.b.parked()] == ["conflict"]
    assert pair.b.rows(ROWS) == [("one", "of b", 1)]
    pair.b.run("UPDATE item SET x = 'old'")  # settled by hand: the source's change may come
    assert pair.retry().parked == 0
    assert pair.assert_same(ROWS) == [("by a", "of a", 9)]
    assert pair.b.parked() == []


def test_a_policy_for_each_table_and_column(make_pair: MakePair) -> None:
    pair = prepared(
        make_pair,
        conflicts="park",
        rules=[{"table": "item", "conflicts": {"x": "source", "y": "target"}}, {"table": "it*", "conflicts": "latest"}],
        both_ways=False,
    )
    pair.b.run("UPDATE item SET x = 'of b', y = 20, name = 'by b'")
    pair.a.run("UPDATE item SET x = 'of a', y = 10, name = 'by a'")
    pair.forth()
    assert pair.b.rows(ROWS) == [("by a", "of a", 20)]
    assert {(c.column, c.winner) for c in pair.b.conflicts()} == {("name", "source"), ("x", "source"), ("y", "target")}
    assert pair.b.rows("SELECT DISTINCT policy FROM ucrepl.conflict ORDER BY 1") == [
        ("latest",),
        ("source",),
        ("target",),
    ]


def test_conflicts_with_nulls(shared: Pair) -> None:
    shared.a.run("UPDATE item SET x = NULL")
    shared.b.run("UPDATE item SET x = 'of b'")
    shared.a.run("UPDATE item SET y = NULL")
    shared.settle()
    assert shared.assert_same(ROWS) == [("one", "of b", None)]
    shared.a.run("UPDATE item SET x = 'of a'")
    shared.b.run("UPDATE item SET x = NULL")
    shared.settle()
    assert shared.assert_same(ROWS) == [("one", None, None)]
    assert [c[3:] for c in shared.b.conflicts()] == [
        ("old", None, "of b", "target"),
        ("of b", "of a", None, "target"),
    ]


def test_references_are_compared_as_the_records_that_they_mean(make_pair: MakePair) -> None:
    pair = make_pair(
        "CREATE TABLE up (id serial PRIMARY KEY, name text);"
        "CREATE TABLE item (id serial PRIMARY KEY, name text, up_id int REFERENCES up)"
    )
    pair.b.run("SELECT setval('up_id_seq', 1000)")
    pair.a.run("INSERT INTO up (name) VALUES ('p'), ('q'), ('r'); INSERT INTO item (name, up_id) VALUES ('one', 1)")
    pair.settle()
    choose = "UPDATE item SET up_id = (SELECT id FROM up WHERE name = '{}')"
    pair.a.run(choose.format("q"))
    pair.b.run(choose.format("q"))  # the same record, another id
    pair.settle()
    pair.assert_clean()
    pair.a.run(choose.format("p"))
    pair.b.run(choose.format("r"))
    pair.settle()
    assert pair.assert_same("SELECT up.name FROM item JOIN up ON up.id = up_id") == [("r",)]
    assert [c.column for c in pair.b.conflicts()] == ["up_id"]


def test_a_change_of_a_record_that_the_target_has_deleted(in_both_modes: Pair) -> None:
    shared = in_both_modes
    shared.b.run("DELETE FROM item")
    shared.a.run("UPDATE item SET x = 'of a', y = 3")
    shared.forth()
    assert shared.b.conflicts() == [Conflict("deleted", "item", None, None, None, None, "target")]
    assert shared.b.parked() == []
    shared.settle()
    assert shared.assert_same(ROWS) == []


def test_a_change_of_a_deleted_record_can_be_parked(make_pair: MakePair) -> None:
    pair = prepared(make_pair, deleted="park", both_ways=False)
    pair.b.run("DELETE FROM item")
    pair.a.run("UPDATE item SET x = 'of a'")
    pair.forth()
    [change] = pair.b.parked()
    assert (change.op, change.reason) == ("U", "conflict")
    assert "was changed on the source and deleted here" in change.message
    assert pair.b.conflicts() == [Conflict("deleted", "item", None, None, None, None, "parked")]


def test_both_sides_delete(in_both_modes: Pair) -> None:
    shared = in_both_modes
    shared.run("DELETE FROM item")
    shared.settle()
    assert shared.assert_same(ROWS) == []
    assert shared.a.pairs("item") == shared.b.pairs("item") == []
    shared.assert_clean()


def test_a_new_record_that_both_sides_have_made(make_pair: MakePair) -> None:
    pair = make_pair(ITEM, rules=[{"table": "item", "keys": [["name"]]}])
    pair.b.run("SELECT setval('item_id_seq', 1000)")
    pair.a.run("INSERT INTO item (name, x, y) VALUES ('one', 'of a', 1)")
    pair.b.run("INSERT INTO item (name, x, y) VALUES ('one', 'of b', 1)")
    pair.settle()
    assert pair.assert_same(ROWS) == [("one", "of b", 1)]
    assert pair.a.pairs("item") == [(local, remote) for remote, local in pair.b.pairs("item")]
    seen = [*pair.a.conflicts(), *pair.b.conflicts()]
    assert {(c.kind, c.column) for c in seen} == {("insert", "x")}
    assert [*pair.a.parked(), *pair.b.parked()] == []


def test_many_conflicts_in_one_batch(make_pair: MakePair) -> None:
    pair = make_pair(ITEM)
    pair.b.run("SELECT setval('item_id_seq', 1000)")
    pair.a.run("INSERT INTO item (name, x, y) SELECT 'n' || n, 'old', 0 FROM generate_series(1, 300) AS n")
    pair.settle()
    pair.a.run("UPDATE item SET x = 'a', y = id WHERE id % 3 <> 0")
    pair.b.run("UPDATE item SET x = 'b' WHERE substr(name, 2)::int % 3 <> 1")
    pair.a.run("UPDATE item SET x = 'A' WHERE id % 2 = 0")
    pair.settle()
    rows = pair.assert_same(ROWS)
    expected = {"A": 150, "a": 50, "b": 100}
    for n in (1, 2, 3, 5):
        [(x,)] = pair.a.rows("SELECT x FROM item WHERE name = %s", f"n{n}")
        assert x == {1: "a", 2: "A", 3: "b", 5: "b"}[n]
    assert {x: sum(row[1] == x for row in rows) for x in expected} == expected
    assert len(pair.b.conflicts()) == 150
