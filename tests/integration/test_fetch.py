"""References to records that are not here: they become null, park their change, or the record is fetched."""

from typing import Any

import pytest

from tests.integration.links import BACK, FORTH, MakePair, Pair
from tests.integration.test_seed_copy import seed
from ucrepl.errors import ConfigError
from ucrepl.link.nodes import Nodes
from ucrepl.link.verify import Options, verify_link

TABLES = """
    CREATE TABLE ir_model (id serial PRIMARY KEY, model text UNIQUE);
    CREATE TABLE ir_model_data (
        id serial PRIMARY KEY, module text NOT NULL, name text NOT NULL, model text NOT NULL, res_id int,
        UNIQUE (module, name)
    );
    CREATE TABLE res_country (id serial PRIMARY KEY, code text, name text);
    CREATE TABLE res_partner (
        id serial PRIMARY KEY, ref text, name text, email text, parent_id int REFERENCES res_partner,
        country_id int REFERENCES res_country, user_id int
    );
    CREATE TABLE res_users (
        id serial PRIMARY KEY, login text NOT NULL, partner_id int NOT NULL REFERENCES res_partner
    );
    ALTER TABLE res_partner ADD FOREIGN KEY (user_id) REFERENCES res_users;
    CREATE TABLE tag (id serial PRIMARY KEY, name text);
    CREATE TABLE sale_order (
        id serial PRIMARY KEY, name text, partner_id int REFERENCES res_partner, payer_id int REFERENCES res_partner
    );
    CREATE TABLE order_tag (
        order_id int REFERENCES sale_order ON DELETE CASCADE, tag_id int REFERENCES tag, PRIMARY KEY (order_id, tag_id)
    );
    CREATE TABLE sale_order_line (
        id serial PRIMARY KEY, order_id int NOT NULL REFERENCES sale_order, name text,
        tag_id int NOT NULL REFERENCES tag
    );
    CREATE TABLE mail_message (id serial PRIMARY KEY, model text, res_id int, body text);
"""
OLD = """
    INSERT INTO res_country (code, name) VALUES ('IT', 'Italy'), ('FR', 'France');
    INSERT INTO tag (name) VALUES ('one'), ('two');
    INSERT INTO res_partner (ref, name, email, country_id) VALUES
        ('ada', 'Ada', 'ada@private', 1), ('boss', 'Boss', NULL, 2), ('seller', 'Seller', NULL, NULL),
        ('x', 'X', NULL, 2);
    INSERT INTO res_users (login, partner_id) VALUES ('seller', 3);
    UPDATE res_partner SET parent_id = 2, user_id = 1 WHERE id = 1;
    UPDATE res_partner SET user_id = 1, parent_id = 1 WHERE id = 3;
"""
FETCH: list[dict[str, Any]] = [{"table": "sale_order", "missing": "fetch"}, {"table": "res_partner", "keys": [["ref"]]}]
PARTNERS = """
    SELECT p.name, c.code, b.name, u.login FROM res_partner AS p LEFT JOIN res_country AS c ON c.id = p.country_id
    LEFT JOIN res_partner AS b ON b.id = p.parent_id LEFT JOIN res_users AS u ON u.id = p.user_id ORDER BY 1
"""
ORDERS = "SELECT o.name, p.name FROM sale_order AS o LEFT JOIN res_partner AS p ON p.id = partner_id ORDER BY 1"
ADA = [("Ada", "IT", "Boss", "seller"), ("Boss", "FR", None, None), ("Seller", None, "Ada", "seller")]


def old(make_pair: MakePair, rules: list[dict[str, Any]], more: str = "", there: str = "", **link: Any) -> Pair:  # noqa: ANN401
    """A pair of which a has records from before the link, and b has none."""
    pair = make_pair(TABLES, installed=False, both_ways=link.pop("both_ways", False), rules=rules, **link)
    pair.a.run(OLD + more)
    if there:
        pair.b.run(there)
    for table in ("res_country", "res_partner", "res_users", "tag", "sale_order", "sale_order_line"):
        pair.b.run(f"SELECT setval('{table}_id_seq', 1000)")
    pair.install()
    return pair


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return old(make_pair, FETCH)


