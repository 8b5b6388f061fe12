"""A database that already holds data is brought to the state of another one, and follows it from there."""

import pytest

from tests.integration.links import FORTH, MakePair, Pair
from ucrepl.link.nodes import Nodes
from ucrepl.link.seed.run import Seeded, seed_link

TABLES = """
    CREATE TABLE country (id serial PRIMARY KEY, code text UNIQUE, name text);
    CREATE TABLE partner (
        id serial PRIMARY KEY, ref text, name text, parent_id int REFERENCES partner,
        country_id int REFERENCES country, user_id int
    );
    CREATE TABLE users (id serial PRIMARY KEY, login text NOT NULL, partner_id int NOT NULL REFERENCES partner);
    CREATE UNIQUE INDEX ON users (lower(login));
    ALTER TABLE partner ADD FOREIGN KEY (user_id) REFERENCES users;
    CREATE TABLE tag (id serial PRIMARY KEY, name text);
    CREATE TABLE partner_tag (
        partner_id int REFERENCES partner ON DELETE CASCADE, tag_id int REFERENCES tag ON DELETE CASCADE,
        PRIMARY KEY (partner_id, tag_id)
    );
    CREATE TABLE setting (key text PRIMARY KEY, value text);
"""
PARTNERS = """
    SELECT p.name, b.name, c.code, u.login FROM partner AS p LEFT JOIN partner AS b ON b.id = p.parent_id
    LEFT JOIN country AS c ON c.id = p.country_id LEFT JOIN users AS u ON u.id = p.user_id WHERE p.ref <> 'own'
    ORDER BY 1
"""
TAGS = """
    SELECT p.name, t.name FROM partner_tag JOIN partner AS p ON p.id = partner_id JOIN tag AS t ON t.id = tag_id
    ORDER BY 1, 2
"""
RULES = [{"table": "partner", "keys": [["ref"]]}]


def seed(pair: Pair, direction: int = FORTH, *tables: str) -> Seeded:
    pair.close_links()
    with Nodes(pair.config, "seed") as nodes:
        return seed_link(pair.config, pair.config.links[direction], nodes, names=tables or None)


def fill(pair: Pair) -> None:
    pair.a.run("""
        INSERT INTO country (code, name) VALUES ('IT', 'Italia'), ('FR', 'France'), ('DE', 'Germania');
        INSERT INTO tag (name) VALUES ('one'), ('two');
        INSERT INTO partner (ref, name, parent_id, country_id)
        SELECT 'R' || n, 'turin ' || n, CASE WHEN n > 5 THEN n % 5 + 1 END, n % 3 + 1 FROM generate_series(1, 100) AS n;
        UPDATE partner SET parent_id = 101 - id WHERE id < 5;
        INSERT INTO users (login, partner_id) VALUES ('Ada', 7), ('Bob', 100);
        UPDATE partner SET user_id = id % 2 + 1;
        INSERT INTO partner_tag SELECT id, 1 FROM partner WHERE id % 10 = 0;
        INSERT INTO setting VALUES ('a', '1'), ('b', '2');
    """)
    pair.b.run("""
        INSERT INTO country (code, name) VALUES ('FR', 'Francia'), ('IT', 'Italy'), ('ES', 'Spain');
        INSERT INTO partner (ref, name, country_id) VALUES ('own', 'milan only', 3), ('R3', 'milan 3', 3);
        INSERT INTO users (login, partner_id) VALUES ('ADA', 1);
        INSERT INTO setting VALUES ('b', 'other'), ('c', '3');
    """)


def filled(make_pair: MakePair) -> Pair:
    """Two databases, each with data of its own, and a link from one to the other."""
    pair = make_pair(TABLES, installed=False, both_ways=False, rules=RULES)
    fill(pair)
    pair.install()
    return pair


@pytest.mark.parametrize("in_turns", [False, True], ids=["at once", "by several lanes in turns"])
def test_what_is_here_is_recognised_and_the_rest_is_made(
    make_pair: MakePair, monkeypatch: pytest.MonkeyPatch, *, in_turns: bool
) -> None:
    if in_turns:
        monkeypatch.setattr("ucrepl.link.seed.stream.BATCH_ROWS", 7)
        monkeypatch.setattr("ucrepl.link.seed.run.BATCH_BYTES", 0)
    pair = filled(make_pair)

    seeded = seed(pair)

    pair.assert_same(PARTNERS)
    pair.assert_same(TAGS)
    assert pair.b.rows("SELECT code, name FROM country ORDER BY code") == [
        ("DE", "Germania"),
        ("ES", "Spain"),
        ("FR", "France"),
        ("IT", "Italia"),
    ]
    assert pair.b.rows("SELECT login, p.name FROM users JOIN partner AS p ON p.id = partner_id ORDER BY 1") == [
        ("Ada", "turin 7"),
        ("Bob", "turin 100"),
    ]
    assert pair.b.column("SELECT name FROM partner WHERE ref = 'own'") == ["milan only"]
    assert pair.b.rows("SELECT * FROM setting ORDER BY 1") == [("a", "1"), ("b", "2"), ("c", "3")]
    assert (seeded.parked, seeded.rows) == (0, 119)
    assert pair.forth().applied == 0
    pair.assert_clean()


