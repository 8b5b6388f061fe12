"""Sums of totals are compared and set right, while both sides are in use and their links are behind."""

import pytest

from tests.integration.links import BACK, FORTH, MakePair, Pair, part_ids
from tests.integration.test_totals import RULES, SUMS, TABLES, made, settled, stock
from ucrepl.errors import RefusedError
from ucrepl.link.nodes import Nodes
from ucrepl.link.resync import resync
from ucrepl.link.seed.run import seed_link
from ucrepl.link.verify import Options, TableReport, totals, verify_link

HIDDEN = "SET ucrepl.origin = 'x'; {}; RESET ucrepl.origin"


def verified(pair: Pair, direction: int = FORTH, **options: bool) -> TableReport:
    """What comparing the table of stock finds."""
    pair.close_links()
    with Nodes(pair.config, "test") as nodes:
        [report] = verify_link(
            pair.config, pair.config.links[direction], nodes, Options(tables=["stock"], shown=10, **options)
        )
    return report


def found(report: TableReport) -> list[tuple[object, ...]]:
    return [(row.kind, row.action, *((c.column, c.source, c.target) for c in row.columns)) for row in report.rows]


def test_changes_on_their_way_are_no_difference(make_pair: MakePair) -> None:
    pair = made(make_pair)
    stock(pair, "turin", "apple", "shelf", 100)
    settled(pair)
    pair.a.run("UPDATE stock SET quantity = quantity - 7")
    pair.b.run("UPDATE stock SET quantity = quantity - 3, lot = 'L'")
    stock(pair, "turin", "pear", "shelf", 1)
    stock(pair, "milan", "pear", "cellar", 1)
    for direction in (FORTH, BACK):
        assert verified(pair, direction).differs == 0
    pair.forth()
    for direction in (FORTH, BACK):
        assert verified(pair, direction).differs == 0
    settled(pair)