def test_a_missing_record_comes_with_all_that_it_needs(pair: Pair) -> None:
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO1', 1), ('SO2', 1)")
    drained = pair.forth()
    assert pair.b.rows(PARTNERS) == ADA
    assert pair.assert_same(ORDERS) == [("SO1", "Ada"), ("SO2", "Ada")]
    assert (drained.finer, drained.applied) == (False, 8)
    assert pair.b.value("SELECT min(id) FROM res_partner") > 1000
    pair.assert_clean()


def test_a_later_batch_finds_it_here(pair: Pair) -> None:
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO1', 1)")
    pair.forth()
    pair.a.run(
        "INSERT INTO sale_order (name, partner_id, payer_id) VALUES ('SO2', 1, 4); UPDATE sale_order SET payer_id = 3"
    )
    assert pair.forth().applied == 2
    assert [row[0] for row in pair.b.rows(PARTNERS)] == ["Ada", "Boss", "Seller"]
    pair.assert_clean()


def test_an_update_fetches_too(pair: Pair) -> None:
    pair.a.run("INSERT INTO sale_order (name) VALUES ('SO1')")
    pair.forth()
    pair.a.run("UPDATE sale_order SET partner_id = 4")
    pair.forth()
    assert pair.b.rows(PARTNERS) == [("X", "FR", None, None)]
    assert pair.assert_same(ORDERS) == [("SO1", "X")]
    pair.assert_clean()


LATER = {
    "insert": "INSERT INTO res_partner (id, ref, name) VALUES (50, 'new', 'New');"
    "UPDATE res_partner SET parent_id = 50 WHERE id = 1",
    "insert and update": "INSERT INTO res_partner (id, name) VALUES (50, 'Newer');"
    "UPDATE res_partner SET name = 'New' WHERE id = 50; UPDATE res_partner SET parent_id = 50 WHERE id = 1",
    "update": "UPDATE res_partner SET email = 'other' WHERE id = 1;UPDATE res_partner SET parent_id = 4 WHERE id = 1",
    "key": "UPDATE res_country SET code = code || '2'; UPDATE res_partner SET country_id = 2 WHERE id = 1",
}


@pytest.mark.parametrize("later", LATER.values(), ids=LATER)
@pytest.mark.parametrize("conflicts", ["latest", "park", "target"])
def test_changes_that_are_in_the_fetched_row_are_not_applied_again(pair: Pair, later: str, conflicts: str) -> None:
    pair.configure(rules=FETCH, both_ways=False, conflicts=conflicts)
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO1', 1)")
    replayer = pair.replayer()
    position, _ = replayer.position()
    window = replayer.window(position)
    pair.a.run(later)
    replayer.replay(position, window)
    fetched = pair.b.rows(PARTNERS)
    assert set(fetched) <= set(pair.a.rows(PARTNERS))
    assert "Ada" in [row[0] for row in fetched]
    pair.a.run("UPDATE res_partner SET name = name || '!', email = concat(email, ' new') WHERE id IN (1, 50)")
    pair.forth()
    pair.assert_same("SELECT name, email FROM res_partner WHERE name LIKE '%!' ORDER BY 1")
    assert pair.assert_same(ORDERS) == [("SO1", "Ada!")]
    assert pair.b.conflicts() == []
    assert {p.reason for p in pair.b.parked()} <= {"missing"}  # of what never came
    pair.a.run("DELETE FROM sale_order; UPDATE res_partner SET parent_id = NULL; DELETE FROM res_partner WHERE id = 1")
    pair.forth()
    assert "Ada!" not in pair.b.column("SELECT name FROM res_partner")