def test_links_between_records_of_both_sides_are_those_of_the_source(make_pair: MakePair) -> None:
    pair = make_pair(TABLES, installed=False, rules=[*RULES, {"table": "tag", "keys": [["name"]]}])
    fill(pair)
    pair.b.run("""
        INSERT INTO tag (name) VALUES ('two'), ('own');
        INSERT INTO partner_tag SELECT p.id, t.id FROM partner AS p, tag AS t WHERE p.ref = 'R3';
    """)
    pair.install()
    pair.b.run("INSERT INTO tag (name) VALUES ('one')")
    pair.b.run(
        "INSERT INTO partner_tag SELECT p.id, t.id FROM partner AS p, tag AS t WHERE p.ref = 'R3' AND t.name = 'one'"
    )

    seed(pair)

    assert pair.b.column("""
        SELECT t.name FROM partner_tag JOIN partner AS p ON p.id = partner_id JOIN tag AS t ON t.id = tag_id
        WHERE p.ref = 'R3' ORDER BY 1
    """) == ["one", "own"]  # "two" was there before, and the source has it not


MESSAGES = """
    CREATE TABLE mail_message (id serial PRIMARY KEY, message_id text, model text, res_id int, body text);
    CREATE INDEX ON mail_message (message_id);
    CREATE TABLE mail_notification (
        id serial PRIMARY KEY, mail_message_id int REFERENCES mail_message, res_partner_id int, failure text
    );
    CREATE TABLE sale_order (id serial PRIMARY KEY, name text);
"""
MESSAGE_RULES = [
    {"table": "sale_order", "keys": [["name"]]},
    {"table": "mail_notification", "keys": [["mail_message_id", "res_partner_id"]]},
]
BODIES = """
    SELECT m.body, o.name, n.failure FROM mail_message AS m
    LEFT JOIN sale_order AS o ON m.model = 'sale.order' AND o.id = m.res_id
    LEFT JOIN mail_notification AS n ON n.mail_message_id = m.id ORDER BY 1
"""
TOLD_APART = [
    ("1 of turin", "S1", None),
    ("2 of turin", "S2", "bounced"),
    ("alone in turin", None, None),
    ("milan only", "S3", None),
    ("of no order", None, None),
    ("turin only", "S4", None),
]


def write_messages(pair: Pair) -> None:
    """The same messages of the same orders on both sides, two of them with one message id, and others on one side."""
    pair.b.run("""
        INSERT INTO sale_order (name) VALUES ('S1'), ('S2'), ('S3');
        INSERT INTO mail_message (message_id, model, res_id, body) VALUES ('<m>', 'sale.order', 1, '1'),
            ('<m>', 'sale.order', 2, '2'), ('<m>', 'sale.order', 3, 'milan only'), ('<alone>', '', NULL, 'alone');
        INSERT INTO mail_notification (mail_message_id, res_partner_id) VALUES (2, 7), (3, 7);
    """)
    pair.a.run("""
        INSERT INTO sale_order (name) VALUES ('S2'), ('S4'), ('S1');
        INSERT INTO mail_message (message_id, model, res_id, body) VALUES ('<m>', 'sale.order', 1, '2 of turin'),
            ('<m>', 'sale.order', 2, 'turin only'), ('<m>', 'sale.order', 3, '1 of turin'),
            ('<alone>', NULL, NULL, 'alone in turin'), ('<m>', NULL, NULL, 'of no order');
        INSERT INTO mail_notification (mail_message_id, res_partner_id, failure) VALUES (1, 7, 'bounced');
    """)


@pytest.mark.parametrize("seeded", [True, False], ids=["seeded", "replayed"])
def test_messages_with_the_same_id_are_told_apart_by_the_records_they_belong_to(
    make_pair: MakePair, *, seeded: bool
) -> None:
    pair = make_pair(MESSAGES, installed=False, both_ways=False, rules=MESSAGE_RULES)
    if seeded:
        write_messages(pair)
    pair.install()
    if seeded:
        seed(pair)
    else:
        write_messages(pair)
        pair.settle()
    assert pair.b.rows(BODIES) == TOLD_APART
    assert pair.b.parked() == []


def test_a_unique_index_that_refers_to_a_message_is_looked_at_once_the_message_is_recognised(
    make_pair: MakePair,
) -> None:
    tables = f"""
        {MESSAGES}
        CREATE TABLE mail_message_reaction (
            id serial PRIMARY KEY, message_id int REFERENCES mail_message, content text, guest text,
            UNIQUE (message_id, content)
        );
    """
    pair = make_pair(tables, installed=False, both_ways=False, rules=MESSAGE_RULES)
    write_messages(pair)
    for side, message in ((pair.a, 1), (pair.b, 2), (pair.b, 3)):
        reaction = "INSERT INTO mail_message_reaction (message_id, content, guest) VALUES (%s, 'yes', %s)"
        side.run(reaction, message, side.name)
    pair.install()
    seed(pair)
    assert pair.b.rows("SELECT message_id, guest FROM mail_message_reaction ORDER BY 1") == [(2, "turin"), (3, "milan")]
    assert pair.b.parked() == []
