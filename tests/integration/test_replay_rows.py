"""Rows get through with ids of their own on each side, with all that refers to them, and nothing comes back."""

import pytest

from tests.integration.links import MakePair, Pair, part_ids

TREE = """
    CREATE TABLE company (id serial PRIMARY KEY, name text, boss_id int);
    CREATE TABLE person (
        id serial PRIMARY KEY, name text,
        company_id int REFERENCES company ON DELETE SET NULL,
        parent_id int REFERENCES person ON DELETE CASCADE
    );
    ALTER TABLE company ADD FOREIGN KEY (boss_id) REFERENCES person ON DELETE SET NULL;
    CREATE TABLE tag (id serial PRIMARY KEY, name text);
    CREATE TABLE person_tag (
        person_id int REFERENCES person ON DELETE CASCADE,
        tag_id int REFERENCES tag ON DELETE CASCADE,
        PRIMARY KEY (person_id, tag_id)
    );
"""
PEOPLE = (
    "SELECT p.name, c.name, up.name FROM person AS p LEFT JOIN company AS c ON c.id = p.company_id"
    " LEFT JOIN person AS up ON up.id = p.parent_id ORDER BY 1"
)
COMPANIES = "SELECT c.name, p.name FROM company AS c LEFT JOIN person AS p ON p.id = c.boss_id ORDER BY 1"
TAGS = (
    "SELECT p.name, t.name FROM person_tag JOIN person AS p ON p.id = person_id JOIN tag AS t ON t.id = tag_id"
    " ORDER BY 1, 2"
)


@pytest.fixture
def tree(make_pair: MakePair) -> Pair:
    """People, companies and tags; each side has a few of its own, with the same ids."""
    pair = make_pair(TREE)
    for side, count in ((pair.a, 2), (pair.b, 5)):
        side.run(f"INSERT INTO company (name) SELECT '{side.name} ' || n FROM generate_series(1, {count}) AS n")
        side.run(
            f"INSERT INTO person (name, company_id, parent_id) SELECT '{side.name} ' || n, 1, nullif(n - 1, 0)"
            f" FROM generate_series(1, {count + 1}) AS n"
        )
        side.run(f"INSERT INTO tag (name) SELECT '{side.name} ' || n FROM generate_series(1, {count}) AS n")
        side.run("INSERT INTO person_tag SELECT 1, id FROM tag; UPDATE company SET boss_id = id")
    pair.settle()
    assert len(pair.assert_same(PEOPLE)) == 9
    return pair


def test_clashing_ids_are_given_anew_and_references_follow(tree: Pair) -> None:
    assert ("turin 2", "turin 1", "turin 1") in tree.assert_same(PEOPLE)
    assert ("milan 3", "milan 1", "milan 2") in tree.assert_same(PEOPLE)
    assert ("milan 4", "milan 4") in tree.assert_same(COMPANIES)
    assert tree.assert_same(TAGS) == [
        *(("milan 1", f"milan {n}") for n in range(1, 6)),
        *(("turin 1", f"turin {n}") for n in (1, 2)),
    ]
    tree.assert_clean()
    ours, theirs = tree.both("SELECT id FROM person WHERE name = 'turin 3'")
    assert ours != theirs


def test_nothing_is_left_to_do_after_that(tree: Pair) -> None:
    assert tree.forth().batches == []
    assert tree.back().batches == []


def test_a_circle_in_one_transaction(tree: Pair) -> None:
    tree.a.run(
        "WITH c AS (INSERT INTO company (id, name, boss_id) VALUES (900, 'circle', 901)),"
        " p AS (INSERT INTO person (id, name, company_id, parent_id) VALUES (901, 'boss', 900, 902))"
        " INSERT INTO person (id, name, company_id, parent_id) VALUES (902, 'boss of the boss', 900, 902)"
    )
    assert not tree.forth().finer
    assert ("circle", "boss") in tree.assert_same(COMPANIES)
    assert ("boss", "circle", "boss of the boss") in tree.assert_same(PEOPLE)
    tree.a.run("DELETE FROM company WHERE id = 900; DELETE FROM person WHERE id > 900")
    tree.settle()
    assert len(tree.assert_same(PEOPLE)) == 9
    assert len(tree.assert_same(COMPANIES)) == 7
    tree.assert_clean()


