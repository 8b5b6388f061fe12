"""Protection levels: how far a column of the target may be changed by the source."""

import pytest

from tests.integration.links import MakePair, Pair

KINDS = {
    "text": ("'a'", "'b'", "'local'", ["NULL", "''"]),
    "varchar(20)": ("'a'", "'b'", "'local'", ["NULL", "''"]),
    "char(5)": ("'a'", "'b'", "'local'", ["NULL", "''", "'     '"]),
    "int": ("1", "2", "7", ["NULL", "0"]),
    "numeric(9,2)": ("1.10", "2", "7", ["NULL", "0.00"]),
    "float8": ("1.5", "2", "7", ["NULL", "0"]),
    "date": ("'2024-01-01'", "'2024-01-02'", "'2000-01-01'", ["NULL"]),
    "boolean": ("true", "false", "true", ["NULL"]),
    "jsonb": ("'{\"a\": 1}'", "'{}'", "'[]'", ["NULL"]),
}
"""Type -> a value, another one, one of the target's own, and all that counts as empty."""


def item(make_pair: MakePair, kind: str, level: int, **more: object) -> Pair:
    return make_pair(
        f"CREATE TABLE item (id serial PRIMARY KEY, name text, x {kind})",
        rules=[{"table": "item", "protect": {"x": level}}],
        **more,
    )


def there(pair: Pair) -> object:
    """The target's value, as text."""
    return pair.b.value("SELECT x::text FROM item")


def as_text(pair: Pair, value: str, kind: str) -> object:
    return pair.b.value(f"SELECT ({value})::{kind}::text")


def set_locally(pair: Pair, value: str) -> None:
    """Give the target another value that nobody hears of."""
    pair.b.run(f"SET ucrepl.origin = 'x'; UPDATE item SET x = {value}; RESET ucrepl.origin")


@pytest.mark.parametrize("kind", KINDS)
def test_levels_1_to_3(make_pair: MakePair, kind: str) -> None:
    """One pair serves for three levels of a type: the rules are changed on the way."""
    first, second, local, empties = KINDS[kind]
    pair = item(make_pair, kind, 1)
    pair.a.run(f"INSERT INTO item (name, x) VALUES ('one', {first})")
    pair.forth()
    assert there(pair) == as_text(pair, first, kind)  # a new record comes as it is

    for empty in empties:  # 1: never with an empty value
        pair.a.run(f"UPDATE item SET x = {empty}, name = name || '.'")
        pair.forth()
        assert there(pair) == as_text(pair, first, kind)
    pair.a.run(f"UPDATE item SET x = {second}")
    pair.forth()
    assert there(pair) == as_text(pair, second, kind)

    pair.configure(rules=[{"table": "item", "protect": {"x": 2}}])  # 2: only while the local value is empty
    pair.a.run(f"UPDATE item SET x = {first}, name = 'two'")
    pair.forth()
    assert there(pair) == as_text(pair, second, kind)
    for empty in empties:
        set_locally(pair, empty)
        pair.a.run(f"UPDATE item SET x = {second}; UPDATE item SET x = {first}")
        pair.forth()
        assert there(pair) == as_text(pair, first, kind)

    pair.configure(rules=[{"table": "item", "protect": {"x": 3}}])  # 3: never
    for empty in [*empties, local]:
        set_locally(pair, empty)
        pair.a.run(f"UPDATE item SET x = {second}; UPDATE item SET x = {first}, name = name || '!'")
        pair.forth()
        assert there(pair) == as_text(pair, empty, kind)
    assert pair.assert_same("SELECT name FROM item") == [("two" + "!" * len([*empties, local]),)]
    pair.assert_clean()


def test_level_0_is_no_protection(make_pair: MakePair) -> None:
    pair = item(make_pair, "text", 0)
    pair.a.run("INSERT INTO item (x) VALUES ('a')")
    pair.forth()
    for value in ("'b'", "''", "NULL"):
        pair.a.run(f"UPDATE item SET x = {value}")
        pair.forth()
        pair.assert_same("SELECT x FROM item")
    pair.assert_clean()


def test_level_4_is_a_counter_that_only_goes_up(make_pair: MakePair) -> None:
    pair = item(make_pair, "int", 4)
    pair.a.run("INSERT INTO item (x) VALUES (5)")
    pair.settle()
    seen = []
    for value in ("7", "3", "NULL", "0", "9"):
        pair.a.run(f"UPDATE item SET x = {value}")
        pair.forth()
        seen.append(pair.b.value("SELECT x FROM item"))
    assert seen == [7, 7, 7, 7, 9]
    set_locally(pair, "NULL")
    pair.a.run("UPDATE item SET x = 2")
    pair.forth()
    assert pair.b.value("SELECT x FROM item") == 2
    pair.assert_clean()


