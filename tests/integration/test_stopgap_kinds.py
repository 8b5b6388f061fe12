"""What stands for an unknown record, while rules, keys and rows change."""

from pathlib import Path

import pytest

from tests.integration.links import MakePair, Pair, part_ids
from tests.integration.terminal import BACK as LINK_BACK
from tests.integration.terminal import FORTH as LINK
from tests.integration.terminal import Terminal
from tests.integration.test_stopgaps import ITEMS, KINDS_RECOGNISED, LINKED, STOPGAPS, TABLES


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(TABLES, forth_rules=[KINDS_RECOGNISED])
    part_ids(pair, "item_id_seq", "kind_id_seq")
    return pair


@pytest.mark.parametrize("rule", [KINDS_RECOGNISED, {"table": "kind", "skip": True}])
def test_the_rule_goes_and_the_records_are_seeded(make_pair: MakePair, tmp_path: Path, rule: dict[str, object]) -> None:
    pair = make_pair(TABLES, forth_rules=[rule])
    part_ids(pair, "item_id_seq", "kind_id_seq")
    pair.a.run("INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('a', 1)")
    pair.a.run("INSERT INTO item_kind_rel VALUES (1, 1)")
    pair.settle()
    pair.configure()
    Terminal(pair, tmp_path)("seed", LINK)
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('b', 1)")
    pair.settle()
    assert pair.b.rows(ITEMS) == [("a", "red"), ("b", "red")]
    assert pair.b.rows(LINKED) == [("a", "red")]
    assert pair.b.rows(STOPGAPS) == []


def test_what_the_users_wrote_over_a_stopgap_is_compared(pair: Pair, tmp_path: Path) -> None:
    pair.b.run("INSERT INTO kind (name) VALUES ('green')")
    pair.a.run("INSERT INTO kind (name) VALUES ('red'), ('green')")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('a', 1)")
    pair.settle()
    pair.b.run("UPDATE item SET kind_id = (SELECT id FROM kind) WHERE name = 'a'")
    pair.settle()
    assert pair.a.rows(ITEMS) == [("a", "green")]
    pair.b.run("INSERT INTO kind (name) VALUES ('red')")
    pair.b.run(
        "ALTER TABLE item DISABLE TRIGGER USER; UPDATE item SET kind_id = (SELECT id FROM kind WHERE name = 'red')"
    )
    pair.b.run("ALTER TABLE item ENABLE TRIGGER USER")
    pair.close_links()
    found = Terminal(pair, tmp_path)("verify", LINK, "--repair", code=None)
    assert pair.b.rows(ITEMS) == [("a", "green")], found.out


def test_the_key_of_a_row_changes(pair: Pair, tmp_path: Path) -> None:
    pair.a.run("INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('a', 1)")
    pair.settle()
    pair.b.run("UPDATE item SET id = id + 7")
    pair.settle()
    pair.close_links()
    Terminal(pair, tmp_path)("verify", LINK_BACK, "--repair", code=None)
    assert pair.a.rows(ITEMS) == [("a", "red")]
    pair.a.run("UPDATE item SET id = id + 70")
    pair.settle()
    pair.close_links()
    Terminal(pair, tmp_path)("verify", LINK_BACK, "--repair", code=None)
    assert pair.a.rows(ITEMS) == [("a", "red")]
    pair.b.run("INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('new', 1)")
    pair.settle()
    assert pair.b.rows(ITEMS) == [("a", "red"), ("new", "red")]


@pytest.mark.parametrize("level", [1, 2, 3])
def test_one_sided_protection(make_pair: MakePair, tmp_path: Path, level: int) -> None:
    pair = make_pair(TABLES, forth_rules=[{"table": "item", "protect": {"note": level}}])
    pair.a.run("INSERT INTO item (name, note) VALUES ('a', 'original')")
    pair.settle()
    shown = pair.b.rows("SELECT name, note FROM item")
    pair.close_links()
    terminal = Terminal(pair, tmp_path)
    terminal("verify", LINK_BACK, "--repair", code=None)
    terminal("seed", LINK_BACK, code=None)
    assert pair.a.column("SELECT note FROM item") == ["original"], shown