def test_many2many_links_are_made_and_removed(tree: Pair) -> None:
    tree.b.run("DELETE FROM person_tag WHERE tag_id = 1")
    tree.b.run(
        "INSERT INTO person_tag SELECT p.id, t.id FROM person AS p, tag AS t WHERE p.name = 'turin 2' AND"
        " t.name LIKE 'milan%'"
    )
    tree.settle()
    rows = tree.assert_same(TAGS)
    assert ("milan 1", "milan 1") not in rows
    assert ("turin 2", "milan 5") in rows
    tree.assert_clean()


def test_both_sides_make_the_same_many2many_link(tree: Pair) -> None:
    link = (
        "INSERT INTO person_tag SELECT p.id, t.id FROM person AS p, tag AS t WHERE (p.name, t.name) ="
        " ('turin 2', 'milan 2')"
    )
    tree.a.run(link)
    tree.b.run(link)
    tree.settle()
    assert ("turin 2", "milan 2") in tree.assert_same(TAGS)
    tree.assert_clean()


def test_what_cascades_from_replayed_deletes_is_not_captured(tree: Pair) -> None:
    """Of b it is known only to b what it hung on to a's rows: it goes with them, and a hears nothing of it."""
    tree.b.run("TRUNCATE ucrepl.journal")
    tree.a.run("DELETE FROM person WHERE name = 'turin 1'")
    tree.b.run("SET ucrepl.origin = 'turin'")  # rows that never were captured
    tree.b.run("INSERT INTO person (name, parent_id) SELECT 'unknown to a', id FROM person WHERE name = 'turin 1'")
    tree.b.run(
        "UPDATE company SET boss_id = p.id FROM person AS p WHERE company.name = 'milan 1' AND p.name = 'turin 1'"
    )
    tree.b.run("RESET ucrepl.origin")
    tree.forth()
    assert tree.b.rows("SELECT name FROM person WHERE name = 'unknown to a' OR name LIKE 'turin%'") == []
    assert tree.b.rows("SELECT boss_id FROM company WHERE name = 'milan 1'") == [(None,)]
    assert tree.b.journal() == []
    assert tree.back().applied == 0
    tree.assert_clean()


def test_cascades_of_the_source_are_applied_once(tree: Pair) -> None:
    tree.a.run("DELETE FROM person WHERE name = 'turin 1'; DELETE FROM company WHERE name = 'milan 1'")
    tree.settle()
    assert tree.assert_same("SELECT name FROM person WHERE name LIKE 'turin%'") == []
    assert ("milan 1", None, None) in tree.assert_same(PEOPLE)
    assert ("turin 1", None) in tree.assert_same(COMPANIES)
    tree.assert_clean()
    assert tree.b.journal() == [change for change in tree.b.journal() if change.op != "D"]


COALESCED = {
    "insert, update": ("INSERT INTO item (name) VALUES ('a'); UPDATE item SET note = 'n' WHERE name = 'a'", 1),
    "insert, delete": ("INSERT INTO item (name) VALUES ('a'); DELETE FROM item WHERE name = 'a'", 0),
    "insert, update, delete": (
        "INSERT INTO item (name) VALUES ('a'); UPDATE item SET name = 'b' WHERE id > 1; DELETE FROM item WHERE id > 1",
        0,
    ),
    "update, update": ("UPDATE item SET note = 'x', price = 1; UPDATE item SET note = 'y'", 1),
    "update and back": ("UPDATE item SET note = 'x'; UPDATE item SET note = 'old'", 1),
    "update and back to null": ("UPDATE item SET price = 5; UPDATE item SET price = NULL", 1),
    "update, delete": ("UPDATE item SET note = 'x'; DELETE FROM item", 1),
    "delete, insert": ("DELETE FROM item; INSERT INTO item (id, name, price) VALUES (1, 'again', 7)", 1),
    "delete, insert of the same": ("DELETE FROM item; INSERT INTO item (id, name, note) VALUES (1, 'kept', 'old')", 1),
    "delete, insert, update": (
        "DELETE FROM item; INSERT INTO item (id, name) VALUES (1, 'again'); UPDATE item SET price = 3",
        1,
    ),
    "delete, insert, delete": (
        "DELETE FROM item; INSERT INTO item (id, name) VALUES (1, 'again'); DELETE FROM item",
        1,
    ),
}