def test_what_was_fetched_is_forgotten_when_the_link_is_past_it(pair: Pair) -> None:
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO1', 4)")
    pair.forth()
    assert pair.b.value("SELECT count(*) FROM ucrepl.fetched") == 2
    pair.a.run("INSERT INTO res_partner (name) VALUES ('new')")
    pair.forth()
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO2', 1)")
    pair.forth()
    assert pair.b.value("SELECT count(*) FROM ucrepl.fetched WHERE key = '4'") == 0


def test_a_change_that_was_parked_before_its_record_was_fetched(pair: Pair) -> None:
    pair.a.run("UPDATE res_partner SET email = 'first' WHERE id = 1")
    pair.forth()
    assert [p.reason for p in pair.b.parked()] == ["missing"]
    pair.a.run(
        "UPDATE res_partner SET email = 'second' WHERE id = 1;"
        "INSERT INTO sale_order (name, partner_id) VALUES ('SO1', 1)"
    )
    pair.forth()
    assert pair.b.column("SELECT email FROM res_partner WHERE name = 'Ada'") == ["second"]
    pair.a.run("UPDATE res_partner SET email = 'third' WHERE id = 1")
    pair.forth()
    assert pair.b.column("SELECT email FROM res_partner WHERE name = 'Ada'") == ["third"]
    pair.assert_clean()


def delete_meanwhile(pair: Pair, order: str) -> None:
    """Replays an order whose partner is gone when it comes to that."""
    pair.a.run(order)
    replayer = pair.replayer()
    position, _ = replayer.position()
    window = replayer.window(position)
    pair.a.run(
        "DELETE FROM sale_order_line; UPDATE sale_order SET partner_id = NULL; DELETE FROM res_partner WHERE id = 4;"
        "DELETE FROM tag"
    )
    replayer.replay(position, window)


def test_a_record_that_the_source_has_no_more_becomes_null(pair: Pair) -> None:
    delete_meanwhile(pair, "INSERT INTO sale_order (name, partner_id, payer_id) VALUES ('SO1', 4, 1), ('SO2', 1, NULL)")
    assert pair.b.rows(ORDERS) == [("SO1", None), ("SO2", "Ada")]
    assert pair.b.value("SELECT count(*) FROM sale_order WHERE payer_id IS NOT NULL") == 1
    pair.forth()
    assert pair.assert_same(ORDERS) == [("SO1", None), ("SO2", None)]
    pair.assert_clean()


def test_where_it_may_not_be_null_the_change_is_parked(pair: Pair) -> None:
    pair.configure(rules=[{"table": "*", "missing": "fetch"}], both_ways=False)
    delete_meanwhile(
        pair,
        "INSERT INTO sale_order (name) VALUES ('SO1');"
        "INSERT INTO sale_order_line (order_id, name, tag_id) VALUES (1, 'l', 1)",
    )
    assert [(p.table, p.op, p.reason, p.sqlstate) for p in pair.b.parked()] == [
        ("sale_order_line", "I", "unresolved", "UC001")
    ]
    pair.forth()
    assert pair.retry().parked == 0
    assert pair.b.rows(ORDERS) == [("SO1", None)]
    pair.assert_clean()


def test_a_record_that_the_target_has_is_recognised(make_pair: MakePair) -> None:
    pair = old(
        make_pair,
        FETCH,
        more="""
            INSERT INTO ir_model (model) VALUES ('res.country');
            INSERT INTO ir_model_data (module, name, model, res_id) VALUES ('base', 'it', 'res.country', 1);
        """,
        there="""
            INSERT INTO ir_model (model) VALUES ('res.country');
            INSERT INTO res_country (id, code) VALUES (7, 'Italia');
            INSERT INTO ir_model_data (module, name, model, res_id) VALUES ('base', 'it', 'res.country', 7);
            INSERT INTO res_partner (id, ref, name) VALUES (70, 'ada', 'here');
        """,
    )
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO1', 1)")
    pair.forth()
    assert pair.b.rows("SELECT id, name FROM res_partner WHERE ref = 'ada'") == [(70, "Ada")]
    assert pair.b.rows("SELECT id, code FROM res_country ORDER BY 1")[0] == (7, "IT")
    assert pair.b.rows("SELECT module, name, res_id FROM ir_model_data") == [("base", "it", 7)]
    assert pair.b.parked() == []


