"""Values of columns that the target has not: which are held, and what wins when a column is made and filled."""

from typing import Any

import pytest

from tests.integration.links import MakePair, Pair, part_ids
from tests.integration.workers import Log, working
from tests.support.waiting import wait_for

ITEM = "CREATE TABLE item (id serial PRIMARY KEY, name text)"
INSTALL = """
    BEGIN;
    ALTER TABLE item ADD colour text;
    UPDATE item SET colour = 'white' WHERE colour IS NULL;
    SAVEPOINT constraints;
    ALTER TABLE item ALTER colour SET NOT NULL;
    RELEASE SAVEPOINT constraints;
    COMMIT
"""
"""What Odoo does for a new field with a default."""

COLOURS = "SELECT name, colour FROM item ORDER BY name"


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    """Both have items, turin alone has colours of them; of two of three the colour is held on milan."""
    pair = make_pair(ITEM, installed=False)
    pair.a.run("ALTER TABLE item ADD colour text")
    pair.install()
    part_ids(pair, "item_id_seq")
    pair.a.run("INSERT INTO item (name, colour) VALUES ('x', 'red'), ('y', 'blue'), ('z', NULL)")
    pair.forth()
    pair.back()
    pair.close_links()
    assert pair.b.held() == [("item", "C", "1"), ("item", "C", "2")]
    return pair


@pytest.mark.parametrize(("first", "policy"), [("forth", "latest"), ("back", "latest"), ("back", "park")])
def test_what_fills_a_new_column_gives_way_to_what_is_held(pair: Pair, first: str, policy: str) -> None:
    pair.configure(conflicts=policy)
    pair.b.run(INSTALL)
    pair.back() if first == "back" else pair.forth()
    pair.settle()
    assert pair.assert_same(COLOURS) == [("x", "red"), ("y", "blue"), ("z", "white")]
    assert pair.a.conflicts() == pair.b.conflicts() == []
    assert pair.b.held() == []
    pair.assert_clean()


def test_what_a_user_has_written_since_then_does_not(pair: Pair) -> None:
    pair.b.run(INSTALL)
    pair.b.run("UPDATE item SET colour = 'green', name = 'xx' WHERE name = 'x'")
    pair.settle()
    assert pair.assert_same(COLOURS) == [("xx", "green"), ("y", "blue"), ("z", "white")]
    assert [(c.column, c.source, c.target, c.winner) for c in pair.b.conflicts()] == [
        ("colour", "red", "green", "target")
    ]


def test_a_side_that_fills_later_overwrites_nothing_that_the_other_has_written(pair: Pair) -> None:
    """Also where nothing is held any more: the column is there, and the module comes to the second side."""
    pair.a.run("UPDATE item SET colour = 'black' WHERE name = 'z'")
    pair.b.run(INSTALL)
    pair.forth()
    assert pair.b.held() == []
    pair.back()
    assert pair.assert_same(COLOURS) == [("x", "red"), ("y", "blue"), ("z", "black")]


def test_a_default_that_all_rows_got_at_once_gives_way_too(pair: Pair) -> None:
    pair.b.run("ALTER TABLE item ADD colour text DEFAULT 'white'")
    pair.settle()
    assert pair.b.rows(COLOURS) == [("x", "red"), ("y", "blue"), ("z", "white")]
    assert pair.b.conflicts() == []
    pair.assert_clean()


def test_nothing_is_held_of_what_would_never_be_written(make_pair: MakePair) -> None:
    """Neither of a column that is missing, nor of a reference to a table that is."""
    table = "CREATE TABLE {} (id serial PRIMARY KEY, name text UNIQUE, kind_id integer)"
    effects: dict[str, dict[str, Any]] = {
        "known": {"action": "protect"},
        "trace": {"action": "insert-only"},
        "plain": {"hold": False},
        "other": {"skip": True},
    }
    rules = [{"table": name, **effect} for name, effect in effects.items()]
    pair = make_pair("; ".join(map(table.format, [*effects, "item"])), installed=False, rules=rules, both_ways=False)
    pair.a.run("CREATE TABLE kind (id serial PRIMARY KEY); INSERT INTO kind DEFAULT VALUES")
    for name in (*effects, "item"):
        pair.a.run(f"ALTER TABLE {name} ADD colour text, ADD FOREIGN KEY (kind_id) REFERENCES kind")
        pair.b.run(f"INSERT INTO {name} (name) VALUES ('there')")
    pair.install()
    for name in (*effects, "item"):
        pair.a.run(f"INSERT INTO {name} (name, colour, kind_id) VALUES ('new', 'red', 1), ('there', 'red', 1)")
        pair.a.run(f"UPDATE {name} SET colour = 'blue'")
    pair.forth()
    assert {table for table, _, _ in pair.b.held()} == {"item"}


