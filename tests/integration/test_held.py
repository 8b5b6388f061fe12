"""Tables and columns that the target has not: their changes are held, and applied once these are there."""

from pathlib import Path

import psycopg
import pytest

from tests.integration.links import MakePair, Pair, part_ids
from tests.integration.terminal import FORTH, Terminal
from ucrepl.link.held.tell import held_tables, reasons

ITEM = "CREATE TABLE item (id serial PRIMARY KEY, name text)"
TASK = "CREATE TABLE task (id serial PRIMARY KEY, name text, item_id integer REFERENCES item)"


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    """Both have items, turin alone has tasks of them, and a colour and a price of items."""
    pair = make_pair(ITEM, installed=False)
    pair.a.run(TASK)
    pair.a.run("ALTER TABLE item ADD colour text, ADD price numeric")
    pair.install()
    part_ids(pair, "item_id_seq")
    return pair


def take_up(pair: Pair, made: str) -> None:
    """Make on milan what was missing there, and replay as a daemon that has noticed."""
    pair.b.run(made)
    pair.close_links()
    pair.forth()


def test_changes_of_a_missing_table_are_held_and_applied_in_their_order(pair: Pair) -> None:
    pair.a.run("INSERT INTO item (name) VALUES ('x')")
    pair.a.run("INSERT INTO task (name, item_id) VALUES ('one', 1), ('two', 1), ('three', NULL)")
    assert [batch.held for batch in pair.forth().batches] == [3]
    pair.a.run("UPDATE task SET name = 'ONE' WHERE id = 1; INSERT INTO item (name) VALUES ('y')")
    pair.forth()
    pair.a.run("UPDATE task SET item_id = 2 WHERE id = 1; DELETE FROM task WHERE id = 3")
    pair.forth()
    assert pair.b.held() == [("task", op, key) for op, key in ("I1", "I2", "U1", "U1")]
    assert pair.b.column("SELECT name FROM item ORDER BY id") == ["x", "y"]

    pair.b.run(TASK)
    pair.close_links()
    pair.a.run("UPDATE task SET name = 'the last word' WHERE id = 2")
    pair.forth()
    assert pair.b.held() == []
    pair.assert_same("SELECT t.name, i.name FROM task AS t JOIN item AS i ON i.id = t.item_id ORDER BY t.name")
    assert pair.b.column("SELECT name FROM task ORDER BY name") == ["ONE", "the last word"]
    pair.back()
    pair.assert_clean()


def test_values_of_a_missing_column_are_held_for_each_row(pair: Pair) -> None:
    pair.a.run("INSERT INTO item (name, colour, price) VALUES ('x', 'red', 1), ('y', NULL, NULL), ('z', 'blue', NULL)")
    pair.a.run("INSERT INTO item (name, colour) VALUES ('gone', 'green')")
    pair.forth()
    pair.a.run("UPDATE item SET colour = 'yellow', name = 'X' WHERE id = 1; UPDATE item SET colour = NULL WHERE id = 3")
    pair.forth()
    pair.a.run("UPDATE item SET price = 2 WHERE id = 1; UPDATE item SET name = 'Y' WHERE id = 2")
    pair.a.run("DELETE FROM item WHERE id = 4")
    pair.forth()
    assert sorted(pair.b.held()) == [("item", "C", "1"), ("item", "C", "3")]
    assert pair.b.column("SELECT name FROM item ORDER BY id") == ["X", "Y", "z"]

    take_up(pair, "ALTER TABLE item ADD colour text")
    assert pair.b.held() == [("item", "C", "1")]
    pair.assert_same("SELECT name, colour FROM item ORDER BY id")
    pair.a.run("UPDATE item SET colour = 'black' WHERE id = 1")
    pair.forth()

    take_up(pair, "ALTER TABLE item ADD price numeric")
    assert pair.b.held() == []
    assert pair.assert_same("SELECT name, colour, price FROM item ORDER BY id")[0] == ("X", "black", 2)
    pair.back()
    pair.assert_clean()


