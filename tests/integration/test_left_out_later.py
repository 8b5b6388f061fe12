"""What is left out when parked and held changes are taken up is counted, as in an ordinary batch."""

import pytest

from tests.integration.links import MakePair, Pair

UP = "CREATE TABLE up (id serial PRIMARY KEY, name text)"
DOWN = "CREATE TABLE down (id serial PRIMARY KEY, name text, up_id int NOT NULL REFERENCES up)"
RULES = ({"table": "up", "skip": True, "name": "no ups"},)
COUNTED = "SELECT rule, rows FROM ucrepl.skipped"
SKIPPED = "SELECT skipped, applied FROM ucrepl.link WHERE name = 'turin->milan'"


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    """Rows of a table need those of another one, which a later rule leaves out."""
    return make_pair(f"{UP}; {DOWN}")


def add(pair: Pair) -> None:
    pair.a.run("INSERT INTO up (name) VALUES ('u'); INSERT INTO down (name, up_id) VALUES ('x', 1), ('y', 1)")
    pair.forth()


def test_of_parked_changes(pair: Pair) -> None:
    pair.b.run("ALTER TABLE down ADD CONSTRAINT none CHECK (name IS NULL); ALTER TABLE up ADD CHECK (name IS NULL)")
    add(pair)
    assert len(pair.b.parked()) == 3
    pair.b.run("DELETE FROM ucrepl.parked WHERE reason = 'error'")
    before = pair.b.rows(SKIPPED)
    position = pair.replayer().position()
    pair.configure(rules=RULES)
    assert pair.retry().parked == 0
    assert pair.b.parked() == []
    assert pair.b.rows(COUNTED) == [("no ups", 2)]
    assert (pair.b.rows(SKIPPED), before) == ([(2, 0)], [(0, 0)])
    assert pair.replayer().position() == position


def test_of_held_changes(pair: Pair) -> None:
    pair.b.run("DROP TABLE down")
    pair.configure(rules=RULES)
    add(pair)
    assert len(pair.b.held()) == 2
    assert pair.b.rows(COUNTED) == [("no ups", 1)]
    pair.b.run(DOWN)
    pair.close_links()
    pair.forth()
    assert pair.b.held() == []
    assert pair.b.rows("SELECT FROM down") == []
    assert pair.b.rows(COUNTED) == [("no ups", 3)]
    assert pair.b.rows(SKIPPED) == [(3, 0)]
