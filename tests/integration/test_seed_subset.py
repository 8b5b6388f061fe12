"""`seed --where`: some rows are copied, with what belongs to them and all that they refer to."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.links import FORTH, MakePair, Pair
from tests.integration.terminal import FORTH as LINK
from tests.integration.terminal import Terminal
from tests.integration.test_seed_copy import BODIES, MESSAGE_RULES, MESSAGES, TOLD_APART, write_messages
from ucrepl.db.connect import connect
from ucrepl.errors import ConfigError, RefusedError, UsageError
from ucrepl.link.lock import held
from ucrepl.link.nodes import Nodes
from ucrepl.link.seed.run import Seeded
from ucrepl.link.seed.subset import Wish, copy_subset
from ucrepl.link.verify import Options, verify_link

TABLES = """
    CREATE TABLE ir_model (id serial PRIMARY KEY, model text UNIQUE);
    CREATE TABLE country (id serial PRIMARY KEY, code text UNIQUE, name text);
    CREATE TABLE res_partner (
        id serial PRIMARY KEY, ref text, name text, email text, parent_id int REFERENCES res_partner,
        country_id int REFERENCES country, user_id int
    );
    CREATE TABLE res_users (
        id serial PRIMARY KEY, login text NOT NULL, partner_id int NOT NULL REFERENCES res_partner
    );
    ALTER TABLE res_partner ADD FOREIGN KEY (user_id) REFERENCES res_users;
    CREATE TABLE tag (id serial PRIMARY KEY, name text);
    CREATE TABLE partner_tag (
        partner_id int REFERENCES res_partner, tag_id int REFERENCES tag, PRIMARY KEY (partner_id, tag_id)
    );
    CREATE TABLE partner_card (partner_id int PRIMARY KEY REFERENCES res_partner, number text);
    CREATE TABLE sale_order (
        id serial PRIMARY KEY, name text, date_order timestamp, partner_id int REFERENCES res_partner,
        tag_id int REFERENCES tag, card_id int REFERENCES partner_card
    );
    CREATE TABLE sale_order_line (
        id serial PRIMARY KEY, order_id int NOT NULL REFERENCES sale_order, name text, tag_id int REFERENCES tag
    );
    CREATE TABLE mail_message (
        id serial PRIMARY KEY, model text, res_id int, body text, author_id int REFERENCES res_partner
    );
    CREATE TABLE setting (key text PRIMARY KEY, value text);
"""
RULES: list[dict[str, Any]] = [
    {"table": "res_partner", "keys": [["ref"]]},
    {"table": "sale_order", "keys": [["name"]]},
    {"table": "sale_order_line", "belongs_to": ["order_id"]},
    {"table": "mail_message", "belongs_to": ["res_id"]},
]
NAMES = """
    SELECT 'order', name FROM sale_order UNION ALL SELECT 'line', name FROM sale_order_line
    UNION ALL SELECT 'partner', name FROM res_partner UNION ALL SELECT 'user', login FROM res_users
    UNION ALL SELECT 'tag', name FROM tag UNION ALL SELECT 'message', body FROM mail_message
    UNION ALL SELECT 'country', code FROM country UNION ALL SELECT 'card', number FROM partner_card
    UNION ALL SELECT 'link', p.name || ' ' || t.name FROM partner_tag AS pt JOIN res_partner AS p ON p.id = partner_id
    JOIN tag AS t ON t.id = pt.tag_id UNION ALL SELECT 'setting', key FROM setting
    ORDER BY 1, 2