@pytest.mark.parametrize("name", COALESCED)
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in batches"])
def test_the_net_change_of_a_batch_is_what_its_changes_do_one_by_one(
    make_pair: MakePair, name: str, *, together: bool
) -> None:
    pair = make_pair("CREATE TABLE item (id serial PRIMARY KEY, name text, price numeric, note text)")
    pair.b.run("INSERT INTO item (name) VALUES ('of b'); DELETE FROM item")
    pair.a.run("INSERT INTO item (name, note) VALUES ('kept', 'old')")
    pair.forth()
    statements, applied = COALESCED[name]
    if together:
        pair.a.run(statements)
        assert pair.forth().applied == applied
    else:
        for statement in statements.split(";"):
            pair.a.run(statement)
            pair.forth()
    pair.assert_same("SELECT name, price, note FROM item ORDER BY 1")
    pair.assert_clean()
    assert [local for _, local in pair.b.pairs("item")] == pair.b.column("SELECT id FROM item ORDER BY 1")


def test_a_record_that_was_deleted_and_inserted_again_before_the_target_knew_it(make_pair: MakePair) -> None:
    """It is there before the link: what is journaled is D and I, of which the net change must not get lost."""
    pair = make_pair(
        "CREATE TABLE item (id serial PRIMARY KEY, name text); CREATE TABLE code (k text PRIMARY KEY, name text);"
        "CREATE TABLE flag (k text PRIMARY KEY)",
        installed=False,
    )
    pair.a.run(
        "INSERT INTO item (name) VALUES ('old'); INSERT INTO code VALUES ('k', 'old'); INSERT INTO flag VALUES ('k')"
    )
    pair.install()
    pair.a.run("DELETE FROM item; INSERT INTO item (id, name) VALUES (1, 'new')")
    pair.a.run(
        "DELETE FROM code; INSERT INTO code VALUES ('k', 'new'); DELETE FROM flag; INSERT INTO flag VALUES ('k')"
    )
    pair.forth()
    assert pair.assert_same("SELECT name FROM item") == [("new",)]
    assert pair.assert_same("SELECT * FROM code") == [("k", "new")]
    assert pair.assert_same("SELECT * FROM flag") == [("k",)]
    pair.assert_clean()


def test_composite_foreign_keys(make_pair: MakePair) -> None:
    pair = make_pair("""
        CREATE TABLE company (id serial PRIMARY KEY, name text);
        CREATE TABLE account (
            id serial PRIMARY KEY, company_id int NOT NULL REFERENCES company, code text, UNIQUE (id, company_id),
            UNIQUE (company_id, code)
        );
        CREATE TABLE entry (
            id serial PRIMARY KEY, account_id int, company_id int, code text, amount int,
            FOREIGN KEY (account_id, company_id) REFERENCES account (id, company_id),
            FOREIGN KEY (company_id, code) REFERENCES account (company_id, code)
        );
        CREATE TABLE share (company_id int REFERENCES company, year int, part int, PRIMARY KEY (company_id, year));
        CREATE TABLE payout (
            id serial PRIMARY KEY, company_id int, year int, amount int,
            FOREIGN KEY (company_id, year) REFERENCES share ON UPDATE CASCADE ON DELETE CASCADE
        );
    """)
    part_ids(pair, "company_id_seq", "account_id_seq")
    pair.a.run(
        "INSERT INTO company (name) VALUES ('one'), ('two'); INSERT INTO account (company_id, code) VALUES (2, '400')"
    )
    pair.a.run("INSERT INTO entry (account_id, company_id, code, amount) VALUES (1, 2, '400', 5)")
    pair.a.run(
        "INSERT INTO share VALUES (2, 2024, 50); INSERT INTO payout (company_id, year, amount) VALUES (2, 2024, 9)"
    )
    pair.forth()
    entries = (
        "SELECT c.name, a.code, e.amount FROM entry AS e JOIN account AS a ON a.id = account_id JOIN"
        " company AS c ON c.id = e.company_id"
    )
    payouts = (
        "SELECT c.name, year, part, amount FROM payout JOIN share USING (company_id, year) JOIN company"
        " AS c ON c.id = company_id"
    )
    assert pair.assert_same(entries) == [("two", "400", 5)]
    assert pair.assert_same(payouts) == [("two", 2024, 50, 9)]
    pair.a.run("UPDATE share SET part = 60; UPDATE payout SET amount = 10")
    pair.forth()
    assert pair.assert_same(payouts) == [("two", 2024, 60, 10)]
    pair.a.run("UPDATE share SET company_id = 1, year = 2025")
    pair.forth()
    assert pair.assert_same(payouts) == [("one", 2025, 60, 10)]
    pair.a.run("DELETE FROM share")
    pair.forth()
    assert pair.assert_same(payouts) == []
    pair.assert_clean()