MAIL = """
    CREATE TABLE kind (id serial PRIMARY KEY, name text UNIQUE);
    CREATE TABLE ir_attachment (id serial PRIMARY KEY, name text, res_model text, res_id integer);
    CREATE TABLE ir_model (id serial PRIMARY KEY, model text UNIQUE);
    INSERT INTO ir_model (model) VALUES ('kind'), ('ir.attachment');
"""


def test_a_reference_by_model_that_is_null(make_pair: MakePair, tmp_path: Path) -> None:
    rules = [{"table": "kind", "action": "protect"}, {"table": "ir_attachment", "missing": {"res_id": "null"}}]
    pair = make_pair(MAIL, forth_rules=rules)
    pair.seed_both()
    pair.a.run("INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO ir_attachment (name, res_model, res_id) VALUES ('a', 'kind', 1)")
    pair.settle()
    assert pair.b.rows("SELECT name, res_id FROM ir_attachment") == [("a", None)]
    pair.close_links()
    Terminal(pair, tmp_path)("verify", LINK_BACK, "--repair", code=None)
    assert pair.a.rows("SELECT name, res_id FROM ir_attachment") == [("a", 1)]


def test_a_dry_run_remembers_nothing(pair: Pair, tmp_path: Path) -> None:
    pair.a.run("ALTER TABLE item DISABLE TRIGGER USER; ALTER TABLE kind DISABLE TRIGGER USER")
    pair.a.run("INSERT INTO kind (name) VALUES ('red'); INSERT INTO item (name, kind_id) VALUES ('a', 1)")
    Terminal(pair, tmp_path)("seed", LINK, "--dry-run", code=None)
    assert pair.b.rows(STOPGAPS) == []
    Terminal(pair, tmp_path)("seed", LINK)
    assert pair.b.rows(STOPGAPS) == [("1", "kind_id", False)]


def test_the_record_comes_after_the_target_deleted_the_row(pair: Pair) -> None:
    pair.a.run("INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('a', 1)")
    pair.a.run("INSERT INTO item_kind_rel VALUES (1, 1)")
    pair.settle()
    pair.b.run("DELETE FROM item")
    pair.settle()
    pair.b.run("INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('x', 1)")
    pair.settle()
    assert pair.assert_same(ITEMS) == [("x", "red")]
    assert pair.b.parked() == []
    assert pair.b.rows(STOPGAPS) == []


def test_the_record_comes_with_the_finer_grain(pair: Pair) -> None:
    pair.run("ALTER TABLE item ADD CONSTRAINT short CHECK (length(name) < 4) NOT VALID")
    pair.a.run("ALTER TABLE item DROP CONSTRAINT short; INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('a', 1)")
    pair.settle()
    pair.b.run("INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('new', 1)")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('refused', 1)")
    pair.settle()
    assert pair.b.rows(ITEMS) == [("a", "red"), ("new", "red")]


def test_seeding_puts_right_what_it_brings(pair: Pair, tmp_path: Path) -> None:
    pair.a.run("INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('a', 1)")
    pair.a.run("INSERT INTO item_kind_rel VALUES (1, 1)")
    pair.settle()
    pair.configure()
    Terminal(pair, tmp_path)("seed", LINK)
    pair.settle()
    assert pair.b.rows(ITEMS) == [("a", "red")]
    assert pair.b.rows(LINKED) == [("a", "red")]


def test_a_reference_that_the_target_refuses_stops_nothing(pair: Pair) -> None:
    pair.b.run("ALTER TABLE item ADD CHECK (name <> 'a' OR kind_id IS NULL)")
    pair.a.run("INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('a', 1)")
    pair.settle()
    pair.b.run("INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('b', 1)")
    assert pair.forth().finer is False
    assert pair.b.rows(ITEMS) == [("a", None), ("b", "red")]
    assert pair.b.rows(STOPGAPS) == [("1", "kind_id", False)]
