"""A change that can't be applied is parked with its reason, what depends on it waits behind it, all else goes on."""

import pytest

from tests.integration.links import MakePair, Pair
from ucrepl.link.finer import FinerGrain, Part

SHOP = """
    CREATE TABLE customer (id serial PRIMARY KEY, name text, mail text);
    CREATE TABLE sale (
        id serial PRIMARY KEY, customer_id int NOT NULL REFERENCES customer ON DELETE CASCADE, total int
    );
    CREATE TABLE line (id serial PRIMARY KEY, sale_id int NOT NULL REFERENCES sale ON DELETE CASCADE, item text);
"""
SALES = (
    "SELECT c.name, total, item FROM sale AS s JOIN customer AS c ON c.id = customer_id LEFT JOIN line ON"
    " sale_id = s.id ORDER BY 1, 2, 3"
)


@pytest.fixture
def shop(make_pair: MakePair) -> Pair:
    """Customers with sales; b refuses customers without a mail address."""
    pair = make_pair(SHOP)
    pair.b.run(
        "INSERT INTO customer (name, mail) VALUES ('of b', 'b@b'); INSERT INTO sale (customer_id, total) VALUES (1, 0)"
    )
    pair.b.run("ALTER TABLE customer ADD CONSTRAINT reachable CHECK (mail IS NOT NULL)")
    pair.a.run(
        "INSERT INTO customer (name, mail) VALUES ('ann', 'a@a'); INSERT INTO sale (customer_id, total) VALUES (1, 10)"
    )
    pair.settle()
    return pair


def parked(pair: Pair) -> list[tuple[str, str, str, str | None]]:
    return [(p.table, p.op, p.reason, p.sqlstate) for p in pair.b.parked()]


def test_a_change_that_a_constraint_refuses_is_parked_and_the_rest_goes_on(shop: Pair) -> None:
    shop.a.run("INSERT INTO customer (name, mail) VALUES ('bob', 'b@x'), ('cyd', NULL), ('dan', 'd@x')")
    drained = shop.forth()
    assert (drained.applied, drained.parked, drained.finer) == (2, 1, True)
    [change] = shop.b.parked()
    assert change[:5] == ("customer", "I", "4", "error", "23514")
    assert 'violates check constraint "reachable"' in change.message
    assert shop.b.column("SELECT name FROM customer ORDER BY 1") == ["ann", "bob", "dan", "of b"]
    assert shop.b.value("SELECT new FROM ucrepl.parked").count("cyd") == 1


def test_later_changes_of_the_record_queue_and_all_are_applied_in_order_when_it_is_mended(shop: Pair) -> None:
    shop.a.run("UPDATE customer SET name = 'Ann', mail = NULL WHERE name = 'ann'")
    shop.forth()
    shop.a.run("UPDATE customer SET name = 'ANN' WHERE name = 'Ann'")
    shop.a.run("UPDATE sale SET total = 11 WHERE total = 10")
    shop.a.run("UPDATE customer SET mail = 'ann@a' WHERE name = 'ANN'")
    shop.forth()
    assert parked(shop) == [
        ("customer", "U", "error", "23514"),
        ("customer", "U", "queued", None),
    ]
    assert shop.b.rows("SELECT name, mail FROM customer ORDER BY 1") == [("ann", "a@a"), ("of b", "b@b")]
    assert ("ann", 11, None) in shop.b.rows(SALES)
    assert shop.retry().parked == 0  # the last of them makes good what the first would have broken
    assert shop.b.parked() == []
    assert shop.assert_same("SELECT name, mail FROM customer ORDER BY 1") == [("ANN", "ann@a"), ("of b", "b@b")]


def test_what_is_not_mended_is_parked_again_in_its_old_order(shop: Pair) -> None:
    shop.a.run("UPDATE customer SET mail = NULL WHERE name = 'ann'")
    shop.a.run("UPDATE customer SET name = 'Ann' WHERE name = 'ann'")
    shop.forth()
    before = shop.b.parked()
    assert shop.retry().changes == 0
    assert [p[:5] for p in shop.b.parked()] == [p[:5] for p in before]
    assert shop.b.value("SELECT max(attempts) FROM ucrepl.parked") == 2
    shop.b.run("ALTER TABLE customer DROP CONSTRAINT reachable")
    assert shop.retry().parked == 0
    assert shop.assert_same("SELECT name, mail FROM customer ORDER BY 1") == [("Ann", None), ("of b", "b@b")]


