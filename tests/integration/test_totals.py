"""Tables whose rows are totals: differences are added on the other side, whatever rows either side keeps them in."""

import pytest

from tests.integration.links import BACK, FORTH, MakePair, Pair, part_ids

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
RULES = [
    {"table": "stock", "totals": {"by": ["product_id", "place_id", "lot"], "sum": ["quantity", "reserved"]}},
    {"table": "product", "keys": [["name"]]},
    {"table": "place", "keys": [["name"]]},
]
SUMS = """
    SELECT p.name, l.name, s.lot, sum(s.quantity), sum(s.reserved)
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
