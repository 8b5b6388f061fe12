"""Changes that can only be applied in the order in which they were made: unique values, keys, TRUNCATE."""

import pytest

from tests.integration.links import MakePair, Pair

SEAT = "CREATE TABLE seat (id serial PRIMARY KEY, place text UNIQUE, guest text)"
SEATS = "SELECT place, guest FROM seat ORDER BY guest"


@pytest.fixture
def seats(make_pair: MakePair) -> Pair:
    """Three guests at three places; b has had others before."""
    pair = make_pair(SEAT)
    pair.b.run("INSERT INTO seat (place) VALUES ('x'); DELETE FROM seat")
    pair.a.run("INSERT INTO seat (place, guest) VALUES ('a', 'ann'), ('b', 'bob'), ('c', 'cyd')")
    pair.forth()
    return pair


def move(guest: str, place: str) -> str:
    return f"UPDATE seat SET place = '{place}' WHERE guest = '{guest}'"


@pytest.mark.parametrize(
    "moves",
    [
        (("ann", "tmp"), ("bob", "a"), ("ann", "b")),
        (("ann", "tmp"), ("bob", "a"), ("cyd", "b"), ("ann", "c")),
        (("cyd", "tmp"), ("bob", "c"), ("ann", "b"), ("cyd", "a")),
    ],
    ids=["swap", "cycle of three", "the other cycle"],
)
@pytest.mark.parametrize("kind", ["one transaction", "several", "with other changes"])
def test_unique_values_that_go_round(seats: Pair, moves: tuple[tuple[str, str], ...], kind: str) -> None:
    statements = [move(*one) for one in moves]
    if kind == "with other changes":
        statements = [
            "INSERT INTO seat (place, guest) VALUES ('d', 'dan')",
            *statements,
            "UPDATE seat SET guest = 'bo' WHERE guest = 'bob'",
            "DELETE FROM seat WHERE guest = 'dan'",
            "INSERT INTO seat (place, guest) VALUES ('d', 'eve')",
        ]
    if kind == "several":
        for statement in statements:
            seats.a.run(statement)
    else:
        seats.a.run("; ".join(statements))
    assert len(seats.forth().batches) == 1
    seats.assert_same(SEATS)
    seats.assert_clean()


def test_a_unique_value_freed_by_a_delete_is_used_again(seats: Pair) -> None:
    seats.a.run("DELETE FROM seat WHERE place = 'b'; INSERT INTO seat (place, guest) VALUES ('b', 'new')")
    seats.a.run("DELETE FROM seat WHERE place = 'a'; UPDATE seat SET place = 'a' WHERE place = 'c'")
    seats.forth()
    assert seats.assert_same(SEATS) == [("a", "cyd"), ("b", "new")]
    seats.assert_clean()


def test_a_unique_value_freed_by_an_update_is_used_again(seats: Pair) -> None:
    seats.a.run("UPDATE seat SET place = NULL WHERE place = 'b'; INSERT INTO seat (place, guest) VALUES ('b', 'new')")
    seats.forth()
    assert seats.assert_same(SEATS) == [("a", "ann"), (None, "bob"), ("c", "cyd"), ("b", "new")]
    seats.assert_clean()