"""
LAST = ["sale_order: date_order > now() - interval '30 days'"]
WHOLE = {
    "order": {"SO1"}, "line": {"SO1 one", "SO1 two"}, "partner": {"Ada", "boss", "seller", "writer"},
    "user": {"seller"}, "tag": {"one", "two"}, "message": {"about SO1"}, "country": {"FR", "IT"},
    "card": {"boss card"}, "link": {"Ada one"},
}  # fmt: skip


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(TABLES, installed=False, both_ways=False, rules=RULES)
    pair.a.run("""
        INSERT INTO country (code) VALUES ('IT'), ('FR'), ('DE');
        INSERT INTO tag (name) VALUES ('one'), ('two'), ('three');
        INSERT INTO res_partner (ref, name, email) SELECT n, n, n || '@private.example'
        FROM unnest('{Ada,boss,seller,writer,other,child}'::text[]) AS n;
        INSERT INTO res_users (login, partner_id) VALUES ('seller', 3), ('nobody', 5);
        UPDATE res_partner SET parent_id = 2, user_id = 1, country_id = 1 WHERE name = 'Ada';
        UPDATE res_partner SET parent_id = 1, country_id = 2 WHERE name = 'boss';
        UPDATE res_partner SET user_id = 1 WHERE name = 'seller';
        UPDATE res_partner SET parent_id = 1 WHERE name = 'child';
        INSERT INTO partner_tag VALUES (1, 1), (1, 3), (5, 1);
        INSERT INTO partner_card VALUES (2, 'boss card'), (5, 'other card');
        INSERT INTO sale_order (name, date_order, partner_id, tag_id, card_id) VALUES
            ('SO1', now(), 1, NULL, 2), ('SO2', now() - interval '40 days', 5, 3, NULL);
        INSERT INTO sale_order_line (order_id, name, tag_id) VALUES
            (1, 'SO1 one', 1), (1, 'SO1 two', 2), (2, 'SO2 one', 3);
        INSERT INTO mail_message (model, res_id, body, author_id) VALUES
            ('sale.order', 1, 'about SO1', 4), ('sale.order', 2, 'about SO2', 5),
            ('res.partner', 1, 'about Ada', 5), ('no.model', 1, 'about nothing', 5);
        INSERT INTO setting VALUES ('a', '1');
    """)
    pair.b.run("""
        INSERT INTO country (code, name) VALUES ('ES', 'Spain'), ('IT', 'Italy');
        INSERT INTO res_partner (ref, name) VALUES ('Ada', 'Ada here');
    """)
    for table in ("country", "tag", "res_partner", "res_users", "sale_order", "sale_order_line", "mail_message"):
        pair.b.run(f"SELECT setval('{table}_id_seq', 1000)")
    pair.install()
    return pair


def copy(pair: Pair, *where: str) -> Seeded:
    pair.close_links()
    with Nodes(pair.config, "seed") as nodes:
        return copy_subset(pair.config, pair.config.links[FORTH], nodes, [Wish.of(text) for text in where])


def held_by(pair: Pair) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for kind, name in pair.b.rows(NAMES):
        found.setdefault(kind, set()).add(name)
    return found


def assert_whole(pair: Pair) -> None:
    assert held_by(pair) == {**WHOLE, "country": {"ES", "FR", "IT"}}
    assert pair.b.rows(
        "SELECT p.name, b.name, c.code, u.login FROM res_partner AS p LEFT JOIN res_partner AS b ON b.id = p.parent_id"
        " LEFT JOIN country AS c ON c.id = p.country_id LEFT JOIN res_users AS u ON u.id = p.user_id ORDER BY 1"
    ) == [
        ("Ada", "boss", "IT", "seller"),
        ("boss", "Ada", "FR", None),
        ("seller", None, None, "seller"),
        ("writer", None, None, None),
    ]
    assert pair.b.rows(
        "SELECT o.name, p.name, m.body FROM sale_order AS o JOIN res_partner AS p ON p.id = o.partner_id"
        " JOIN mail_message AS m ON m.res_id = o.id AND m.model = 'sale.order'"
    ) == [("SO1", "Ada", "about SO1")]
    pair.assert_clean()


def test_the_closure_comes_along_and_nothing_else(pair: Pair) -> None:
    seeded = copy(pair, *LAST)
    assert_whole(pair)
    assert (seeded.rows, seeded.tables, seeded.paired, seeded.parked) == (15, 9, 2, 0)


def test_a_second_run_merges(pair: Pair) -> None:
    copy(pair, *LAST)
    pairs = pair.b.rows("SELECT * FROM ucrepl.identity_map ORDER BY 1, 2, 3")
    assert copy(pair, *LAST).paired == 0
    assert_whole(pair)
    assert pair.b.rows("SELECT * FROM ucrepl.identity_map ORDER BY 1, 2, 3") == pairs
    pair.a.run("UPDATE sale_order SET date_order = now(); UPDATE res_partner SET email = 'new' WHERE id = 1")
    copy(pair, *LAST)
    assert held_by(pair)["order"] == {"SO1", "SO2"}
    assert held_by(pair)["line"] == {"SO1 one", "SO1 two", "SO2 one"}
    assert held_by(pair)["link"] == {"Ada one", "Ada three", "other one"}
    assert pair.b.value("SELECT email FROM res_partner WHERE name = 'Ada'") == "new"
    pair.assert_clean()


def test_the_link_stays_where_it_is(pair: Pair) -> None:
    state = "SELECT position::text, seeded_at, seeding FROM ucrepl.link"
    copy(pair, *LAST)
    assert pair.b.rows(state) == [("3:3:", None, False)]
    assert pair.b.value("SELECT count(*) FROM ucrepl.seeded_table") == 0


def test_what_belongs_to_a_record_that_is_only_referred_to_stays(pair: Pair) -> None:
    copy(pair, "mail_message: id = 1")
    held = held_by(pair)
    assert held["order"] == {"SO1"}
    assert "line" not in held
    copy(pair, "res_partner: name = 'Ada'")
    assert held_by(pair)["message"] == {"about SO1", "about Ada"}


def test_several_wishes(pair: Pair) -> None:
    copy(pair, "setting: key = 'a'", "tag: name like 't%'", "country: code = 'DE'")
    assert held_by(pair) == {
        "setting": {"a"}, "tag": {"two", "three"}, "country": {"DE", "ES", "IT"}, "partner": {"Ada here"},
    }  # fmt: skip


def test_a_masked_reference_is_not_followed(pair: Pair) -> None:
    rules = [{"table": "sale_order", "set": {"card_id": None}}, {"table": "res_partner", "set": {"parent_id": None}}]
    pair.configure(rules=[*rules, *RULES], both_ways=False)
    copy(pair, *LAST)
    held = held_by(pair)
    assert "card" not in held
    assert held["partner"] == {"Ada", "seller", "writer"}


def verify(pair: Pair, *, repair: bool = False) -> dict[str, int]:
    pair.close_links()
    with Nodes(pair.config, "verify") as nodes:
        reports = verify_link(pair.config, pair.config.links[FORTH], nodes, Options(known=True, shown=9, repair=repair))
    assert sum(r.lagging for r in reports) == 0
    return {r.table: r.differs for r in reports if r.differs}


def test_what_was_copied_is_verified(pair: Pair) -> None:
    copy(pair, *LAST)
    assert verify(pair) == {}
    with pair.b.another(**{"ucrepl.origin": "x"}) as unseen:
        unseen.execute("SET search_path = public")
        unseen.execute("DELETE FROM partner_tag")
        unseen.execute("UPDATE sale_order SET name = 'changed'")
        unseen.execute("DELETE FROM sale_order_line WHERE name = 'SO1 two'")
        unseen.execute("DELETE FROM tag WHERE name = 'two'")
    different = {"partner_tag": 1, "sale_order": 1, "sale_order_line": 1, "tag": 1}
    assert verify(pair) == different
    assert verify(pair, repair=True) == different
    assert verify(pair) == {}
    assert_whole(pair)


def test_a_copy_that_is_followed_fetches_what_was_not_copied(pair: Pair) -> None:
    fetch = [{"table": "sale_order*", "missing": "fetch"}]
    pair.configure(rules=[*RULES, *fetch], both_ways=False)
    copy(pair, *LAST)
    pair.a.run("UPDATE res_partner SET country_id = 3, parent_id = 6, name = 'Other' WHERE name = 'other'")
    pair.a.run("""
        INSERT INTO sale_order (name, date_order, partner_id, tag_id) VALUES ('SO3', now(), 5, 3);
        INSERT INTO sale_order_line (order_id, name, tag_id) SELECT id, 'SO3 one', 1 FROM sale_order WHERE name = 'SO3';
    """)
    drained = pair.forth()
    held = held_by(pair)
    assert held["partner"] == {"Ada", "boss", "seller", "writer", "Other", "child"}
    assert (held["country"], held["tag"]) == ({"DE", "ES", "FR", "IT"}, {"one", "two", "three"})
    assert pair.b.rows(
        "SELECT o.name, p.name, b.name, c.code, t.name FROM sale_order AS o JOIN res_partner AS p ON p.id = partner_id"
        " JOIN res_partner AS b ON b.id = p.parent_id JOIN country AS c ON c.id = p.country_id"
        " JOIN tag AS t ON t.id = o.tag_id WHERE o.name = 'SO3'"
    ) == [("SO3", "Other", "child", "DE", "three")]
    assert held["user"] == {"seller"}
    assert held["link"] == {"Ada one", "Ada three", "Other one"}
    assert drained.parked == 0
    pair.assert_clean()
    assert verify(pair) == {}


def test_a_skipped_table_comes_along_only_where_a_rule_says_so(pair: Pair) -> None:
    skip = [{"table": "tag", "skip": True}]
    fetch = [{"table": "sale_order", "missing": {"tag_id": "fetch"}}]
    pair.configure(rules=[*RULES, *skip, *fetch], both_ways=False)
    copy(pair, "sale_order: true")
    held = held_by(pair)
    assert (held["order"], held["tag"]) == ({"SO1", "SO2"}, {"three"})
    lines = "SELECT l.name, t.name FROM sale_order_line AS l LEFT JOIN tag AS t ON t.id = tag_id ORDER BY 1"
    assert pair.b.rows(lines) == [("SO1 one", None), ("SO1 two", None), ("SO2 one", "three")]
    with pytest.raises(UsageError, match="there is no table 'tag'"):
        copy(pair, "tag: true")
    pair.assert_clean()


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("sale_order", "does not say of which table"),
        ("sale_order:", "does not say of which table"),
        ("sale_ordre: true", "there is no table 'sale_ordre'"),
        ("sale_order: (select true)", "the subquery"),
        ("sale_order: nmae = 'x'", "there is no column 'nmae'"),
        ("sale_order: name > 1", "operator does not exist"),
        ("sale_order: name", "must be type boolean"),
        ("sale_order: true; DROP TABLE sale_order", "there is a ';'"),
    ],
)
def test_errors_change_nothing(pair: Pair, where: str, words: str) -> None:
    before = held_by(pair)
    with pytest.raises(UsageError, match=words):
        copy(pair, *LAST, where)
    assert held_by(pair) == before
    assert pair.b.value("SELECT count(*) FROM ucrepl.identity") == 0
    assert pair.a.value("SELECT count(*) FROM sale_order") == 2


def test_what_can_not_be_copied_is_parked_until_it_can(pair: Pair) -> None:
    pair.b.run("INSERT INTO res_partner (ref, name) VALUES ('writer', 'w1'), ('writer', 'w2')")
    assert copy(pair, *LAST).parked == 2
    assert {p.table: p.reason for p in pair.b.parked()} == {"res_partner": "ambiguous", "mail_message": "unresolved"}
    copy(pair, "tag: true")
    assert len(pair.b.parked()) == 2
    copy(pair, *LAST)
    assert len(pair.b.parked()) == 2
    pair.b.run("DELETE FROM res_partner WHERE name IN ('w1', 'w2')")
    copy(pair, *LAST)
    assert pair.b.parked() == []
    assert held_by(pair)["message"] == {"about SO1"}


def test_it_refuses_while_a_daemon_holds_the_link(pair: Pair) -> None:
    link_id = pair.replayer().link_id
    with connect(pair.b.dsn) as daemon, held(daemon, link_id, LINK), pytest.raises(RefusedError, match="a daemon"):
        copy(pair, *LAST)
    pair.b.run("UPDATE ucrepl.link SET seeding = true")
    with pytest.raises(RefusedError, match="seeded as a whole"):
        copy(pair, *LAST)
    assert "order" not in held_by(pair)


@pytest.mark.parametrize(("column", "words"), [("name", "refers to no record"), ("nmae", "has no column 'nmae'")])
def test_belongs_to_needs_a_reference(pair: Pair, column: str, words: str) -> None:
    pair.configure(rules=[{"table": "sale_order_line", "belongs_to": [column]}], both_ways=False)
    with pytest.raises(ConfigError, match=words):
        copy(pair, *LAST)


def test_on_the_command_line(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    said = terminal("seed", LINK, "--where", LAST[0], "--where", "setting: true")
    assert said.err.splitlines()[-1] == f"{LINK}: 16 rows of 10 tables copied, 2 records recognised"
    assert terminal("verify", LINK, "--known").err.endswith("0 differ\n")
    assert "take one" in terminal.refused("seed", LINK, "--same-ids", "--where", LAST[0], code=2)[1]


def test_messages_with_the_same_id_are_told_apart_by_the_records_they_belong_to(make_pair: MakePair) -> None:
    pair = make_pair(MESSAGES, installed=False, both_ways=False, rules=MESSAGE_RULES)
    write_messages(pair)
    pair.install()
    copy(pair, "mail_message: true", "mail_notification: true")
    assert pair.b.rows(BODIES) == TOLD_APART
    assert pair.b.parked() == []