def test_a_row_that_is_fetched_from_a_skipped_table_leaves_nothing_held(make_pair: MakePair) -> None:
    rules = [{"table": "item", "skip": True}, {"table": "task", "missing": "fetch"}]
    task = "CREATE TABLE task (id serial PRIMARY KEY, item_id integer REFERENCES item)"
    pair = make_pair(f"{ITEM}; {task}", installed=False, rules=rules, both_ways=False)
    pair.a.run("ALTER TABLE item ADD colour text")
    pair.install()
    pair.a.run("INSERT INTO item (name, colour) VALUES ('x', 'red'); INSERT INTO task (item_id) VALUES (1)")
    pair.forth()
    assert (pair.b.column("SELECT name FROM item"), pair.b.held()) == (["x"], [])


def test_the_first_rule_that_speaks_of_it_says_whether_a_table_is_held(make_pair: MakePair) -> None:
    rules = [{"table": "item", "hold": True}, {"table": "*", "hold": False}]
    pair = make_pair("CREATE TABLE other (id serial PRIMARY KEY)", installed=False, rules=rules)
    pair.a.run(ITEM)
    pair.install()
    pair.a.run("INSERT INTO item (name) VALUES ('x')")
    pair.forth()
    assert pair.b.held() == [("item", "I", "1")]


PLANS = """
    CREATE TABLE account_analytic_plan (id serial PRIMARY KEY, name text);
    CREATE TABLE account_analytic_account (id serial PRIMARY KEY, name text);
    CREATE TABLE account_analytic_line (id serial PRIMARY KEY, name text);
"""


def test_a_column_with_an_id_in_its_name_is_taken_up_while_the_worker_runs(make_pair: MakePair, log: Log) -> None:
    pair = make_pair(PLANS)
    part_ids(pair, "account_analytic_plan_id_seq", "account_analytic_account_id_seq", "account_analytic_line_id_seq")
    add = "ALTER TABLE account_analytic_line ADD x_plan{}_id integer REFERENCES account_analytic_account"
    with working(pair):
        wait_for(lambda: log("link opened"), what="the link to be open")
        pair.a.run(f"INSERT INTO account_analytic_plan (name) VALUES ('p'); {add.format(1)}")
        pair.a.run("INSERT INTO account_analytic_account (name) VALUES ('sales')")
        pair.a.run("INSERT INTO account_analytic_line (name, x_plan1_id) VALUES ('x', 1)")
        wait_for(lambda: pair.b.held() == [("account_analytic_line", "C", "1")], what="the value to be held")
        [plan] = pair.b.column("SELECT id FROM account_analytic_plan")
        [account] = pair.b.column("SELECT id FROM account_analytic_account")
        pair.b.run(add.format(plan))
        value = f"SELECT x_plan{plan}_id FROM account_analytic_line ORDER BY id"
        wait_for(lambda: pair.b.column(value) == [account], what="the value in its column")
        pair.a.run("INSERT INTO account_analytic_line (name, x_plan1_id) VALUES ('y', 1)")
        wait_for(lambda: pair.b.column(value) == [account, account], what="the value of the next row")
    assert pair.b.held() == []
    pair.assert_clean()


def test_a_pair_of_ids_in_names_is_noticed_while_the_worker_runs(make_pair: MakePair, log: Log) -> None:
    pair = make_pair(PLANS)
    pair.run("ALTER TABLE account_analytic_line ADD x_plan1_id integer REFERENCES account_analytic_account")
    pair.install()
    with working(pair):
        wait_for(lambda: log("link opened"), what="the link to be open")
        opened = len(log("link opened"))
        pair.a.run("INSERT INTO account_analytic_plan (name) VALUES ('p')")
        wait_for(lambda: len(log("link opened")) > opened, what="the new plan")
        pair.a.run("INSERT INTO account_analytic_account (name) VALUES ('sales')")
        pair.a.run("INSERT INTO account_analytic_line (name, x_plan1_id) VALUES ('x', 1)")
        value = "SELECT x_plan1_id FROM account_analytic_line"
        wait_for(lambda: pair.b.column(value) == [1], what="the value in its column")
    pair.assert_clean()