def test_a_record_that_could_be_several_is_parked_with_what_refers_to_it(pair: Pair) -> None:
    pair.b.run("INSERT INTO res_partner (ref, name) VALUES ('x', 'x1'), ('x', 'x2')")
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO1', 4), ('SO2', 1)")
    pair.forth()
    assert [(p.table, p.reason) for p in pair.b.parked()] == [
        ("res_partner", "ambiguous"),
        ("sale_order", "unresolved"),
    ]
    pair.a.run(
        "INSERT INTO sale_order (name, partner_id) VALUES ('SO3', 4); UPDATE res_partner SET name = 'XX' WHERE id = 4"
    )
    pair.forth()
    assert len(pair.b.parked()) == 4
    pair.b.run("DELETE FROM res_partner WHERE name = 'x1'")
    assert pair.retry().parked == 0
    assert pair.assert_same(ORDERS) == [("SO1", "XX"), ("SO2", "Ada"), ("SO3", "XX")]
    assert pair.b.parked() == []


def test_what_was_mentioned_before_is_fetched_and_what_was_deleted_here_is_not(pair: Pair) -> None:
    pair.run("INSERT INTO ir_model (model) VALUES ('res.partner')")
    pair.close_links()
    pair.a.run("INSERT INTO mail_message (model, res_id, body) VALUES ('res.partner', 1, 'about Ada')")
    pair.forth()
    assert pair.b.column("SELECT name FROM res_partner") == []
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO1', 1)")
    pair.forth()
    assert pair.b.rows("SELECT p.name FROM mail_message JOIN res_partner AS p ON p.id = res_id") == [("Ada",)]
    assert [p for p in pair.b.parked() if p.table != "ir_model"] == []
    pair.b.run(
        "DELETE FROM mail_message; DELETE FROM sale_order; UPDATE res_partner SET parent_id = NULL;"
        "DELETE FROM res_partner WHERE name = 'Ada'"
    )
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO2', 1)")
    pair.forth()
    assert "Ada" not in pair.b.column("SELECT name FROM res_partner")


def test_a_reference_by_model_name(pair: Pair) -> None:
    pair.configure(rules=[*FETCH, {"table": "mail_message", "missing": "fetch"}], both_ways=False)
    pair.run("INSERT INTO ir_model (model) VALUES ('res.partner'), ('sale.order')")
    pair.a.run(
        "INSERT INTO mail_message (model, res_id, body) VALUES ('res.partner', 4, 'X'), ('sale.order', 99, 'gone'),"
        " ('res.partner', 0, 'none'), ('no.model', 5, 'unknown'), (NULL, NULL, 'null')"
    )
    pair.forth()
    assert pair.b.rows(
        "SELECT m.body, p.name FROM mail_message AS m JOIN res_partner AS p ON p.id = res_id AND model = 'res.partner'"
    ) == [("X", "X")]
    assert pair.b.rows("SELECT body, res_id FROM mail_message WHERE body > 'm' AND body <> 'X' ORDER BY 1") == [
        ("none", 0), ("null", None), ("unknown", 5),
    ]  # fmt: skip
    assert [p for p in pair.b.parked() if p.table != "ir_model"] == []