def test_what_refers_to_a_parked_record_is_parked_too(shop: Pair) -> None:
    shop.a.run(
        "INSERT INTO customer (id, name) VALUES (50, 'cyd'); INSERT INTO sale (id, customer_id, total) VALUES"
        " (60, 50, 5);"
        "INSERT INTO line (sale_id, item) VALUES (60, 'pen'), (60, 'ink')"
    )
    shop.a.run("INSERT INTO customer (name, mail) VALUES ('dan', 'd@x')")
    shop.forth()
    shop.a.run("UPDATE sale SET total = 6 WHERE id = 60; UPDATE sale SET customer_id = 50 WHERE total = 10")
    shop.a.run("INSERT INTO line (sale_id, item) VALUES (60, 'cup')")
    shop.forth()
    assert parked(shop)[0] == ("customer", "I", "error", "23514")
    assert {p[2:] for p in parked(shop)[1:]} == {("unresolved", "UC001"), ("queued", None)}
    assert {p[0] for p in parked(shop)} == {"customer", "sale", "line"}
    assert "sale.customer_id = 50" in next(p.message for p in shop.b.parked() if p.reason == "unresolved")
    assert ("ann", 10, None) in shop.b.rows(SALES)
    assert shop.b.column("SELECT name FROM customer ORDER BY 1") == ["ann", "dan", "of b"]
    assert 50 not in [remote for remote, _ in shop.b.pairs("customer")]
    shop.b.run("ALTER TABLE customer DROP CONSTRAINT reachable")
    assert shop.retry().parked == 0
    assert shop.b.parked() == []
    assert ("cyd", 6, "cup") in shop.assert_same(SALES)
    assert ("cyd", 10, None) in shop.assert_same(SALES)
    shop.settle()
    shop.assert_same("SELECT name, mail FROM customer ORDER BY 1")


def test_a_parked_record_that_is_deleted_on_the_source(shop: Pair) -> None:
    shop.a.run("INSERT INTO customer (name) VALUES ('cyd')")
    shop.forth()
    shop.a.run("DELETE FROM customer WHERE name = 'cyd'")
    shop.forth()
    assert [p.reason for p in shop.b.parked()] == ["error", "queued"]
    assert shop.retry().parked == 0
    assert shop.b.parked() == []
    shop.assert_same("SELECT name FROM customer ORDER BY 1")


def test_a_reference_to_a_record_that_the_link_has_never_seen(make_pair: MakePair) -> None:
    pair = make_pair(SHOP, installed=False)
    pair.a.run("INSERT INTO customer (name) VALUES ('old')")
    pair.b.run("INSERT INTO customer (name) VALUES ('another one with the id 1')")
    pair.install()
    pair.a.run("INSERT INTO sale (customer_id, total) VALUES (1, 5); UPDATE customer SET name = 'older'")
    pair.forth()
    assert [(p.table, p.op, p.reason) for p in pair.b.parked()] == [
        ("sale", "I", "unresolved"),
        ("customer", "U", "missing"),
    ]
    assert pair.b.rows("SELECT FROM sale") == []
    assert pair.b.column("SELECT name FROM customer") == ["another one with the id 1"]


def test_values_that_the_target_does_not_take(make_pair: MakePair) -> None:
    pair = make_pair(
        "CREATE TABLE t (id serial PRIMARY KEY, x text, y text NOT NULL DEFAULT '', n text)", installed=False
    )
    pair.b.run("ALTER TABLE t ALTER x TYPE varchar(3), ALTER n TYPE int USING n::int")
    pair.install()
    pair.a.run(
        "INSERT INTO t (x, n) VALUES ('ok', '1'), ('too long', '2'), ('ok', 'three'), ('ok', '99999999999'),"
        " ('ok', '5')"
    )
    pair.forth()
    assert [(p.key, p.sqlstate) for p in pair.b.parked()] == [("2", "22001"), ("3", "22P02"), ("4", "22003")]
    assert pair.b.column("SELECT n FROM t ORDER BY 1") == [1, 5]