def test_what_is_deleted_or_truncated_is_not_held_any_longer(pair: Pair) -> None:
    pair.a.run("INSERT INTO task (name) SELECT n FROM generate_series(1, 5) AS n")
    pair.forth()
    pair.a.run("UPDATE task SET name = 'x' WHERE id = 1; DELETE FROM task WHERE id < 3")
    pair.forth()
    assert pair.b.held() == [("task", "I", key) for key in "345"]
    pair.a.run(
        "INSERT INTO item (name, colour) VALUES ('x', 'red'); TRUNCATE task; INSERT INTO task (name) VALUES ('y')"
    )
    pair.forth()
    assert pair.b.held() == [("item", "C", "1"), ("task", "T", None), ("task", "I", "6")]
    pair.a.run("TRUNCATE item, task")
    pair.forth()
    assert pair.b.held() == [("task", "T", None)]
    pair.a.run("INSERT INTO task (name) VALUES ('z')")
    take_up(pair, TASK)
    assert (pair.b.held(), pair.assert_same("SELECT name FROM task")) == ([], [("z",)])
    pair.assert_clean()


def test_a_record_that_is_made_again_has_none_of_its_old_values(pair: Pair) -> None:
    pair.a.run("INSERT INTO item (name, colour, price) VALUES ('x', 'red', 1)")
    pair.forth()
    pair.a.run("DELETE FROM item; INSERT INTO item (id, name, price) VALUES (1, 'again', 2)")
    pair.forth()
    take_up(pair, "ALTER TABLE item ADD colour text, ADD price numeric")
    assert pair.assert_same("SELECT name, colour, price FROM item") == [("again", None, 2)]