def test_nothing_is_compared_while_a_batch_is_applied_in_parts(
    make_pair: MakePair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The position does not tell then what has been applied: a repair would add it once more."""
    monkeypatch.setattr(totals, "PATIENCE_SECONDS", 0.2)
    pair = made(make_pair)
    stock(pair, "turin", "apple", "shelf", 100)
    settled(pair)
    begun = "INSERT INTO ucrepl.applied_ahead SELECT link_id, '7' FROM ucrepl.link WHERE name = 'turin->milan'"
    pair.b.run(begun)
    for direction in (FORTH, BACK):
        with pytest.raises(RefusedError, match="a batch of link 'turin->milan' is applied in parts"):
            verified(pair, direction, repair=True)
    pair.b.run("DELETE FROM ucrepl.applied_ahead")
    assert verified(pair).differs == 0


def test_a_repair_adds_what_is_missing(make_pair: MakePair) -> None:
    """It sets right what nobody has written, and leaves what is on its way in either direction."""
    pair = made(make_pair)
    for product in ("apple", "pear"):
        stock(pair, "turin", product, "shelf", 100)
    settled(pair)
    pair.b.run(
        HIDDEN.format("UPDATE stock SET quantity = 1, reserved = 4 WHERE product_id = (SELECT min(id) FROM product)")
    )
    pair.b.run(HIDDEN.format("DELETE FROM stock WHERE quantity = 100"))
    pair.b.run(HIDDEN.format("INSERT INTO stock (product_id, quantity, lot) SELECT max(id), 9, 'extra' FROM product"))
    pair.a.run("UPDATE stock SET quantity = quantity - 7")
    pair.b.run("UPDATE stock SET quantity = quantity + 5 WHERE lot IS NULL")
    report = verified(pair)
    assert sorted(found(report)) == [
        ("different", "update", ("quantity", "100", "1"), ("reserved", "0", "4")),
        ("extra", "leave", ("quantity", "0", "9")),
        ("missing", "insert", ("quantity", "100", "0")),
    ]
    report = verified(pair, repair=True)
    assert (report.mended, report.failed) == (2, 0)
    assert [row.kind for row in verified(pair).rows] == ["extra"]
    pair.settle()
    ours, theirs = pair.both(SUMS)
    assert ours == [("apple", "shelf", None, 98, 0), ("pear", "shelf", None, 93, 0)]
    assert theirs == [*ours, ("pear", None, "extra", 9, 0)]
    assert verified(pair, BACK, repair=True).mended == 1
    assert settled(pair) == theirs
    assert verified(pair).differs == verified(pair, BACK).differs == 0


def test_a_resync_settles_what_is_parked(make_pair: MakePair) -> None:
    """But for what belongs to a record that is not there: that is added when it is tried again."""
    pair = made(make_pair)
    stock(pair, "turin", "apple", "shelf", 1)
    settled(pair)
    pair.b.run("ALTER TABLE product ADD CHECK (name <> 'plum'); ALTER TABLE stock ADD CHECK (quantity < 50)")
    pair.a.run("INSERT INTO product (name) VALUES ('plum')")
    stock(pair, "turin", "plum", "shelf", 5)
    pair.a.run("UPDATE stock SET quantity = 70 WHERE quantity = 1")
    pair.settle()
    assert sorted(parked.reason for parked in pair.b.parked() if parked.table == "stock") == ["error", "unresolved"]
    pair.b.run("ALTER TABLE stock DROP CONSTRAINT stock_quantity_check")
    pair.close_links()
    with Nodes(pair.config, "test") as nodes:
        done = resync(pair.config, pair.config.links[FORTH], "stock", nodes)
    assert (done.report.mended, done.report.failed, done.settled) == (1, 1, 1)
    assert pair.b.rows(SUMS) == [("apple", "shelf", None, 70, 0)]
    pair.b.run("ALTER TABLE product DROP CONSTRAINT product_name_check")
    assert pair.retry().parked == 0
    assert settled(pair) == [("apple", "shelf", None, 70, 0), ("plum", "shelf", None, 5, 0)]


def test_what_is_parked_on_the_way_back_stays(make_pair: MakePair) -> None:
    """A change of milan that turin has parked is milan's all the same, and comes to turin once."""
    pair = made(make_pair)
    stock(pair, "turin", "apple", "shelf", 10)
    settled(pair)
    pair.a.run("ALTER TABLE stock ADD CHECK (quantity < 50)")
    pair.b.run("UPDATE stock SET quantity = 60")
    pair.settle()
    assert len(pair.a.parked()) == 1
    assert verified(pair).differs == 0
    assert verified(pair, repair=True).mended == 0
    pair.a.run("ALTER TABLE stock DROP CONSTRAINT stock_quantity_check")
    pair.retry(BACK)
    assert settled(pair) == [("apple", "shelf", None, 60, 0)]


@pytest.mark.parametrize("direction", [FORTH, BACK])
def test_one_way(make_pair: MakePair, direction: int) -> None:
    """What the target has of its own is its own, of what the source has not."""
    pair = made(make_pair, both_ways=direction == BACK)
    stock(pair, "turin", "apple", "shelf", 10)
    pair.forth()
    stock(pair, "milan", "apple", "cellar", 5)
    report = verified(pair)
    assert report.extra + report.own == (0 if direction == BACK else 1)


def seeded(pair: Pair, direction: int = FORTH) -> None:
    pair.close_links()
    with Nodes(pair.config, "test") as nodes:
        seed_link(pair.config, pair.config.links[direction], nodes)


def test_a_seed_takes_over_the_sums(make_pair: MakePair) -> None:
    """The target has rows of its own: of what the source has too it gets its sums, all else is left, and goes back."""
    pair = make_pair(TABLES, rules=RULES, installed=False)
    part_ids(pair, "product_id_seq", "place_id_seq", "stock_id_seq")
    pair.run("INSERT INTO product (name) VALUES ('apple'), ('pear'); INSERT INTO place (name) VALUES ('shelf')")
    for quantity in (60, 40):
        stock(pair, "turin", "apple", "shelf", quantity, 1)
    stock(pair, "milan", "apple", "shelf", 7)
    stock(pair, "milan", "pear", "shelf", 5)
    pair.install()
    pair.b.run("UPDATE stock SET quantity = quantity - 1 WHERE quantity = 7")  # turin will get that
    seeded(pair)
    assert pair.b.rows(SUMS) == [("apple", "shelf", None, 99, 2), ("pear", "shelf", None, 5, 0)]
    pair.a.run("UPDATE stock SET quantity = quantity - 10 WHERE quantity = 60")
    seeded(pair, BACK)
    assert settled(pair) == [("apple", "shelf", None, 89, 2), ("pear", "shelf", None, 5, 0)]
    assert verified(pair).differs == verified(pair, BACK).differs == 0


def test_a_seed_of_a_link_that_was_replayed(make_pair: MakePair) -> None:
    pair = made(make_pair)
    stock(pair, "turin", "apple", "shelf", 10)
    settled(pair)
    pair.b.run(HIDDEN.format("UPDATE stock SET quantity = 3"))
    pair.a.run("UPDATE stock SET quantity = quantity + 1")
    pair.b.run("UPDATE stock SET quantity = quantity + 100")
    seeded(pair)
    assert settled(pair) == [("apple", "shelf", None, 111, 0)]
