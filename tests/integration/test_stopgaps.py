"""What stands for a record that is not known: a null, or a row left out. It is no value, and is put right later."""

from pathlib import Path

import pytest

from tests.integration.links import MakePair, Pair, part_ids
from tests.integration.terminal import BACK as LINK_BACK
from tests.integration.terminal import FORTH as LINK
from tests.integration.terminal import Terminal

TABLES = """
    CREATE TABLE kind (id serial PRIMARY KEY, name text UNIQUE);
    CREATE TABLE item (id serial PRIMARY KEY, name text, kind_id integer REFERENCES kind ON DELETE SET NULL, note text);
    CREATE TABLE item_kind_rel (
        item_id integer REFERENCES item ON DELETE CASCADE, kind_id integer REFERENCES kind ON DELETE CASCADE,
        PRIMARY KEY (item_id, kind_id)
    );
"""
ITEMS = "SELECT i.name, k.name AS kind FROM item AS i LEFT JOIN kind AS k ON k.id = i.kind_id ORDER BY i.name"
LINKED = (
    "SELECT i.name, k.name AS kind FROM item_kind_rel AS r JOIN item AS i ON i.id = r.item_id"
    " JOIN kind AS k ON k.id = r.kind_id ORDER BY 1, 2"
)
STOPGAPS = "SELECT key, column_name::text, local_key IS NULL AS left_out FROM ucrepl.stopgap ORDER BY 1, 2"
KINDS_RECOGNISED = {"table": "kind", "action": "protect", "name": "kinds are ours"}


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    """Kinds are not brought from turin to milan, only recognised there; the way back has no rule."""
    pair = make_pair(TABLES, forth_rules=[KINDS_RECOGNISED])
    part_ids(pair, "item_id_seq", "kind_id_seq")
    return pair


def test_an_unknown_reference_is_remembered_and_put_right_when_the_record_comes(pair: Pair) -> None:
    pair.a.run("INSERT INTO kind (name) VALUES ('red'), ('blue')")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('a', 1), ('b', 2), ('c', NULL), ('d', 2)")
    pair.a.run("INSERT INTO item_kind_rel VALUES (1, 1), (1, 2)")
    pair.forth()
    assert pair.b.rows(ITEMS) == [("a", None), ("b", None), ("c", None), ("d", None)]
    assert pair.b.rows(STOPGAPS) == [
        ("1", "kind_id", False), ("2", "kind_id", False), ("4", "kind_id", False),
        ("{1,1}", "kind_id", True), ("{1,2}", "kind_id", True),
    ]  # fmt: skip
    pair.b.run("INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('e', 1)")
    assert pair.forth().finer is False
    assert pair.b.rows(ITEMS) == [("a", "red"), ("b", None), ("c", None), ("d", None), ("e", "red")]
    assert pair.b.rows(LINKED) == [("a", "red")]
    assert [key for key, _, _ in pair.b.rows(STOPGAPS)] == ["2", "4", "{1,2}"]
    pair.back()
    assert pair.a.rows(ITEMS) == [("a", "red"), ("b", "blue"), ("c", None), ("d", "blue"), ("e", "red")]


def test_what_is_written_meanwhile_stays(pair: Pair) -> None:
    pair.b.run("INSERT INTO kind (name) VALUES ('green')")
    pair.a.run("INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('by milan', 1), ('by turin', 1), ('deleted', 1)")
    pair.a.run("INSERT INTO item_kind_rel VALUES (1, 1), (2, 1)")
    pair.forth()
    pair.b.run("UPDATE item SET kind_id = (SELECT id FROM kind) WHERE name = 'by milan'")
    pair.a.run("UPDATE item SET kind_id = NULL WHERE name = 'by turin'; DELETE FROM item WHERE name = 'deleted'")
    pair.a.run("DELETE FROM item_kind_rel WHERE item_id = 2")
    pair.forth()
    assert pair.b.rows(STOPGAPS) == [("1", "kind_id", False), ("{1,1}", "kind_id", True)]
    pair.b.run("INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('new', 1)")
    pair.forth()
    assert pair.b.rows(ITEMS) == [("by milan", "green"), ("by turin", None), ("new", "red")]
    assert (pair.b.rows(LINKED), pair.b.rows(STOPGAPS)) == ([("by milan", "red")], [])