def test_a_counter_that_both_sides_count_comes_to_the_same(make_pair: MakePair) -> None:
    pair = item(make_pair, "int", 4)
    pair.a.run("INSERT INTO item (x) VALUES (5)")
    pair.settle()
    pair.a.run("UPDATE item SET x = 8")
    pair.b.run("UPDATE item SET x = 11")
    pair.settle()
    assert pair.assert_same("SELECT x FROM item") == [(11,)]
    pair.assert_clean()


@pytest.mark.parametrize(("level", "expected"), [(0, "a"), (1, "a"), (2, "local"), (3, "local"), (4, "local")])
def test_protection_of_a_record_that_a_new_one_is_recognised_as(make_pair: MakePair, level: int, expected: str) -> None:
    pair = make_pair(
        "CREATE TABLE item (id serial PRIMARY KEY, name text, x text)",
        rules=[{"table": "item", "protect": {"x": level}, "keys": [["name"]]}],
        installed=False,
    )
    pair.b.run("INSERT INTO item (name, x) VALUES ('one', 'local')")
    pair.install()
    pair.a.run("INSERT INTO item (name, x) VALUES ('one', 'a')")
    pair.forth()
    assert pair.b.rows("SELECT name, x FROM item") == [("one", expected)]
    pair.assert_clean()


def test_a_protected_column_beside_others_in_one_batch(make_pair: MakePair) -> None:
    """Rows with all columns and rows with some of them, in the set-based and in the careful way."""
    pair = make_pair(
        "CREATE TABLE item (id serial PRIMARY KEY, name text, x text, y text, z int)",
        rules=[{"table": "item", "protect": {"x": 3, "y": 1, "z": 4}}],
    )
    pair.a.run("INSERT INTO item (name, x, y, z) SELECT n::text, 'x', 'y', 5 FROM generate_series(1, 4) AS n")
    pair.forth()
    pair.b.run("UPDATE item SET name = 'disputed' WHERE name = '4'")
    pair.a.run(
        "UPDATE item SET x = 'X', y = '', z = 4 WHERE name = '1'; UPDATE item SET y = 'Y', z = 6 WHERE name = '2'"
    )
    pair.a.run(
        "UPDATE item SET x = 'X' WHERE name = '3'; UPDATE item SET name = 'four', x = 'X', y = NULL, z = 7"
        " WHERE name = '4'"
    )
    pair.forth()
    assert pair.b.rows("SELECT name, x, y, z FROM item ORDER BY id") == [
        ("1", "x", "y", 5),
        ("2", "x", "Y", 6),
        ("3", "x", "y", 5),
        ("four", "x", "y", 7),
    ]
    assert [c.column for c in pair.b.conflicts()] == ["name"]


def test_a_rule_of_the_link_goes_before_one_for_all(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE item (id serial PRIMARY KEY, x text, y text)")
    pair.configure(
        rules=[{"table": "it*", "protect": {"x": 3, "y": 3}}], link_rules=[{"table": "item", "protect": {"x": 0}}]
    )
    pair.a.run("INSERT INTO item (x, y) VALUES ('a', 'a')")
    pair.forth()
    pair.a.run("UPDATE item SET x = 'b', y = 'b'")
    pair.forth()
    assert pair.b.rows("SELECT x, y FROM item") == [("b", "a")]


def test_a_protected_reference(make_pair: MakePair) -> None:
    pair = make_pair(
        "CREATE TABLE up (id serial PRIMARY KEY, name text);"
        "CREATE TABLE item (id serial PRIMARY KEY, up_id int REFERENCES up)",
        rules=[{"table": "item", "protect": {"up_id": 2}}],
    )
    pair.b.run("INSERT INTO up (name) VALUES ('of b')")
    pair.a.run("INSERT INTO up (name) VALUES ('one'), ('two'); INSERT INTO item (up_id) VALUES (NULL)")
    pair.forth()
    for n in (1, 2):
        pair.a.run(f"UPDATE item SET up_id = {n}")
        pair.forth()
    assert pair.b.rows("SELECT name FROM item JOIN up ON up.id = up_id") == [("one",)]
    pair.assert_clean()