@pytest.mark.parametrize(
    ("policy", "expected", "parked"),
    [
        (None, [("known", True), ("none", True), ("other", True), ("unknown", True)], []),
        ("null", [("known", True), ("none", True), ("other", True), ("unknown", False)], []),
        ("park", [("known", True), ("none", True), ("other", True)], [("mail_message", "unresolved", "UC001")]),
    ],
)
def test_by_model_name_null_and_park(pair: Pair, policy: str | None, expected: list[Any], parked: list[Any]) -> None:
    pair.run("INSERT INTO ir_model (model) VALUES ('res.partner')")
    rules = [{"table": "mail_message", "missing": {"res_id": policy}}] if policy else []
    pair.configure(rules=rules, both_ways=False)
    pair.a.run(
        "INSERT INTO res_partner (id, name) VALUES (60, 'known'); INSERT INTO mail_message (model, res_id, body) VALUES"
        " ('res.partner', 60, 'known'), ('res.partner', 1, 'unknown'), ('res.partner', 0, 'none'), ('x', 1, 'other')"
    )
    pair.forth()
    assert pair.b.rows("SELECT body, res_id IS NOT NULL FROM mail_message ORDER BY 1") == expected
    assert [(p.table, p.reason, p.sqlstate) for p in pair.b.parked() if p.table != "ir_model"] == parked


def test_a_many2many_row_fetches(pair: Pair) -> None:
    pair.configure(rules=[{"table": "order_tag", "missing": {"tag_id": "fetch"}}], both_ways=False)
    pair.a.run("INSERT INTO sale_order (name) VALUES ('SO1'); INSERT INTO order_tag VALUES (1, 1), (1, 2)")
    pair.forth()
    assert pair.assert_same("SELECT t.name FROM order_tag JOIN tag AS t ON t.id = tag_id ORDER BY 1") == [
        ("one",),
        ("two",),
    ]
    pair.assert_clean()


def test_null_and_park_by_rule(pair: Pair) -> None:
    rules: list[dict[str, Any]] = [
        {"table": "sale_order", "name": "orders", "missing": {"payer_id": None, "partner_id": "park"}},
        {"table": "sale_order_line", "name": "lines", "missing": None},
    ]
    pair.configure(rules=rules, both_ways=False, missing="fetch")
    pair.a.run("""
        INSERT INTO sale_order (name, partner_id, payer_id) VALUES ('SO1', NULL, 1), ('SO2', 1, NULL);
        INSERT INTO sale_order_line (order_id, name, tag_id) VALUES (1, 'left out', 1);
        INSERT INTO tag (id, name) VALUES (9, 'new');
        INSERT INTO sale_order_line (order_id, name, tag_id) VALUES (1, 'comes', 9);
    """)
    pair.forth()
    assert pair.b.rows("SELECT name, partner_id, payer_id FROM sale_order") == [("SO1", None, None)]
    assert pair.b.column("SELECT name FROM sale_order_line") == ["comes"]
    assert [(p.table, p.reason) for p in pair.b.parked()] == [("sale_order", "unresolved")]
    assert pair.b.rows("SELECT rule, rows FROM ucrepl.skipped") == [("lines", 1)]
    pair.a.run("UPDATE sale_order_line SET name = 'also left out' WHERE name = 'left out'")
    pair.forth()
    assert pair.b.rows("SELECT rule, rows FROM ucrepl.skipped") == [("lines", 2)]


def test_a_parked_change_fetches_when_it_is_tried_again_under_another_rule(pair: Pair) -> None:
    pair.configure(rules=[], both_ways=False)
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO1', 1)")
    pair.forth()
    assert [p.reason for p in pair.b.parked()] == ["unresolved"]
    pair.configure(rules=FETCH, both_ways=False)
    assert pair.retry().parked == 0
    assert pair.b.rows(PARTNERS) == ADA
    assert pair.assert_same(ORDERS) == [("SO1", "Ada")]
    pair.assert_clean()


SKIPPED: list[dict[str, Any]] = [
    {"table": "sale_order", "missing": {"partner_id": "fetch"}},
    {"table": "res_partner", "name": "no partners", "skip": True},
    {"table": "res_partner", "keys": [["ref"]], "set": {"email": "'masked'"}},
]