def test_a_swap_in_one_statement_where_the_constraint_is_deferrable(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE seat (id serial PRIMARY KEY, place int UNIQUE DEFERRABLE, guest text)")
    pair.a.run("INSERT INTO seat (place, guest) VALUES (1, 'ann'), (2, 'bob')")
    pair.forth()
    pair.a.run("UPDATE seat SET place = 3 - place")
    pair.forth()
    assert pair.assert_same("SELECT place, guest FROM seat ORDER BY 1") == [(1, "bob"), (2, "ann")]
    pair.a.run("UPDATE seat SET id = 9 WHERE place = 1; UPDATE seat SET place = 3 - place")
    pair.forth()
    assert pair.assert_same("SELECT place, guest FROM seat ORDER BY 1") == [(1, "ann"), (2, "bob")]
    pair.assert_clean()


DEFERRED = """
    CREATE TABLE up (id serial PRIMARY KEY, name text);
    CREATE TABLE down (
        id serial PRIMARY KEY, name text,
        up_id int NOT NULL REFERENCES up DEFERRABLE INITIALLY DEFERRED,
        place int UNIQUE DEFERRABLE INITIALLY DEFERRED
    );
"""


def test_children_written_before_their_parents(make_pair: MakePair) -> None:
    pair = make_pair(DEFERRED)
    pair.a.run("INSERT INTO down (name, up_id, place) VALUES ('d', 5, 1); INSERT INTO up (id, name) VALUES (5, 'u')")
    pair.forth()
    assert pair.assert_same("SELECT d.name, u.name FROM down AS d JOIN up AS u ON u.id = up_id") == [("d", "u")]
    # The same in a transaction that can't be applied as a whole.
    pair.a.run(
        "INSERT INTO down (name, up_id, place) VALUES ('e', 6, 2); UPDATE down SET id = 70 WHERE name = 'd';"
        "INSERT INTO up (id, name) VALUES (6, 'v')"
    )
    pair.forth()
    assert ("e", "v") in pair.assert_same(
        "SELECT d.name, u.name FROM down AS d JOIN up AS u ON u.id = up_id ORDER BY 1"
    )
    pair.assert_clean()


def test_what_a_deferred_constraint_refuses_is_parked_alone(make_pair: MakePair) -> None:
    pair = make_pair(DEFERRED)
    pair.b.run("INSERT INTO up (name) VALUES ('of b'); INSERT INTO down (name, up_id, place) VALUES ('of b', 1, 7)")
    pair.back()  # what is in a pair is not taken for another record
    pair.a.run("SET ucrepl.origin = 'x'; UPDATE down SET place = 8; RESET ucrepl.origin")
    pair.a.run("INSERT INTO down (name, up_id, place) VALUES ('good', 1, 1), ('bad', 1, 7), ('good too', 1, 2)")
    pair.forth()
    assert pair.b.column("SELECT name FROM down ORDER BY 1") == ["good", "good too", "of b"]
    assert [(p.table, p.op, p.reason, p.sqlstate) for p in pair.b.parked()] == [("down", "I", "error", "23505")]


FAMILY = """
    CREATE TABLE up (id serial PRIMARY KEY, name text);
    CREATE TABLE down (id serial PRIMARY KEY, name text, up_id int REFERENCES up ON UPDATE CASCADE ON DELETE CASCADE);
    CREATE TABLE code (k text PRIMARY KEY, name text);
    CREATE TABLE use (id serial PRIMARY KEY, k text REFERENCES code ON UPDATE CASCADE ON DELETE SET NULL, name text);
    CREATE TABLE link (
        k text REFERENCES code ON UPDATE CASCADE, up_id int REFERENCES up ON UPDATE CASCADE, PRIMARY KEY (k, up_id)
    );
"""
DOWNS = "SELECT d.name, u.name FROM down AS d LEFT JOIN up AS u ON u.id = up_id ORDER BY 1"
USES = "SELECT u.name, u.k, c.name FROM use AS u LEFT JOIN code AS c USING (k) ORDER BY 1"
LINKS = "SELECT k, u.name FROM link JOIN up AS u ON u.id = up_id ORDER BY 1, 2"


@pytest.fixture
def family(make_pair: MakePair) -> Pair:
    """Parents and children by ids and by codes, with other ids on b."""
    pair = make_pair(FAMILY)
    pair.b.run("INSERT INTO up (name) VALUES ('of b'); INSERT INTO down (name, up_id) VALUES ('of b', 1)")
    pair.a.run("INSERT INTO up (name) VALUES ('one'), ('two'); INSERT INTO code VALUES ('a', 'A'), ('b', 'B')")
    pair.a.run("INSERT INTO down (name, up_id) VALUES ('d1', 1), ('d2', 2); INSERT INTO link VALUES ('a', 1), ('b', 2)")
    pair.a.run("INSERT INTO use (k, name) VALUES ('a', 'u1'), ('b', 'u2')")
    pair.settle()
    return pair


def assert_family(pair: Pair) -> None:
    for query in (DOWNS, USES, LINKS):
        pair.assert_same(query)
    pair.assert_clean()


@pytest.mark.parametrize("together", [True, False], ids=["in one transaction", "in several"])
def test_an_id_is_changed_with_all_that_refers_to_it(family: Pair, *, together: bool) -> None:
    statements = [
        "UPDATE up SET id = 50 WHERE name = 'one'",
        "UPDATE up SET name = 'uno' WHERE id = 50",
        "INSERT INTO down (name, up_id) VALUES ('d3', 50)",
        "UPDATE down SET id = 70, name = 'd one' WHERE name = 'd1'",
    ]
    if together:
        family.a.run(";".join(statements))
    else:
        for statement in statements:
            family.a.run(statement)
    family.forth()
    assert_family(family)
    assert ("d one", "uno") in family.b.rows(DOWNS)
    # The peer's own changes find the record under its new id.
    family.b.run(
        "UPDATE up SET name = 'eins' WHERE name = 'uno'; INSERT INTO down (name, up_id) SELECT 'd4', id FROM up"
        " WHERE name = 'eins'"
    )
    family.settle()
    assert family.a.value("SELECT name FROM up WHERE id = 50") == "eins"
    assert_family(family)
    for table in ("up", "down"):
        assert sorted(family.a.pairs(table)) == sorted((local, remote) for remote, local in family.b.pairs(table))


def test_the_peer_changes_the_id_of_a_record_that_it_was_sent(family: Pair) -> None:
    family.b.run("UPDATE up SET id = 500 WHERE name = 'two'")
    family.a.run("UPDATE up SET name = 'zwei' WHERE name = 'two'")
    family.settle()
    assert family.b.value("SELECT name FROM up WHERE id = 500") == "zwei"
    family.b.run("UPDATE up SET name = 'deux' WHERE id = 500")
    family.settle()
    assert ("d2", "deux") in family.assert_same(DOWNS)
    assert_family(family)


def test_ids_are_swapped(family: Pair) -> None:
    family.a.run(
        "UPDATE up SET id = 99 WHERE id = 1; UPDATE up SET id = 1 WHERE id = 2; UPDATE up SET id = 2 WHERE id = 99"
    )
    family.settle()
    assert family.assert_same(DOWNS)[0] == ("d1", "one")
    family.a.run("UPDATE up SET name = 'first' WHERE id = 2")
    family.settle()
    assert ("d1", "first") in family.assert_same(DOWNS)
    assert_family(family)


def test_the_id_of_a_deleted_record_is_given_to_another(family: Pair) -> None:
    family.a.run("DELETE FROM link; DELETE FROM up WHERE name = 'two'")
    family.forth()
    family.a.run("UPDATE up SET id = 2 WHERE name = 'one'")
    family.settle()
    family.a.run("UPDATE up SET name = 'uno' WHERE id = 2")
    family.settle()
    assert ("d1", "uno") in family.assert_same(DOWNS)
    assert_family(family)


@pytest.mark.parametrize("together", [True, False], ids=["in one transaction", "in several"])
def test_a_natural_key_is_changed_with_all_that_refers_to_it(family: Pair, *, together: bool) -> None:
    statements = [
        "UPDATE code SET k = 'z', name = 'Z' WHERE k = 'a'",
        "UPDATE use SET name = 'uz' WHERE k = 'z'",
        "UPDATE code SET k = 'a' WHERE k = 'b'",
        "INSERT INTO use (k, name) VALUES ('a', 'u3')",
        "UPDATE link SET k = 'z' WHERE k = 'a'",
    ]
    if together:
        family.a.run(";".join(statements))
    else:
        for statement in statements:
            family.a.run(statement)
    family.forth()
    assert family.assert_same(USES) == [("u2", "a", "B"), ("u3", "a", "B"), ("uz", "z", "Z")]
    assert_family(family)


def test_a_changed_natural_key_of_a_record_that_is_not_here_is_not_lost_silently(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE code (k text PRIMARY KEY, name text)", installed=False)
    pair.a.run("INSERT INTO code VALUES ('a', 'A')")
    pair.install()
    pair.a.run("UPDATE code SET k = 'b'")
    assert pair.forth().applied == 0
    assert [(p.op, p.key, p.reason) for p in pair.b.parked()] == [("K", "a", "missing")]


def test_truncate_of_parents_and_children(family: Pair) -> None:
    family.b.run("INSERT INTO up (name) VALUES ('stays')")
    family.b.run("TRUNCATE ucrepl.journal")  # unknown to a, so that a's TRUNCATE does not mean it
    family.a.run(
        "TRUNCATE up, down, link RESTART IDENTITY; INSERT INTO up (name) VALUES ('anew'); INSERT INTO down"
        " (name, up_id) VALUES ('child', 1)"
    )
    family.forth()
    assert family.b.rows(DOWNS) == [("child", "anew")]
    assert family.b.column("SELECT name FROM up ORDER BY 1") == ["anew", "stays"]
    assert family.b.rows(LINKS) == []
    family.assert_clean()


@pytest.mark.parametrize("statement", ["TRUNCATE up, down, link", "TRUNCATE down, link, up", "TRUNCATE up CASCADE"])
def test_truncate_in_any_order(family: Pair, statement: str) -> None:
    family.a.run(statement)
    family.settle()
    assert family.assert_same(DOWNS) == family.assert_same("SELECT name FROM up") == []
    assert family.b.pairs("up") == []
    assert_family(family)
    family.a.run("INSERT INTO up (id, name) VALUES (1, 'again')")
    family.settle()
    assert family.assert_same("SELECT name FROM up") == [("again",)]
    assert_family(family)


def test_truncate_amid_other_changes_in_one_batch(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE t (id serial PRIMARY KEY, n int); CREATE TABLE k (n int PRIMARY KEY, v int)")
    pair.a.run("INSERT INTO t (n) VALUES (1), (2); INSERT INTO k VALUES (1, 1)")
    pair.a.run("TRUNCATE t; INSERT INTO t (n) VALUES (3)")
    pair.a.run(
        "UPDATE t SET n = 4; TRUNCATE k; INSERT INTO k VALUES (1, 2), (2, 2); TRUNCATE t; INSERT INTO t (n) VALUES (5)"
    )
    pair.forth()
    assert pair.assert_same("SELECT n FROM t") == [(5,)]
    assert pair.assert_same("SELECT * FROM k ORDER BY 1") == [(1, 2), (2, 2)]
    pair.assert_clean()


def test_restrict_and_no_action_in_a_tree_of_one_table(make_pair: MakePair) -> None:
    pair = make_pair("""
        CREATE TABLE node (id serial PRIMARY KEY, name text, up_id int REFERENCES node ON DELETE RESTRICT);
        CREATE TABLE leaf (id serial PRIMARY KEY, node_id int NOT NULL REFERENCES node ON DELETE RESTRICT);
    """)
    pair.b.run("INSERT INTO node (name) VALUES ('of b')")
    pair.a.run("INSERT INTO node (name, up_id) SELECT n::text, nullif(n / 2, 0) FROM generate_series(1, 15) AS n")
    pair.a.run("INSERT INTO leaf (node_id) SELECT id FROM node WHERE id > 7")
    pair.settle()
    names = "SELECT n.name, u.name FROM node AS n LEFT JOIN node AS u ON u.id = n.up_id ORDER BY n.name"
    assert len(pair.assert_same(names)) == 16
    pair.a.run(
        "DELETE FROM leaf; DELETE FROM node WHERE name <> 'of b' AND id > 7; DELETE FROM node WHERE name IN"
        " ('4', '5', '6', '7'); DELETE FROM node WHERE name IN ('2', '3')"
    )
    assert not pair.forth().finer
    assert len(pair.assert_same(names)) == 2
    pair.assert_clean()