def test_held_values_follow_a_key_that_is_updated(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE code (code text PRIMARY KEY, name text)", installed=False)
    pair.run(ITEM)
    pair.a.run("ALTER TABLE code ADD colour text; ALTER TABLE item ADD colour text")
    pair.install()
    pair.a.run("INSERT INTO code VALUES ('a', 'x', 'red'), ('b', 'y', NULL)")
    pair.a.run("INSERT INTO item (name, colour) VALUES ('z', 'green')")
    pair.forth()
    pair.a.run(
        "UPDATE code SET code = 'A' WHERE code = 'a';"
        " UPDATE code SET code = 'B', colour = 'blue', name = 'Y' WHERE name = 'y'"
    )
    pair.a.run("UPDATE item SET id = 7")
    pair.forth()
    assert sorted(pair.b.held()) == [("code", "C", "A"), ("code", "C", "B"), ("item", "C", "7")]
    take_up(pair, "ALTER TABLE code ADD colour text; ALTER TABLE item ADD colour text")
    pair.assert_same("SELECT * FROM code ORDER BY code")
    pair.assert_same("SELECT name, colour FROM item")
    pair.assert_clean()


def test_a_reference_to_a_missing_table_is_held_with_it(make_pair: MakePair) -> None:
    pair = make_pair(ITEM, installed=False)
    kind = "CREATE TABLE kind (id serial PRIMARY KEY, name text)"
    pair.a.run(f"{kind}; ALTER TABLE item ADD kind_id integer REFERENCES kind")
    pair.a.run(
        "CREATE TABLE item_kind_rel (item_id integer REFERENCES item, kind_id integer REFERENCES kind,"
        " PRIMARY KEY (item_id, kind_id))"
    )
    pair.b.run("ALTER TABLE item ADD kind_id integer")
    pair.b.run(
        "CREATE TABLE item_kind_rel (item_id integer REFERENCES item, kind_id integer, PRIMARY KEY (item_id, kind_id))"
    )
    pair.install()
    part_ids(pair, "item_id_seq")
    pair.a.run(
        "INSERT INTO kind (name) VALUES ('k'); INSERT INTO item (name, kind_id) VALUES ('x', 1);"
        " INSERT INTO item_kind_rel VALUES (1, 1)"
    )
    pair.forth()
    assert pair.b.held() == [("kind", "I", "1"), ("item", "C", "1"), ("item_kind_rel", "I", "{1,1}")]
    assert pair.b.rows("SELECT name, kind_id FROM item") == [("x", None)]

    take_up(pair, f"{kind}; SELECT setval('kind_id_seq', 500)")
    assert pair.b.held() == []
    assert pair.b.rows("SELECT name, kind_id FROM item") == [("x", 501)]
    assert pair.b.rows("SELECT i.name, r.kind_id FROM item_kind_rel AS r JOIN item AS i ON i.id = r.item_id") == [
        ("x", 501)
    ]
    pair.assert_clean()


def test_held_changes_are_applied_piece_by_piece_and_nothing_overtakes_them(pair: Pair) -> None:
    pair.configure(batch_rows=2)
    for number in range(1, 6):
        pair.a.run("INSERT INTO task (name) VALUES (%s)", f"task {number}")
        pair.a.run("UPDATE task SET name = name || '!' WHERE id = 1")
        pair.forth()
    pair.b.run(TASK)
    pair.close_links()
    pieces = []
    while (released := pair.replayer().release_held()) is not None:
        pieces.append(released.changes)
        pair.close_links()  # as if it had been killed
    assert len(pieces) > 2
    pair.assert_same("SELECT name FROM task ORDER BY name")
    pair.assert_clean()


def test_a_piece_that_fails_is_still_held(pair: Pair) -> None:
    pair.a.run("INSERT INTO task (name) VALUES ('x')")
    pair.forth()
    pair.b.run(TASK)
    pair.configure(lock_timeout_ms=50)
    with pair.b.another() as user:
        user.execute("LOCK TABLE task")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            pair.replayer().release_held()
    assert pair.b.held() == [("task", "I", "1")]
    pair.forth()
    assert (pair.b.held(), pair.b.column("SELECT name FROM task")) == ([], ["x"])


def test_what_is_refused_when_it_has_its_place_is_parked(pair: Pair) -> None:
    pair.a.run("INSERT INTO task (name) VALUES ('refused'), ('taken'); INSERT INTO item (colour) VALUES ('refused')")
    pair.forth()
    pair.a.run("UPDATE task SET name = 'refused again' WHERE id = 1")
    pair.forth()
    pair.b.run(f"{TASK}; ALTER TABLE task ADD CHECK (name NOT LIKE 'refused%')")
    take_up(pair, "ALTER TABLE item ADD colour text CHECK (colour <> 'refused')")
    assert (pair.b.held(), pair.b.column("SELECT name FROM task")) == ([], ["taken"])
    assert [(p.table, p.op, p.reason) for p in pair.b.parked()] == [
        ("task", "I", "error"),
        ("item", "U", "error"),
        ("task", "U", "queued"),
    ]


def test_what_the_target_has_written_meanwhile_is_a_conflict(pair: Pair) -> None:
    pair.a.run("INSERT INTO item (name, colour) VALUES ('x', 'red'), ('y', 'red')")
    pair.forth()
    pair.back()
    pair.b.run("ALTER TABLE item ADD colour text")
    pair.install()
    take_up(pair, "UPDATE item SET colour = 'blue' WHERE name = 'x'")
    pair.back()
    assert pair.assert_same("SELECT name, colour FROM item ORDER BY name") == [("x", "blue"), ("y", "red")]
    assert [(c.column, c.source, c.target, c.winner) for c in pair.b.conflicts()] == [
        ("colour", "red", "blue", "target")
    ]


def test_rules_say_what_is_not_held(pair: Pair) -> None:
    pair.a.run("INSERT INTO task (name) VALUES ('x'); INSERT INTO item (name, colour) VALUES ('x', 'red')")
    pair.forth()
    pair.configure(rules=[{"table": "task", "skip": True, "name": "no tasks"}, {"table": "item", "hold": False}])
    pair.a.run("INSERT INTO task (name) VALUES ('y'); INSERT INTO item (name, colour) VALUES ('y', 'red')")
    assert pair.forth().skipped == 1
    assert pair.b.held() == [("item", "C", "1")]
    pair.configure(rules=[{"table": "task", "hold": False, "name": "no tasks yet"}], policy="migrate")
    pair.a.run("INSERT INTO task (name) VALUES ('z'); INSERT INTO item (name, colour) VALUES ('z', 'red')")
    assert pair.forth().skipped == 1
    assert pair.b.held() == [("item", "C", "1")]
    assert pair.b.rows("SELECT rule, rows FROM ucrepl.skipped ORDER BY rule") == [("no tasks", 2), ("no tasks yet", 1)]


def test_a_table_with_another_key_has_no_place_until_the_key_is_the_same(pair: Pair) -> None:
    pair.run("CREATE TABLE log (a integer, b integer, text text)")
    pair.a.run("ALTER TABLE log ADD PRIMARY KEY (a)")
    pair.b.run("ALTER TABLE log ADD PRIMARY KEY (a, b)")
    pair.install()
    pair.a.run("INSERT INTO log VALUES (1, 2, 'x'); UPDATE log SET a = 3")
    pair.forth()
    assert pair.b.held() == [("log", "I", "1"), ("log", "K", "1")]
    take_up(pair, "ALTER TABLE log DROP CONSTRAINT log_pkey; ALTER TABLE log ADD PRIMARY KEY (a)")
    assert pair.assert_same("SELECT * FROM log") == [(3, 2, "x")]
    pair.assert_clean()


def test_a_truncate_of_a_skipped_table_leaves_the_rest_of_the_batch_in_order(pair: Pair) -> None:
    pair.configure(rules=[{"table": "task", "skip": True}])
    pair.a.run("INSERT INTO item (name) VALUES ('x')")
    pair.forth()
    pair.a.run("BEGIN; UPDATE item SET name = 'y'; TRUNCATE task; UPDATE item SET name = 'z'; COMMIT")
    assert pair.forth().finer is False
    assert pair.assert_same("SELECT name FROM item") == [("z",)]


def why_held(pair: Pair, table: str) -> str:
    """The sentence about what is held of a table on milan."""
    tables = [held for held in held_tables(pair.b.connection, FORTH) if held.name == table]
    [reason] = reasons(tables, pair.config.link(FORTH), pair.a.connection, pair.b.connection)
    return str(reason)


def test_what_names_a_model_without_a_table_is_held_with_it(make_pair: MakePair) -> None:
    message = "CREATE TABLE mail_message (id serial PRIMARY KEY, model text, res_id integer, body text)"
    pair = make_pair(f"{message}; {ITEM}", installed=False)
    pair.a.run("CREATE TABLE sale_order (id serial PRIMARY KEY, name text)")
    pair.install()
    part_ids(pair, "mail_message_id_seq", "item_id_seq")
    pair.a.run("INSERT INTO item (name) VALUES ('x'); INSERT INTO sale_order (name) VALUES ('s'), ('t')")
    pair.a.run(
        "INSERT INTO mail_message (model, res_id, body)"
        " VALUES ('item', 1, 'of an item'), ('sale.order', 1, 'of an order'), ('sale.order', 2, 'gone')"
    )
    pair.forth()
    pair.a.run("UPDATE mail_message SET body = body || '!'; DELETE FROM mail_message WHERE id = 3")
    pair.forth()
    assert pair.b.rows("SELECT model, body FROM mail_message") == [("item", "of an item!")]
    held = [("sale_order", "I", "1"), ("sale_order", "I", "2"), ("mail_message", "I", "2"), ("mail_message", "U", "2")]
    assert pair.b.held() == held
    take_up(pair, "ALTER TABLE mail_message ADD extra text")
    assert pair.b.held() == held
    assert why_held(pair, "mail_message") == (
        "there is no place on 'milan' for rows of 'mail_message' as they are on 'turin': the table has another key"
        " there, or they belong to a model without a table: 1 row of 1 table is held"
    )
    pair.a.run(
        "CREATE TABLE ir_model (id serial PRIMARY KEY, model text);"
        "CREATE TABLE ir_model_fields (id serial PRIMARY KEY, model text, name text);"
        "CREATE TABLE ir_model_data (id serial PRIMARY KEY, module text, name text, model text, res_id integer);"
        "INSERT INTO ir_model (model) VALUES ('sale.order');"
        "INSERT INTO ir_model_data (module, name, model, res_id) VALUES ('sale', 'order', 'ir.model', 1)"
    )
    assert why_held(pair, "mail_message") == (
        "rows of 'mail_message' belong to models without a table on 'milan': 'sale.order': 1 row of 1 table is held"
    )

    take_up(pair, "CREATE TABLE sale_order (id serial PRIMARY KEY, name text); SELECT setval('sale_order_id_seq', 70)")
    assert pair.b.rows("SELECT m.body, o.name FROM mail_message AS m JOIN sale_order AS o ON o.id = m.res_id") == [
        ("of an order!", "s")
    ]
    assert pair.b.held() == []
    pair.assert_clean()


def test_a_seeding_holds_what_has_no_place_and_makes_older_things_void(pair: Pair, tmp_path: Path) -> None:
    pair.configure(both_ways=False)
    pair.a.run("INSERT INTO item (name, colour) VALUES ('x', 'red'), ('y', 'red')")
    pair.a.run("INSERT INTO task (name) VALUES ('x')")
    pair.forth()
    pair.close_links()
    pair.a.run("UPDATE item SET colour = 'blue' WHERE id = 1; UPDATE task SET name = 'y'")
    pair.b.run(TASK)
    Terminal(pair, tmp_path)("seed", FORTH)
    assert sorted(pair.b.held()) == [("item", "C", "1"), ("item", "C", "2")]
    pair.b.run("ALTER TABLE item ADD colour text")
    pair.forth()
    assert pair.assert_same("SELECT name, colour FROM item ORDER BY name") == [("x", "blue"), ("y", "red")]
    assert pair.assert_same("SELECT name FROM task") == [("y",)]
    pair.assert_clean()
