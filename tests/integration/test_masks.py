"""Masked columns: their values never leave the source, by no way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.links import FORTH, MakePair, Pair
from tests.integration.terminal import Terminal
from tests.integration.test_seed_copy import seed
from ucrepl.errors import ConfigError
from ucrepl.link.nodes import Nodes
from ucrepl.link.seed import stream
from ucrepl.link.source import Source
from ucrepl.link.verify import Options, verify_link
from ucrepl.link.verify.session import Session

TABLES = """
    CREATE TABLE partner (
        id serial PRIMARY KEY, ref text, name text, email text, phone varchar(40), score int NOT NULL DEFAULT 0,
        parent_id int REFERENCES partner,
        email_lc text GENERATED ALWAYS AS (lower(email)) STORED,
        phone_nr text GENERATED ALWAYS AS ('nr ' || phone) STORED UNIQUE
    );
"""
PLAIN = "CREATE TABLE partner (id serial PRIMARY KEY, ref text, name text, email text, phone text, score int)"
RULES: list[dict[str, Any]] = [
    {
        "table": "partner",
        "keys": [["ref"]],
        "set": {"email": "'user' || id || '@example.com'", "phone": None, "score": "length(name) % 7"},
    },
]
SECRET = b"secret"
CLEAR = "secret@private.example"


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return make_pair(TABLES, both_ways=False, rules=RULES)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """All that COPY brings from the source, by every way there is."""
    seen: list[bytes] = []
    changes, cut, bring = Source._copy, stream._cut, Session.bring

    def spied_copy(self: Source, statement: str, values: dict[str, object]) -> Iterator[bytes]:
        for block in changes(self, statement, values):
            seen.append(block)
            yield block

    def spied_cut(*args: Any, **named: Any) -> Iterator[stream.Rows]:  # noqa: ANN401
        for rows in cut(*args, **named):
            seen.extend(rows.blocks)
            yield rows

    def spied_bring(self: Session, statement: str, values: dict[str, object], into: str) -> None:
        with self.source.cursor() as cursor, cursor.copy(statement.encode(), values) as copy:
            seen.extend(map(bytes, copy))
        bring(self, statement, values, into)

    monkeypatch.setattr(Source, "_copy", spied_copy)
    monkeypatch.setattr(stream, "_cut", spied_cut)
    monkeypatch.setattr(Session, "bring", spied_bring)
    return seen


def rows(pair: Pair) -> list[Any]:
    return pair.b.rows("SELECT name, email, phone, score FROM partner ORDER BY name")


def insert(pair: Pair) -> None:
    pair.a.run(f"""
        INSERT INTO partner (ref, name, email, phone, score)
        VALUES ('A', 'Ada', '{CLEAR}', 'secret 1', 90), ('B', 'Bob', 'b{CLEAR}', NULL, 91)
    """)


def assert_unseen(sent: list[bytes], *known: bytes) -> None:
    text = b"".join(sent)
    assert SECRET not in text
    for word in known:
        assert word in text, "what is looked at is not what was sent"


def test_replay_brings_the_masked_values_of_new_rows(pair: Pair, sent: list[bytes]) -> None:
    insert(pair)
    assert pair.forth().applied == 2
    assert rows(pair) == [("Ada", "user1@example.com", None, 3), ("Bob", "user2@example.com", None, 3)]
    assert_unseen(sent, b"Ada", b"user1@example.com")


def test_changes_of_masked_columns_do_not_travel(pair: Pair, sent: list[bytes]) -> None:
    insert(pair)
    pair.forth()
    pair.a.run("UPDATE partner SET email = 'new secret', name = 'Ada L' WHERE ref = 'A'")
    pair.a.run("UPDATE partner SET email = 'other secret', phone = 'secret 5' WHERE ref = 'B'")
    assert pair.forth().applied == 1
    assert rows(pair) == [("Ada L", "user1@example.com", None, 3), ("Bob", "user2@example.com", None, 3)]
    pair.a.run("UPDATE partner SET id = 77, email = 'secret of a key' WHERE ref = 'B'")
    pair.a.run("DELETE FROM partner WHERE ref = 'A'")
    pair.forth()
    pair.a.run("UPDATE partner SET name = 'Bert' WHERE id = 77")
    pair.forth()
    assert rows(pair) == [("Bert", "user2@example.com", None, 3)]
    assert_unseen(sent, b"Bert")
    pair.assert_clean()


def test_all_in_one_batch(pair: Pair, sent: list[bytes]) -> None:
    insert(pair)
    pair.a.run("UPDATE partner SET email = 'new secret', parent_id = 2 WHERE ref = 'A'")
    pair.a.run("UPDATE partner SET phone = 'new secret' WHERE ref = 'B'")
    pair.forth()
    assert rows(pair) == [("Ada", "user1@example.com", None, 3), ("Bob", "user2@example.com", None, 3)]
    assert_unseen(sent, b"Ada")
    pair.assert_clean()


def test_tables_that_are_not_masked_are_read_as_ever(make_pair: MakePair) -> None:
    pair = make_pair(PLAIN, both_ways=False)
    source = pair.replayer().source
    statement, _ = source._batch.statement(None) if source._batch else ("", {})
    assert "FROM numbered AS n" in statement
    insert(pair)
    pair.forth()
    pair.assert_same("SELECT name, email, phone, score FROM partner ORDER BY name")


def test_seed_brings_masked_values(make_pair: MakePair, sent: list[bytes]) -> None:
    rules = [{**RULES[0], "keys": [["ref"], ["email"]]}]
    pair = make_pair(TABLES, both_ways=False, rules=rules, installed=False)
    insert(pair)
    pair.a.run(f"INSERT INTO partner (name, email, parent_id) VALUES ('Cleo', 'c{CLEAR}', 1)")
    pair.b.run("INSERT INTO partner (id, name, email, phone) VALUES (70, 'here', 'user3@example.com', 'keep')")
    pair.install()
    seed(pair)
    assert rows(pair) == [
        ("Ada", "user1@example.com", None, 3),
        ("Bob", "user2@example.com", None, 3),
        ("Cleo", "user3@example.com", None, 4),
    ]
    assert_unseen(sent, b"Cleo")


def test_what_the_target_lacks_is_masked_too(make_pair: MakePair, sent: list[bytes]) -> None:
    pair = make_pair(TABLES, both_ways=False, rules=RULES, installed=False)
    pair.b.run("ALTER TABLE partner DROP COLUMN email CASCADE")
    pair.a.run("CREATE TABLE only_here (id serial PRIMARY KEY, email text)")
    pair.configure(rules=[*RULES, {"table": "only_here", "set": {"email": "'masked 50%'"}}], both_ways=False)
    pair.install()
    insert(pair)
    pair.a.run(f"INSERT INTO only_here (email) VALUES ('{CLEAR}')")
    pair.forth()
    assert pair.b.held() == [("partner", "C", str(n)) for n in (1, 2)] + [("only_here", "I", "1")]
    assert_unseen(sent, b"user1@example.com", b"masked 50%")


def test_nothing_of_it_is_kept_on_the_target(pair: Pair, sent: list[bytes]) -> None:
    pair.configure(both_ways=False, rules=[{**RULES[0], "conflicts": "park"}])
    insert(pair)
    pair.forth()
    assert rows(pair)[0] == ("Ada", "user1@example.com", None, 3)
    pair.b.run("UPDATE partner SET name = 'here' WHERE ref = 'A'; ALTER TABLE partner ADD CHECK (name <> 'Refused')")
    pair.run("CREATE TABLE only_here (id serial PRIMARY KEY)")
    pair.b.run("DROP TABLE only_here")
    pair.a.run("ALTER TABLE only_here ADD email text, ADD lc text GENERATED ALWAYS AS (lower(email)) STORED")
    pair.configure(
        both_ways=False, rules=[{**RULES[0], "conflicts": "park"}, {"table": "only_here", "set": {"email": "'-'"}}]
    )
    pair.install()
    pair.a.run(f"INSERT INTO only_here (email) VALUES ('{CLEAR}')")
    pair.a.run("UPDATE partner SET name = 'there', email = 'secret 2', phone = 'secret 3' WHERE ref = 'A'")
    pair.a.run(f"INSERT INTO partner (name, email) VALUES ('Refused', '{CLEAR}')")
    pair.a.run("DELETE FROM partner WHERE ref = 'B'")
    pair.forth()
    assert [change.table for change in pair.b.parked()] == ["partner", "partner"]
    assert pair.b.held() == [("only_here", "I", "1")]
    kept = pair.b.column(
        "SELECT query_to_xml(format('SELECT * FROM ucrepl.%I', relname), true, false, '')::text FROM pg_class"
        " WHERE relnamespace = 'ucrepl'::regnamespace AND relkind = 'r'"
    )
    assert "Refused" in "".join(kept)
    assert SECRET.decode() not in "".join(kept)
    assert_unseen(sent, b"Refused")


def test_generated_columns_are_computed_on_each_side(make_pair: MakePair) -> None:
    pair = make_pair("""
        CREATE TABLE item (
            id serial PRIMARY KEY, name text, parent_id int REFERENCES item,
            lc text GENERATED ALWAYS AS (lower(name)) STORED, up int GENERATED ALWAYS AS (id * 10) STORED
        )
    """)
    pair.b.run("SELECT setval('item_id_seq', 100)")
    pair.a.run("INSERT INTO item (name) SELECT 'Item ' || n FROM generate_series(1, 3) AS n")
    pair.a.run("UPDATE item SET name = 'Other', parent_id = 1 WHERE id = 3")
    pair.forth()
    assert pair.b.rows("SELECT name, lc, up FROM item ORDER BY name") == [
        ("Item 1", "item 1", 1010),
        ("Item 2", "item 2", 1020),
        ("Other", "other", 1030),
    ]
    pair.b.run("ALTER TABLE item ALTER lc DROP EXPRESSION")
    pair.a.run("UPDATE item SET name = 'Last' WHERE id = 3")
    pair.forth()
    assert pair.b.rows("SELECT name, lc FROM item WHERE up = 1030") == [("Last", "other")]
    pair.assert_clean()


def test_verify_does_not_look_at_masked_columns_and_repairs_without_them(pair: Pair, sent: list[bytes]) -> None:
    insert(pair)
    pair.forth()
    with pair.b.another(**{"ucrepl.origin": "x"}) as unseen:
        unseen.execute("DELETE FROM public.partner WHERE name = 'Ada'")
        unseen.execute("UPDATE public.partner SET email = 'mine', name = 'Bert'")
    pair.close_links()
    with Nodes(pair.config, "verify") as nodes:
        [report] = verify_link(pair.config, pair.config.links[FORTH], nodes, Options(shown=9, repair=True))
    assert (report.missing, report.different, report.mended, report.skipped_columns) == (1, 1, 2, 3)
    assert rows(pair) == [("Ada", "user1@example.com", None, 3), ("Bob", "mine", None, 3)]
    assert_unseen(sent, b"Ada", b"user1@example.com")


@pytest.mark.parametrize(
    ("masks", "words"),
    [
        ({"id": "1"}, "'partner' can't be set: it is a part of the key"),
        ({"score": None}, "can't be set to null"),
        ({"emial": "'x'"}, "has no column 'emial'"),
        ({"email": "emial"}, "there is no column 'emial' .did you mean 'email'"),
        ({"email": "(select 1)"}, "the subquery"),
        ({"email": "lower(score)"}, "can't be set: function lower.integer. does not exist"),
        ({"score": "'x'"}, "can't be set: invalid input syntax"),
    ],
)
def test_masks_that_can_not_be(pair: Pair, masks: dict[str, str | None], words: str) -> None:
    pair.configure(rules=[{"table": "partner", "set": masks}], both_ways=False)
    with pytest.raises(ConfigError, match=words):
        pair.replayer()


def test_a_row_that_is_taken_before_its_turn_is_masked_too(make_pair: MakePair, sent: list[bytes]) -> None:
    tables = """
        CREATE TABLE person (id serial PRIMARY KEY, email text, account_id int, note text);
        CREATE TABLE account (id serial PRIMARY KEY, person_id int NOT NULL REFERENCES person);
        ALTER TABLE person ADD FOREIGN KEY (account_id) REFERENCES account;
    """
    rules = [{"table": "person", "set": {"email": "'50%s of ' || id", "note": "replace(note, '%', '')"}}]
    pair = make_pair(tables, installed=False, both_ways=False, rules=rules)
    pair.a.run(f"""
        INSERT INTO person (email, note) SELECT '{CLEAR}', repeat('%', 1000) || n FROM generate_series(1, 100) AS n;
        INSERT INTO account (person_id) SELECT 101 - n FROM generate_series(1, 100) AS n;
        UPDATE person SET account_id = id
    """)
    pair.install()
    assert seed(pair).rows == 200
    assert pair.b.value("SELECT count(*) FROM person WHERE email = '50%s of ' || note") == 100
    assert_unseen(sent, b"50%s of 7")


def test_what_is_wrong_with_masks_is_found_by_check(pair: Pair, tmp_path: Path) -> None:
    rules: list[dict[str, Any]] = [
        {"table": "partner", "set": {"email": "random()", "id": "1"}},
        {"table": "partner", "belongs_to": ["name"]},
        {"table": "partner", "belongs_to": ["parent_id"], "set": {"phone": "left(phone, 2)"}},
    ]
    pair.configure(rules=rules, both_ways=False)
    found = Terminal(pair, tmp_path)("check", "--json", code=1).json["findings"]
    masks, belongs = [f["message"] for f in found if f["check"] == "rules"]
    assert masks == (
        "rules[0] partner: column 'email' of table 'partner' can't be set: the function 'random' can't be used, in the"
        " expression 'random()' (use one that gives the same result for the same arguments); rules[0] partner: column"
        " 'id' of table 'partner' can't be set: it is a part of the key (a row is known by its key on both sides)"
    )
    assert belongs == "rules[1] partner: column 'name' of table 'partner' refers to no record (see 'belongs_to')"
