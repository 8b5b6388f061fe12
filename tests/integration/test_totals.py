"""Tables whose rows are totals: differences are added on the other side, whatever rows either side keeps them in."""

from typing import Any

import pytest

from tests.integration.links import MakePair, Pair, part_ids
from ucrepl.link.check import Finding, run_checks
from ucrepl.link.nodes import Nodes

TABLES = """
    CREATE TABLE product (id serial PRIMARY KEY, name text UNIQUE);
    CREATE TABLE place (id serial PRIMARY KEY, name text UNIQUE);
    CREATE TABLE stock (
        id serial PRIMARY KEY,
        product_id int NOT NULL REFERENCES product ON DELETE RESTRICT,
        place_id int REFERENCES place ON DELETE RESTRICT,
        lot text,
        quantity numeric,
        reserved float8 NOT NULL DEFAULT 0,
        counted numeric,
        since timestamp NOT NULL DEFAULT now()
    );
    CREATE INDEX ON stock (product_id);
    CREATE TABLE note (id serial PRIMARY KEY, stock_id int REFERENCES stock ON DELETE SET NULL, text text);
"""
RULES: list[dict[str, Any]] = [
    {"table": "stock", "totals": {"by": ["product_id", "place_id", "lot"], "sum": ["quantity", "reserved"]}},
    {"table": "product", "keys": [["name"]]},
    {"table": "place", "keys": [["name"]]},
]
SUMS = """
    SELECT p.name, l.name, s.lot, sum(s.quantity), sum(s.reserved::numeric)
    FROM stock AS s JOIN product AS p ON p.id = s.product_id LEFT JOIN place AS l ON l.id = s.place_id
    GROUP BY 1, 2, 3 HAVING sum(s.quantity) <> 0 OR sum(s.reserved) <> 0 ORDER BY 1, 2, 3
"""


def made(make_pair: MakePair, **configuration: object) -> Pair:
    """Two sides that know the same products and places, and have handed out other ids for them."""
    pair = make_pair(TABLES, **{"rules": RULES, **configuration})
    part_ids(pair, "product_id_seq", "place_id_seq", "stock_id_seq")
    pair.a.run(
        "INSERT INTO product (name) VALUES ('apple'), ('pear'); INSERT INTO place (name) VALUES ('shelf'), ('cellar')"
    )
    pair.settle()
    return pair


def stock(pair: Pair, side: str, product: str, place: str | None, quantity: float, reserved: float = 0) -> None:
    pair.side(side).run(
        "INSERT INTO stock (product_id, place_id, quantity, reserved) VALUES ((SELECT id FROM product WHERE name = %s),"
        " (SELECT id FROM place WHERE name = %s), %s, %s)",
        product,
        place,
        quantity,
        reserved,
    )


def settled(pair: Pair) -> list[tuple[object, ...]]:
    """The sums, the same on both sides once all is replayed; nothing is parked or in conflict."""
    pair.settle()
    for side in (pair.a, pair.b):
        assert side.parked() == []
        assert side.conflicts() == []
    return pair.assert_same(SUMS)


def test_an_insert_an_update_and_a_delete(make_pair: MakePair) -> None:
    pair = made(make_pair)
    stock(pair, "turin", "apple", "shelf", 100)
    assert settled(pair) == [("apple", "shelf", None, 100, 0)]
    pair.a.run("UPDATE stock SET quantity = quantity - 7, reserved = 2")
    assert settled(pair) == [("apple", "shelf", None, 93, 2)]
    pair.b.run("UPDATE stock SET quantity = quantity - 3, reserved = reserved - 2")
    assert settled(pair) == [("apple", "shelf", None, 90, 0)]
    pair.a.run("DELETE FROM stock")
    assert settled(pair) == []
    assert pair.b.rows("SELECT quantity, reserved FROM stock") == [(0, 0)]  # it is left to its own Odoo
    assert pair.b.pairs("stock") == []


def test_both_sides_at_once(make_pair: MakePair) -> None:
    """Each makes a row of its own, or changes the one that it has: what they did adds up."""
    pair = made(make_pair)
    stock(pair, "turin", "apple", "shelf", 5)
    stock(pair, "milan", "apple", "shelf", 3, 1)
    stock(pair, "milan", "pear", None, 2)
    assert settled(pair) == [("apple", "shelf", None, 8, 1), ("pear", None, None, 2, 0)]
    for side, taken in ((pair.a, 4), (pair.b, 2)):
        side.run("UPDATE stock SET quantity = quantity - %s WHERE lot IS NULL AND place_id IS NOT NULL", taken)
    assert settled(pair) == [("apple", "shelf", None, 2, 1), ("pear", None, None, 2, 0)]
    assert pair.a.value("SELECT count(*) FROM stock") == pair.b.value("SELECT count(*) FROM stock") == 2