def test_a_repair_of_either_way_brings_no_null_back(pair: Pair, tmp_path: Path) -> None:
    pair.a.run("INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO item (name, kind_id, note) VALUES ('a', 1, 'x'), ('b', 1, 'y')")
    pair.a.run("INSERT INTO item_kind_rel VALUES (1, 1)")
    pair.settle()
    pair.close_links()
    before = pair.a.rows(ITEMS), pair.a.rows(LINKED)
    terminal = Terminal(pair, tmp_path)
    for link in (LINK, LINK_BACK):
        terminal("verify", link)
        terminal("verify", link, "--repair")
        terminal("resync", link, "item")
        terminal("resync", link, "item_kind_rel")
    assert (pair.a.rows(ITEMS), pair.a.rows(LINKED)) == before
    # What really differs is still found, and mended.
    pair.b.run("ALTER TABLE item DISABLE TRIGGER USER; UPDATE item SET note = 'other'")
    pair.b.run("ALTER TABLE item ENABLE TRIGGER USER")
    terminal("verify", LINK_BACK, "--repair", code=None)
    assert pair.a.column("SELECT note FROM item") == ["other", "other"]
    assert (pair.a.rows(ITEMS), pair.a.rows(LINKED)) == before


def test_a_record_that_is_fetched_from_a_node_that_lacks_a_reference(pair: Pair, tmp_path: Path) -> None:
    """Seeding the other way takes over whole rows, but not what stands in them for a record that is not known."""
    pair.a.run("INSERT INTO kind (name) VALUES ('red')")
    pair.a.run("INSERT INTO item (name, kind_id, note) VALUES ('a', 1, 'x')")
    pair.settle()
    pair.close_links()
    terminal = Terminal(pair, tmp_path)
    terminal("seed", LINK_BACK)
    assert pair.a.rows(ITEMS) == [("a", "red")]


@pytest.mark.parametrize("way", ["skip", "null"])
def test_rules_of_one_way_only(make_pair: MakePair, tmp_path: Path, way: str) -> None:
    rule = {"table": "kind", "skip": True} if way == "skip" else {"table": "item", "missing": {"kind_id": "null"}}
    pair = make_pair(TABLES, installed=False, forth_rules=[rule])
    pair.a.run("INSERT INTO kind (name) VALUES ('old')")
    pair.install()
    pair.a.run("INSERT INTO item (name, kind_id) VALUES ('a', 1)")
    pair.forth()
    assert pair.b.rows(ITEMS) == [("a", None)]
    assert pair.b.rows(STOPGAPS) == [("1", "kind_id", False)]
    pair.back()
    pair.close_links()
    Terminal(pair, tmp_path)("verify", LINK_BACK, "--repair", code=None)
    assert pair.a.rows(ITEMS) == [("a", "old")]


def test_masked_values_do_not_come_back(make_pair: MakePair, tmp_path: Path) -> None:
    pair = make_pair(TABLES, forth_rules=[{"table": "item", "set": {"note": "'masked'"}}])
    pair.a.run("INSERT INTO item (name, note) VALUES ('a', 'secret')")
    pair.settle()
    assert pair.b.column("SELECT note FROM item") == ["masked"]
    pair.close_links()
    terminal = Terminal(pair, tmp_path)
    terminal("verify", LINK_BACK)
    terminal("verify", LINK_BACK, "--repair")
    terminal("seed", LINK_BACK)
    assert pair.a.column("SELECT note FROM item") == ["secret"]
    pair.b.run("UPDATE item SET note = 'by milan'")
    pair.back()
    assert pair.a.column("SELECT note FROM item") == ["by milan"]


@pytest.mark.parametrize("said", [None, "null"])
def test_null_that_means_for_everybody_is_never_written(make_pair: MakePair, said: str | None) -> None:
    rules = [{"table": "res_company", "skip": True}]
    rules += [{"table": "account_move", "missing": {"company_id": said}}] if said else []
    pair = make_pair(
        "CREATE TABLE res_company (id serial PRIMARY KEY, name text);"
        "CREATE TABLE account_move (id serial PRIMARY KEY, company_id integer REFERENCES res_company)",
        rules=rules,
    )
    pair.a.run("INSERT INTO res_company (name) VALUES ('new')")
    pair.a.run("INSERT INTO account_move (company_id) VALUES (1), (NULL)")
    pair.forth()
    if said:
        assert pair.b.column("SELECT company_id FROM account_move") == [None, None]
    else:
        assert [(p.table, p.reason) for p in pair.b.parked()] == [("account_move", "unresolved")]
        assert pair.b.column("SELECT company_id FROM account_move") == [None]