def test_a_record_inserted_again_under_its_old_id_is_the_same_record(tree: Pair) -> None:
    tree.a.run("INSERT INTO tag (id, name) VALUES (50, 'x')")
    tree.settle()
    tree.a.run("DELETE FROM tag WHERE id = 50")
    tree.settle()
    assert 50 not in [remote for remote, _ in tree.b.pairs("tag")]
    tree.a.run("INSERT INTO tag (id, name) VALUES (50, 'x again')")
    tree.settle()
    tree.b.run("UPDATE tag SET name = 'x at last' WHERE name = 'x again'")
    tree.settle()
    assert tree.a.value("SELECT name FROM tag WHERE id = 50") == "x at last"
    assert sorted(tree.a.pairs("tag")) == sorted((local, remote) for remote, local in tree.b.pairs("tag"))
    tree.assert_clean()


def test_triggers_of_the_target_fire(make_pair: MakePair) -> None:
    pair = make_pair(
        "CREATE TABLE item (id serial PRIMARY KEY, name text, loud text); CREATE TABLE log (id serial PRIMARY"
        " KEY, line text)"
    )
    pair.b.run("""
        CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN new.loud := upper(new.name); INSERT INTO public.log (line) VALUES (tg_op); RETURN new; END$$;
        CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION shout();
    """)
    pair.a.run("INSERT INTO item (name) VALUES ('a')")
    pair.forth()
    pair.a.run("UPDATE item SET name = 'b'")
    pair.forth()
    assert pair.b.rows("SELECT name, loud FROM item") == [("b", "B")]
    assert pair.b.column("SELECT line FROM log ORDER BY id") == ["INSERT", "UPDATE"]
    assert pair.b.journal() == []
    pair.assert_clean()


def test_a_skipped_table_is_counted_and_what_refers_to_it_goes_without(make_pair: MakePair) -> None:
    pair = make_pair(
        "CREATE TABLE kind (id serial PRIMARY KEY, name text);"
        "CREATE TABLE item (id serial PRIMARY KEY, name text, kind_id int REFERENCES kind);"
        "CREATE TABLE part (id serial PRIMARY KEY, kind_id int NOT NULL REFERENCES kind)",
        rules=[{"table": "kind", "skip": True, "name": "no kinds"}],
    )
    pair.a.run(
        "INSERT INTO kind (name) VALUES ('k'); INSERT INTO item (name, kind_id) VALUES ('a', 1); INSERT INTO"
        " part (kind_id) VALUES (1)"
    )
    assert pair.forth().skipped == 2
    assert pair.b.rows("SELECT name, kind_id FROM item") == [("a", None)]
    assert pair.b.rows("SELECT FROM kind") == pair.b.rows("SELECT FROM part") == []
    assert pair.b.rows("SELECT rule, rows FROM ucrepl.skipped") == [("no kinds", 2)]
    pair.assert_clean()


def test_columns_and_tables_of_one_side_only(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE item (id serial PRIMARY KEY, name text)", installed=False)
    pair.a.run("ALTER TABLE item ADD only_a text; CREATE TABLE a_table (id serial PRIMARY KEY)")
    pair.b.run("ALTER TABLE item ADD only_b text DEFAULT 'b'; CREATE TABLE b_table (id serial PRIMARY KEY)")
    pair.install()
    pair.a.run("INSERT INTO item (name, only_a) VALUES ('x', 'a'); INSERT INTO a_table DEFAULT VALUES")
    pair.b.run("INSERT INTO b_table DEFAULT VALUES")
    pair.settle()
    pair.a.run("UPDATE item SET only_a = 'c'")
    pair.settle()
    assert pair.b.rows("SELECT name, only_b FROM item") == [("x", "b")]
    assert pair.b.held() == [("a_table", "I", "1"), ("item", "C", "1")]
    assert pair.a.held() == [("b_table", "I", "1")]
    pair.assert_clean()