def test_rows_are_moved_and_merged(make_pair: MakePair) -> None:
    """A row goes to another combination, and several become one, as an Odoo merges its quants."""
    pair = made(make_pair)
    for quantity in (5, 7, 1):
        stock(pair, "turin", "apple", "shelf", quantity)
    stock(pair, "milan", "apple", "shelf", 10)
    settled(pair)
    pair.a.run("""
        BEGIN;
        UPDATE stock SET quantity = (SELECT sum(quantity) FROM stock) WHERE id = (SELECT min(id) FROM stock);
        DELETE FROM stock WHERE id > (SELECT min(id) FROM stock);
        COMMIT
    """)
    assert settled(pair) == [("apple", "shelf", None, 23, 0)]
    pair.b.run("UPDATE stock SET lot = 'L1', place_id = (SELECT id FROM place WHERE name = 'cellar')")
    assert settled(pair) == [("apple", "cellar", "L1", 23, 0)]
    pair.a.run("UPDATE stock SET lot = 'L2' WHERE lot = 'L1'; UPDATE stock SET lot = 'L1' WHERE lot = 'L2'")
    pair.a.run("UPDATE stock SET lot = 'L3', quantity = quantity - 3 WHERE lot = 'L1'")
    pair.a.run("UPDATE stock SET id = id + 5000 WHERE lot = 'L3'")
    assert settled(pair) == [("apple", "cellar", "L3", 20, 0)]


def test_a_truncate_takes_all_away(make_pair: MakePair) -> None:
    pair = made(make_pair)
    stock(pair, "turin", "apple", "shelf", 5)
    stock(pair, "milan", "pear", "shelf", 2)
    settled(pair)
    stock(pair, "milan", "apple", "shelf", 1)  # turin does not know of it yet
    pair.a.run("TRUNCATE stock CASCADE")
    stock(pair, "turin", "pear", "cellar", 4)
    assert settled(pair) == [("apple", "shelf", None, 1, 0), ("pear", "cellar", None, 4, 0)]


def test_what_is_no_sum_is_a_value(make_pair: MakePair) -> None:
    """Of an update it is taken over, unless it was changed later here; a new row has all of it."""
    pair = made(make_pair)
    pair.a.run(
        "INSERT INTO stock (product_id, quantity, counted, since) SELECT id, 1, 3, '2024-02-01' FROM product"
        " WHERE name = 'apple'"
    )
    pair.settle()
    assert pair.b.rows("SELECT counted, since::date::text FROM stock") == [(3, "2024-02-01")]
    pair.a.run("UPDATE stock SET counted = 4")
    pair.b.run("UPDATE stock SET counted = 5, quantity = 2")
    pair.settle()
    assert pair.assert_same("SELECT quantity, counted FROM stock") == [(2, 5)]


def test_an_unknown_record_is_waited_for(make_pair: MakePair) -> None:
    """What belongs to a product that could not be made is parked, and adds up once when it is there."""
    pair = made(make_pair)
    stock(pair, "turin", "apple", "shelf", 1)
    settled(pair)
    pair.b.run("ALTER TABLE product ADD CHECK (name <> 'plum')")
    pair.a.run("INSERT INTO product (name) VALUES ('plum')")
    stock(pair, "turin", "plum", "shelf", 5)
    pair.a.run("UPDATE stock SET quantity = quantity + 2")
    pair.settle()
    assert {parked.reason for parked in pair.b.parked() if parked.table == "stock"} == {"unresolved"}
    assert pair.b.rows(SUMS) == [("apple", "shelf", None, 3, 0)]
    pair.a.run("UPDATE stock SET quantity = quantity + 10")
    pair.settle()
    pair.b.run("ALTER TABLE product DROP CONSTRAINT product_name_check")
    assert pair.retry().parked == 0
    assert settled(pair) == [("apple", "shelf", None, 13, 0), ("plum", "shelf", None, 17, 0)]
    pair.retry()
    assert settled(pair) == [("apple", "shelf", None, 13, 0), ("plum", "shelf", None, 17, 0)]


def test_the_finer_grain_adds_once(make_pair: MakePair) -> None:
    """A batch in which something else fails is applied in parts, and every difference with one of them."""
    pair = made(make_pair)
    pair.b.run("ALTER TABLE product ADD CHECK (name <> 'plum')")
    for number in range(6):
        stock(pair, "turin", "apple", "shelf", number)
        pair.a.run("UPDATE stock SET quantity = quantity + 1")
        if number == 3:
            pair.a.run("INSERT INTO product (name) VALUES ('plum')")
    drained = pair.forth()
    assert drained.finer
    assert drained.parked == 1
    assert pair.assert_same(SUMS) == [("apple", "shelf", None, 36, 0)]


def test_references_to_rows_of_totals(make_pair: MakePair) -> None:
    """They are each node's own: a reference to one is null on the other side, and says so."""
    pair = made(make_pair)
    stock(pair, "turin", "apple", "shelf", 1)
    pair.a.run("INSERT INTO note (stock_id, text) SELECT id, 'looked at' FROM stock")
    settled(pair)
    assert pair.b.rows("SELECT stock_id, text FROM note") == [(None, "looked at")]