def test_an_exception_of_a_trigger_of_the_target_is_the_reason(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE t (id serial PRIMARY KEY, x int)")
    pair.b.run("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF new.x = 13 THEN RAISE EXCEPTION 'not thirteen' USING ERRCODE = 'ZZ013'; END IF; RETURN new; END$$;
        CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION refuse();
    """)
    pair.a.run("INSERT INTO t (x) SELECT generate_series(10, 15)")
    pair.forth()
    assert [(p.key, p.sqlstate, p.message) for p in pair.b.parked()] == [("4", "ZZ013", "not thirteen")]
    assert pair.b.column("SELECT x FROM t ORDER BY 1") == [10, 11, 12, 14, 15]


def test_one_bad_change_among_many_does_not_cost_much(make_pair: MakePair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Halves, and halves of these: the number of attempts goes with what is parked, not with the size of the batch."""
    pair = make_pair("CREATE TABLE t (id serial PRIMARY KEY, x int)")
    pair.b.run("ALTER TABLE t ADD CHECK (x <> 777)")
    for first in range(1, 1001, 100):
        pair.a.run(f"INSERT INTO t (x) SELECT generate_series({first}, {first + 99})")
    attempts = []
    stage = FinerGrain._stage

    def counted(self: FinerGrain, part: Part) -> None:
        attempts.append((part.first, part.last))
        stage(self, part)

    monkeypatch.setattr(FinerGrain, "_stage", counted)
    assert pair.forth().parked == 1
    assert pair.b.value("SELECT count(*) FROM t") == 999
    assert len(attempts) < 40


def test_the_whole_transaction_is_not_lost_with_its_bad_change(shop: Pair) -> None:
    """The bad change is parked alone, in whatever order the transaction wrote."""
    shop.a.run(
        "INSERT INTO sale (customer_id, total) SELECT id, 7 FROM customer; INSERT INTO customer (name) VALUES ('cyd');"
        "UPDATE sale SET total = 8 WHERE total = 7; DELETE FROM sale WHERE total = 10"
    )
    shop.forth()
    assert parked(shop) == [("customer", "I", "error", "23514")]
    assert shop.assert_same(SALES) == [("ann", 8, None), ("of b", 0, None), ("of b", 8, None)]


def test_a_truncate_that_is_refused_blocks_its_table_until_it_is_mended(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE up (id serial PRIMARY KEY, name text); CREATE TABLE k (name text PRIMARY KEY)")
    pair.b.run("CREATE TABLE own (up_id int NOT NULL REFERENCES up)")
    pair.a.run("INSERT INTO up (name) VALUES ('one'), ('two')")
    pair.forth()
    pair.b.run("INSERT INTO own SELECT min(id) FROM up")
    pair.a.run("TRUNCATE up; INSERT INTO up (name) VALUES ('three')")
    pair.a.run("INSERT INTO up (name) VALUES ('four'); INSERT INTO k VALUES ('k')")
    pair.forth()
    assert [(p.op, p.reason) for p in pair.b.parked()] == [("T", "error"), ("I", "queued"), ("I", "queued")]
    assert pair.b.column("SELECT name FROM up ORDER BY 1") == ["one", "two"]
    assert pair.assert_same("SELECT * FROM k") == [("k",)]
    pair.b.run("DELETE FROM own")
    assert pair.retry().parked == 0
    assert pair.assert_same("SELECT name FROM up ORDER BY 1") == [("four",), ("three",)]


def test_a_skipped_change_lets_those_behind_it_go(shop: Pair) -> None:
    shop.a.run("UPDATE customer SET mail = NULL WHERE name = 'ann'")
    shop.a.run("UPDATE customer SET name = 'Ann' WHERE name = 'ann'")
    shop.forth()
    shop.b.run("UPDATE ucrepl.parked SET skipped_at = now() WHERE reason = 'error'")
    assert shop.retry().parked == 0
    assert ("Ann", "a@a") in shop.b.rows("SELECT name, mail FROM customer")
    shop.a.run("UPDATE customer SET name = 'ANN' WHERE name = 'Ann'")
    assert shop.forth().parked == 0
    assert ("ANN", "a@a") in shop.b.rows("SELECT name, mail FROM customer")


def test_what_is_parked_again_is_not_counted_as_applied(shop: Pair) -> None:
    """A drain tries as long as something could be applied: it would never end."""
    shop.a.run("INSERT INTO customer (id, name) VALUES (901, 'seen by nobody')")
    shop.a.run("TRUNCATE ucrepl.journal_0, ucrepl.journal_1, ucrepl.journal_2, ucrepl.journal_3")
    shop.a.run("UPDATE customer SET name = 'changed' WHERE id = 901")
    assert (shop.forth().applied, [p.reason for p in shop.b.parked()]) == (0, ["missing"])
    retried = shop.retry()
    assert (retried.changes, retried.parked) == (0, 1)