def test_records_of_a_skipped_table_come_only_when_something_refers_to_them(make_pair: MakePair) -> None:
    pair = old(make_pair, SKIPPED)
    pair.a.run("""
        INSERT INTO res_partner (id, name, email) VALUES (60, 'new', 'new@private');
        INSERT INTO sale_order (name, partner_id, payer_id) VALUES ('SO1', 1, 4);
    """)
    pair.forth()
    assert pair.b.rows(PARTNERS) == [("Ada", "IT", None, None)]  # a skipped record is not needed, unless a rule says so
    assert pair.b.rows("SELECT name, payer_id FROM sale_order") == [("SO1", None)]
    assert pair.b.column("SELECT email FROM res_partner") == ["masked"]
    pair.a.run(
        "UPDATE res_partner SET name = 'Ada L.', email = 'ada@secret' WHERE id = 1; UPDATE sale_order SET payer_id = 1"
    )
    pair.forth()
    assert pair.b.rows("SELECT p.name, email FROM sale_order JOIN res_partner AS p ON p.id = payer_id") == [
        ("Ada", "masked")
    ]
    assert pair.b.rows("SELECT rule, rows FROM ucrepl.skipped") == [("no partners", 2)]
    pair.assert_clean()


def test_a_full_seed_fetches_from_a_skipped_table(make_pair: MakePair) -> None:
    pair = old(
        make_pair,
        SKIPPED,
        more="INSERT INTO sale_order (name, partner_id) VALUES ('SO1', 1), ('SO2', 1), ('SO3', 3)",
        there="INSERT INTO res_partner (id, ref, name) VALUES (70, 'seller', 'here'), (71, 'x', 'x')",
    )
    seed(pair)
    assert pair.b.rows(ORDERS) == [("SO1", "Ada"), ("SO2", "Ada"), ("SO3", "here")]
    assert sorted(pair.b.column("SELECT name FROM res_partner")) == ["Ada", "here", "x"]
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO4', 2)")
    pair.forth()
    assert ("SO4", "Boss") in pair.b.rows(ORDERS)


def test_both_ways(make_pair: MakePair) -> None:
    pair = old(make_pair, FETCH, both_ways=True)
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO1', 1)")
    pair.forth()
    pair.b.run("UPDATE res_partner SET name = 'Ada of b' WHERE name = 'Ada'")
    pair.settle()
    assert pair.assert_same(ORDERS) == [("SO1", "Ada of b")]
    assert pair.a.rows("SELECT id FROM res_partner WHERE name = 'Ada of b'") == [(1,)]
    assert pair.drain(BACK).batches == pair.drain(FORTH).batches == []
    pair.assert_clean()


def test_a_rule_for_what_is_no_reference(pair: Pair) -> None:
    pair.configure(rules=[{"table": "sale_order", "missing": {"name": "fetch"}}], both_ways=False)
    with pytest.raises(ConfigError, match="column 'name' of table 'sale_order' refers to no record"):
        pair.forth()


def test_both_ways_the_later_change_of_a_recognised_record_wins(make_pair: MakePair) -> None:
    pair = old(make_pair, FETCH, both_ways=True)
    pair.b.run("INSERT INTO res_partner (id, ref, name, email) VALUES (70, 'x', 'of b', 'of b')")
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO1', 4)")
    pair.a.run("UPDATE res_partner SET name = 'of a' WHERE id = 4")
    pair.b.run("UPDATE res_partner SET email = 'of b, later' WHERE id = 70")
    pair.settle()
    assert pair.assert_same("SELECT name, email FROM res_partner WHERE ref = 'x'") == [("of a", "of b, later")]
    assert pair.b.rows("SELECT id FROM res_partner WHERE ref = 'x'") == [(70,)]
    assert [*pair.a.parked(), *pair.b.parked()] == []