def test_a_table_that_becomes_one_of_totals(make_pair: MakePair) -> None:
    """What was captured before without its combination is parked; install sees to it that it is known from then on."""
    pair = make_pair(TABLES, rules=RULES[1:])
    pair.a.run("INSERT INTO product (name) VALUES ('apple')")
    pair.settle()
    stock(pair, "turin", "apple", None, 5)
    pair.settle()
    pair.a.run("UPDATE stock SET quantity = 6")
    pair.configure(rules=RULES)
    pair.settle()
    pair.install()
    pair.a.run("UPDATE stock SET quantity = 8")
    pair.settle()
    assert pair.b.value("SELECT quantity FROM stock") == 7  # the second of the two
    assert [(parked.table, parked.op, parked.reason) for parked in pair.b.parked()] == [("stock", "U", "missing")]


def test_duplicates_and_numbers(make_pair: MakePair) -> None:
    """Of several rows the first takes the difference; numbers with a point are added without a trace of binary ones."""
    pair = made(make_pair)
    for _ in range(3):
        stock(pair, "milan", "apple", "shelf", 1, 0.1)
    settled(pair)
    stock(pair, "turin", "apple", "shelf", 0.25, 0.2)
    pair.settle()
    assert pair.b.column("SELECT quantity FROM stock ORDER BY id")[0] == pytest.approx(1.25)
    assert pair.b.column("SELECT reserved FROM stock ORDER BY id") == [0.3, 0.1, 0.1]


@pytest.mark.parametrize("ids", ["remap", "shared"])
def test_clones(make_pair: MakePair, ids: str) -> None:
    """Two clones hold the same at the start: pairing and sharing ids leave totals alone."""
    pair = make_pair(TABLES, rules=RULES, ids=ids, installed=False)
    pair.run("INSERT INTO product (name) VALUES ('apple'); INSERT INTO place (name) VALUES ('shelf')")
    pair.run("INSERT INTO stock (product_id, place_id, quantity) VALUES (1, 1, 50)")
    pair.install()
    pair.seed_both()
    if ids == "shared":
        pair.share()
    stock(pair, "turin", "apple", "shelf", 2)
    pair.b.run("UPDATE stock SET quantity = quantity - 20")
    assert settled(pair) == [("apple", "shelf", None, 32, 0)]


def test_what_the_other_side_has_sent_between_two_changes_is_not_sent_back(make_pair: MakePair) -> None:
    """Two updates of one row are one difference each: between them it has got what milan has done."""
    pair = made(make_pair)
    stock(pair, "turin", "apple", "shelf", 10)
    settled(pair)
    pair.a.run("UPDATE stock SET quantity = quantity + 5")
    pair.b.run("UPDATE stock SET quantity = quantity + 100, reserved = 1")
    pair.back()
    pair.a.run("UPDATE stock SET quantity = quantity - 2")
    assert settled(pair) == [("apple", "shelf", None, 113, 1)]


def test_a_row_that_holds_nothing_gives_way(make_pair: MakePair) -> None:
    """Turin has dropped its row, and then deletes the place; milan's row holds nothing, and forbids nothing."""
    pair = made(make_pair)
    stock(pair, "turin", "apple", "shelf", 5)
    stock(pair, "turin", "apple", "cellar", 5)
    settled(pair)
    pair.a.run("UPDATE stock SET quantity = 0; DELETE FROM stock; DELETE FROM place WHERE name = 'shelf'")
    assert settled(pair) == []
    assert pair.assert_same("SELECT name FROM place") == [("cellar",)]
    assert pair.b.value("SELECT count(*) FROM stock") == 1


def test_check_names_what_was_done_on_both_nodes(make_pair: MakePair) -> None:
    """Of two that are apart each can do the same move: nothing is in conflict, and the goods are taken twice."""
    pair = make_pair(TABLES + "CREATE TABLE stock_move (id serial PRIMARY KEY, name text, state text);", rules=RULES)
    part_ids(pair, "stock_move_id_seq")
    pair.a.run("INSERT INTO stock_move (name, state) VALUES ('one', 'assigned'), ('both', 'assigned')")
    pair.settle()
    assert [(f.severity, f.check) for f in found(pair)] == [("note", "totals")]
    pair.a.run("UPDATE stock_move SET state = 'done'")
    pair.b.run("UPDATE stock_move SET state = 'done' WHERE name = 'both'")
    pair.settle()
    [twice] = [finding for finding in found(pair) if finding.severity == "warning"]
    assert twice.message == "done on both nodes, and counted twice: 1 stock move: 'stock_move 2'"


def found(pair: Pair) -> list[Finding]:
    with Nodes(pair.config, "test") as nodes:
        return [finding for finding in run_checks(pair.config, nodes) if finding.check == "totals"]
