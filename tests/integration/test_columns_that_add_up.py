"""Protection level 5: numbers of records that either side reads, changes and writes add up."""

import pytest

from tests.integration.links import BACK, FORTH, MakePair, Pair
from tests.integration.test_totals_compared import HIDDEN
from tests.support.cli import two_node_config, ucrepl
from ucrepl.errors import Exit
from ucrepl.link.nodes import Nodes
from ucrepl.link.verify import Options, verify_link

CARDS = "CREATE TABLE card (id serial PRIMARY KEY, code text UNIQUE, points {}, name text)"
RULES = [{"table": "card", "protect": {"points": 5}, "keys": [["code"]]}]
POINTS = "SELECT code, points::float FROM card ORDER BY code"


def cards(make_pair: MakePair, kind: str = "numeric", **configuration: object) -> Pair:
    pair = make_pair(CARDS.format(kind), **{"rules": RULES, **configuration})
    pair.b.run("SELECT setval('card_id_seq', 1000)")
    pair.a.run("INSERT INTO card (code, points, name) VALUES ('A', 10, 'one'), ('B', 5, 'two'), ('C', NULL, 'three')")
    pair.settle()
    return pair


def settled(pair: Pair) -> list[tuple[object, ...]]:
    pair.settle()
    for side in (pair.a, pair.b):
        assert side.parked() == []
        assert side.conflicts() == []
    return pair.assert_same(POINTS)


@pytest.mark.parametrize("kind", ["numeric", "int", "float8"])
def test_both_sides_add(make_pair: MakePair, kind: str) -> None:
    pair = cards(make_pair, kind)
    pair.a.run("UPDATE card SET points = coalesce(points, 0) + 3; UPDATE card SET name = 'turin' WHERE code = 'A'")
    pair.b.run("UPDATE card SET points = points - 1 WHERE code = 'A'")
    assert settled(pair) == [("A", 12), ("B", 8), ("C", 3)]
    pair.a.run("UPDATE card SET points = points - 12 WHERE code = 'A'; UPDATE card SET points = NULL WHERE code = 'C'")
    assert settled(pair)[:2] == [("A", 0), ("B", 8)]


def test_what_the_other_side_has_sent_between_is_not_sent_back(make_pair: MakePair) -> None:
    pair = cards(make_pair)
    pair.a.run("UPDATE card SET points = points + 1 WHERE code = 'A'")
    pair.b.run("UPDATE card SET points = points + 100 WHERE code = 'A'")
    pair.back()
    pair.a.run("UPDATE card SET points = points + 10, name = 'x' WHERE code = 'A'")
    pair.a.run("UPDATE card SET points = points + 1000 WHERE code = 'A'")
    drained = pair.forth()
    assert (drained.finer, drained.parked) == (False, 0)
    assert settled(pair)[0] == ("A", 1121)


def test_a_new_record_and_its_first_changes(make_pair: MakePair) -> None:
    pair = cards(make_pair)
    pair.a.run("INSERT INTO card (code, points) VALUES ('D', 1)")
    pair.a.run("UPDATE card SET points = points + 2 WHERE code = 'D'; UPDATE card SET points = points * 2")
    assert settled(pair) == [("A", 20), ("B", 10), ("C", None), ("D", 6)]


def test_a_record_that_is_recognised_is_compared(make_pair: MakePair) -> None:
    """Both sides have made it: which number counts is decided as for any other column."""
    pair = cards(make_pair)
    pair.a.run("INSERT INTO card (code, points) VALUES ('D', 1)")
    pair.b.run("INSERT INTO card (code, points) VALUES ('D', 2)")
    pair.settle()
    assert pair.assert_same(POINTS)[-1] == ("D", 2)
    pair.a.run("UPDATE card SET points = points + 2 WHERE code = 'D'")
    pair.b.run("UPDATE card SET points = points + 5 WHERE code = 'D'")
    pair.settle()
    assert pair.assert_same(POINTS)[-1] == ("D", 9)


def test_parked_and_retried_it_is_added_once(make_pair: MakePair) -> None:
    pair = cards(make_pair)
    pair.b.run("ALTER TABLE card ADD CHECK (points < 50)")
    pair.a.run("UPDATE card SET points = 60 WHERE code = 'A'; UPDATE card SET points = 6 WHERE code = 'B'")
    pair.settle()
    assert len(pair.b.parked()) == 1
    pair.b.run(
        "UPDATE card SET points = points - 3 WHERE code = 'A'; ALTER TABLE card DROP CONSTRAINT card_points_check"
    )
    pair.settle()
    assert pair.retry().parked == 0
    pair.retry()
    assert settled(pair)[:2] == [("A", 57), ("B", 6)]


def test_a_repair_takes_the_value_of_the_source(make_pair: MakePair) -> None:
    pair = cards(make_pair)
    pair.b.run(HIDDEN.format("UPDATE card SET points = 77 WHERE code = 'A'"))
    pair.close_links()
    with Nodes(pair.config, "test") as nodes:
        for expected in (1, 0):
            [report] = verify_link(pair.config, pair.config.links[FORTH], nodes, Options(repair=True))
            assert (report.different, report.mended, report.failed) == (expected, expected, 0)
        [report] = verify_link(pair.config, pair.config.links[BACK], nodes)
        assert report.differs == 0
    assert settled(pair) == [("A", 10), ("B", 5), ("C", None)]


def test_only_numbers_add_up(make_pair: MakePair, tmp_path: object) -> None:
    pair = make_pair(CARDS.format("text"))
    config = two_node_config(tmp_path, pair.a.dsn, pair.b.dsn, rules=RULES)  # type: ignore[arg-type]
    done = ucrepl("check", config=config, check=False)
    assert done.returncode == Exit.FINDING
    assert "column 'points' of table 'card' is no number, and can't add up" in done.stdout