def test_a_repair_fetches_too(make_pair: MakePair) -> None:
    pair = old(make_pair, SKIPPED, more="INSERT INTO sale_order (name, partner_id) VALUES ('SO1', 1)")
    pair.close_links()
    with Nodes(pair.config, "verify") as nodes:
        [report] = [
            report
            for report in verify_link(pair.config, pair.config.links[FORTH], nodes, Options(repair=True))
            if report.table == "sale_order"
        ]
    assert (report.missing, report.mended, report.failed) == (1, 1, 0)
    assert pair.assert_same(ORDERS) == [("SO1", "Ada")]
    pair.assert_clean()


def test_in_the_finer_grain(pair: Pair) -> None:
    pair.b.run("ALTER TABLE sale_order ADD CHECK (name <> 'bad'); ALTER TABLE res_partner ADD CHECK (name <> 'X')")
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO1', 1)")
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('bad', 1)")
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO3', 1); UPDATE res_partner SET email = 'new'")
    pair.a.run("INSERT INTO sale_order (name, partner_id) VALUES ('SO4', 4)")
    assert pair.forth().finer
    assert pair.b.rows(ORDERS) == [("SO1", "Ada"), ("SO3", "Ada")]
    assert pair.b.column("SELECT DISTINCT email FROM res_partner") == ["new"]
    assert [(p.table, p.key, p.reason, p.sqlstate) for p in pair.b.parked()] == [
        ("sale_order", "2", "error", "23514"),
        ("res_partner", "4", "missing", None),
        ("sale_order", "4", "error", "23514"),  # for the sake of the record that it needs
    ]
    pair.b.run("ALTER TABLE sale_order DROP CONSTRAINT sale_order_name_check")
    pair.b.run("ALTER TABLE res_partner DROP CONSTRAINT res_partner_name_check")
    assert pair.retry().parked == 0
    assert pair.assert_same(ORDERS) == [("SO1", "Ada"), ("SO3", "Ada"), ("SO4", "X"), ("bad", "Ada")]
    pair.assert_clean()


def test_a_key_that_is_a_reference(pair: Pair) -> None:
    pair.run("CREATE TABLE card (partner_id int PRIMARY KEY REFERENCES res_partner, number text)")
    pair.install()
    pair.configure(rules=[{"table": "card", "missing": "fetch"}], both_ways=False)
    pair.a.run("INSERT INTO card VALUES (4, 'one')")
    pair.forth()
    assert pair.b.rows("SELECT p.name, number FROM card JOIN res_partner AS p ON p.id = partner_id") == [("X", "one")]
    pair.assert_clean()


def test_a_name_with_a_percent_sign(pair: Pair) -> None:
    pair.run(
        'CREATE TABLE "50%s" (id serial PRIMARY KEY, "a%b" int REFERENCES res_partner, "c%d" int REFERENCES "50%s")'
    )
    pair.a.run('INSERT INTO "50%s" ("a%b") VALUES (4)')
    pair.install()
    pair.configure(rules=[{"table": "50%s", "missing": "fetch"}], both_ways=False)
    pair.a.run('INSERT INTO "50%s" ("c%d") VALUES (1)')
    pair.forth()
    assert pair.b.rows('SELECT p.name FROM "50%s" JOIN res_partner AS p ON p.id = "a%b"') == [("X",)]
    pair.assert_clean()


def test_many_at_once(pair: Pair) -> None:
    pair.a.run("""
        SET ucrepl.origin = 'from before';
        INSERT INTO res_partner (name, parent_id) SELECT 'p' || n, 1 FROM generate_series(1, 3000) AS n;
        RESET ucrepl.origin;
        INSERT INTO sale_order (name, partner_id) SELECT 's' || id, id FROM res_partner;
    """)
    assert not pair.forth().finer
    assert len(pair.assert_same(ORDERS)) == 3004
    pair.assert_clean()
