"""`verify`: it finds all that differs between two linked databases, and nothing else."""

import pytest

from tests.integration.links import FORTH, MakePair, Pair, Side, part_ids
from ucrepl.link.nodes import Nodes
from ucrepl.link.verify import Options, TableReport, verify_link
from ucrepl.link.verify.session import Session

TABLES = """
    CREATE TABLE country (id serial PRIMARY KEY, code text UNIQUE);
    CREATE TABLE partner (
        id serial PRIMARY KEY, ref text UNIQUE, name varchar(40), parent_id integer REFERENCES partner,
        country_id integer REFERENCES country, credit numeric, rank integer DEFAULT 0, seen timestamp, born date,
        active boolean, score double precision, tags jsonb, raw bytea, times interval
    );
    CREATE TABLE tag (id serial PRIMARY KEY, name text);
    CREATE TABLE partner_tag (
        partner_id integer REFERENCES partner ON DELETE CASCADE, tag_id integer REFERENCES tag ON DELETE CASCADE,
        PRIMARY KEY (partner_id, tag_id)
    );
    CREATE TABLE parameter (key text PRIMARY KEY, value text, partner_id integer REFERENCES partner);
    CREATE TABLE mail_message (id serial PRIMARY KEY, model text, res_id integer, body text);
    INSERT INTO country (code) SELECT 'C' || i FROM generate_series(1, 5) AS i;
    INSERT INTO partner (ref, name, parent_id, country_id, credit, seen, born, active, score, tags, raw, times)
    SELECT 'R' || i, 'partner ' || i, nullif(i / 2, 0), 1 + i % 5, i * 1.50,
        '2024-01-01'::timestamp + i * interval '1 hour', '2024-01-01'::date + i, i % 2 = 0, i / 3.0,
        jsonb_build_object('n', i), ('\\x' || lpad(to_hex(i), 4, '0'))::bytea, i * interval '1 minute'
    FROM generate_series(1, 100) AS i;
    INSERT INTO tag (name) SELECT 'tag ' || i FROM generate_series(1, 10) AS i;
    INSERT INTO partner_tag SELECT i, 1 + i % 10 FROM generate_series(1, 100) AS i;
    INSERT INTO parameter SELECT 'key ' || i, 'value', i FROM generate_series(1, 20) AS i;
    INSERT INTO mail_message (model, res_id, body) SELECT 'partner', i, 'text' FROM generate_series(1, 30) AS i;
"""
MORE = """
    INSERT INTO country (code) VALUES ('{0}');
    INSERT INTO partner (ref, name, parent_id, country_id)
    SELECT '{0}' || i, 'new', 1 + i, 6 FROM generate_series(1, 20) AS i;
    UPDATE partner SET parent_id = (SELECT max(id) FROM partner), credit = -1 WHERE id = {1};
    INSERT INTO tag (name) VALUES ('{0}');
    INSERT INTO partner_tag SELECT max(p.id), max(t.id) FROM partner AS p, tag AS t;
    INSERT INTO parameter SELECT '{0}', 'new', max(id) FROM partner;
    INSERT INTO mail_message (model, res_id, body) SELECT 'partner', max(id), '{0}' FROM partner;
    DELETE FROM partner_tag WHERE partner_id = {1};
    DELETE FROM parameter WHERE key = 'key {1}';
"""


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    """Two clones that have been at work since then: their ids are not the same any more."""
    pair = make_pair(TABLES)
    pair.seed_both()
    part_ids(pair, "country_id_seq", "partner_id_seq", "tag_id_seq", "mail_message_id_seq")
    pair.a.run(MORE.format("turin", 7))
    pair.b.run(MORE.format("milan", 8).replace(", 6 FROM", ", 1001 FROM"))
    pair.settle()
    pair.assert_clean()
    return pair


def verify(pair: Pair, direction: int = FORTH) -> dict[str, TableReport]:
    """The reports of the tables in which there is something, with all rows that differ."""
    with Nodes(pair.config, "test") as nodes:
        options = Options(shown=1000, patience_seconds=0.0)
        reports = verify_link(pair.config, pair.config.links[direction], nodes, options)
    return {r.table: r for r in reports if r.differs or r.lagging or r.own or r.left_out or r.not_compared}


def unseen(side: Side, *statements: str) -> None:
    """Runs statements that nobody captures."""
    with side.another(**{"ucrepl.origin": "test"}) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def found(pair: Pair, direction: int = FORTH) -> list[tuple[str, str, str | None, tuple[str, ...]]]:
    """What differs: table, kind, the source's key, or the target's where there is none, columns."""
    return [
        (table, row.kind, row.key or row.local_key, tuple(c.column for c in row.columns))
        for table, report in verify(pair, direction).items()
        for row in report.rows
    ]


@pytest.fixture(params=["record", "text"])
def hashing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With PostgreSQL's hash of a record, and with the one for servers that do not agree in it."""
    if request.param == "text":
        monkeypatch.setattr(Session, "agrees", lambda _session: False)


@pytest.mark.usefixtures("hashing")
def test_two_sides_in_step_do_not_differ(pair: Pair) -> None:
    assert verify(pair, FORTH) == verify(pair, 1) == {}


CHANGED = {
    "text": ("name", "'other'"),
    "null": ("name", "NULL"),
    "a number": ("rank", "7"),
    "a sign": ("credit", "-credit"),
    "a time": ("seen", "seen + interval '1 microsecond'"),
    "a date": ("born", "born + 1"),
    "a truth": ("active", "NOT active"),
    "a float": ("score", "score * 1.0000000001"),
    "json": ("tags", """'{"n": "20"}'"""),
    "bytes": ("raw", "raw || '\\x00'"),
    "an interval": ("times", "times + interval '1 second'"),
    "a wrong reference": ("country_id", "2"),
    "a reference to an own record": ("parent_id", "1005"),
    "no reference": ("parent_id", "NULL"),
}


@pytest.mark.usefixtures("hashing")
@pytest.mark.parametrize("what", CHANGED)
def test_a_value_that_differs_is_found(pair: Pair, what: str) -> None:
    column, value = CHANGED[what]
    unseen(pair.b, f"UPDATE partner SET {column} = {value} WHERE ref = 'R20'")
    assert found(pair) == [("partner", "different", "20", (column,))]


def test_values_that_are_swapped_between_two_rows_are_found(pair: Pair) -> None:
    unseen(pair.b, "UPDATE partner SET rank = id WHERE id IN (20, 21)")
    unseen(pair.a, "UPDATE partner SET rank = 41 - id WHERE id IN (20, 21)")
    assert found(pair) == [("partner", "different", key, ("rank",)) for key in ("20", "21")]


def test_both_values_are_shown_in_the_ids_of_the_source(pair: Pair) -> None:
    [theirs] = pair.b.column("SELECT id FROM partner WHERE ref = 'turin1'")
    [ours] = pair.a.column("SELECT id FROM partner WHERE ref = 'turin1'")
    assert theirs != ours
    unseen(pair.b, f"UPDATE partner SET parent_id = {theirs}, name = 'x' WHERE id = 20")
    [row] = verify(pair)["partner"].rows
    assert [(c.column, c.source, c.target) for c in row.columns] == [
        ("name", "partner 20", "x"),
        ("parent_id", "10", str(ours)),
    ]


@pytest.mark.usefixtures("hashing")
def test_rows_that_one_side_has_only_are_found(pair: Pair) -> None:
    unseen(
        pair.b,
        "DELETE FROM partner WHERE ref = 'R90'",
        "INSERT INTO tag (id, name) VALUES (5000, 'new')",
        "DELETE FROM partner_tag WHERE partner_id = 11",
        "INSERT INTO partner_tag VALUES (12, 9), (12, 5000)",
        "INSERT INTO parameter VALUES ('new', '1', NULL)",
        "UPDATE parameter SET value = '2' WHERE key = 'key 9'",
    )
    unseen(pair.a, "DELETE FROM mail_message WHERE id = 3")
    assert sorted(found(pair)) == [
        ("mail_message", "extra", "3", ()),
        ("parameter", "different", "key 9", ("value",)),
        ("parameter", "extra", "new", ()),
        ("partner", "missing", "90", ()),
        ("partner_tag", "extra", "{12,5000}", ()),
        ("partner_tag", "extra", "{12,9}", ()),
        ("partner_tag", "missing", "{11,2}", ()),
        ("partner_tag", "missing", "{90,1}", ()),
        ("tag", "extra", "5000", ()),
    ]


def test_what_the_other_direction_finds_is_the_same_from_its_side(pair: Pair) -> None:
    unseen(pair.b, "DELETE FROM mail_message WHERE id = 4", "INSERT INTO tag (id, name) VALUES (5000, 'new')")
    assert found(pair, FORTH) == [("mail_message", "missing", "4", ()), ("tag", "extra", "5000", ())]
    assert found(pair, 1) == [("mail_message", "extra", "4", ()), ("tag", "missing", "5000", ())]


def test_rows_of_the_targets_own_are_counted_where_no_link_leads_back(make_pair: MakePair) -> None:
    pair = make_pair(TABLES, both_ways=False)
    pair.seed()
    pair.b.run(
        "INSERT INTO tag (id, name) VALUES (500, 'own');"
        " INSERT INTO partner_tag VALUES (12, 500); INSERT INTO partner_tag VALUES (12, 9)"
    )
    pair.forth()
    reports = verify(pair)
    assert {name: (r.own, r.differs) for name, r in reports.items()} == {"tag": (1, 0), "partner_tag": (1, 1)}
    assert [(row.kind, row.key) for row in reports["partner_tag"].rows] == [("extra", "{12,9}")]


def test_what_waits_in_a_journal_is_late_and_does_not_differ(pair: Pair) -> None:
    pair.a.run(MORE.format("again", 9).replace(", 6 FROM", ", 1 FROM"))
    pair.b.run("UPDATE partner SET name = 'changed' WHERE id = 50; DELETE FROM tag WHERE id = 10")
    for direction in (0, 1):
        reports = verify(pair, direction)
        assert {table: r.differs for table, r in reports.items() if r.differs} == {}
        assert reports["partner"].lagging == 22
    pair.settle()
    assert verify(pair) == {}


def test_pairs_that_have_not_come_back_yet_are_late(pair: Pair) -> None:
    pair.b.run(
        "INSERT INTO partner (ref) VALUES ('fresh');"
        " UPDATE partner SET parent_id = currval('partner_id_seq') WHERE id = 3"
    )
    pair.back()
    reports = verify(pair)
    # The new one is late on either side, for nothing says yet that it is the same; and so is what refers to it.
    assert {table: (r.differs, r.lagging) for table, r in reports.items()} == {"partner": (0, 3)}
    pair.forth()
    assert verify(pair) == {}


def test_a_difference_is_found_although_other_records_wait(pair: Pair) -> None:
    unseen(pair.b, "UPDATE partner SET name = 'x' WHERE id = 20")
    pair.a.run("UPDATE partner SET name = 'y' WHERE id = 21")
    report = verify(pair)["partner"]
    assert ([row.key for row in report.rows], report.lagging) == (["20"], 1)


def test_references_to_what_is_gone_on_both_sides_do_not_differ(pair: Pair) -> None:
    pair.a.run(
        "DELETE FROM partner_tag WHERE partner_id = 30; UPDATE partner SET parent_id = NULL WHERE parent_id = 30"
    )
    pair.a.run("DELETE FROM partner WHERE id = 30")
    unseen(pair.a, "UPDATE mail_message SET res_id = 777 WHERE id = 5")
    unseen(pair.b, "UPDATE mail_message SET res_id = 888 WHERE id = 5")
    pair.settle()
    pair.run("DELETE FROM ucrepl.identity WHERE deleted_at IS NOT NULL")
    assert verify(pair) == {}


def test_a_raw_id_in_a_reference_by_model_name_is_found(pair: Pair) -> None:
    [theirs] = pair.b.column("SELECT max(res_id) FROM mail_message WHERE body = 'turin'")
    [ours] = pair.a.column("SELECT max(res_id) FROM mail_message WHERE body = 'turin'")
    assert theirs != ours
    unseen(pair.b, f"UPDATE mail_message SET res_id = {ours} WHERE body = 'turin'")
    [[table, kind, _, columns]] = found(pair)
    assert (table, kind, columns) == ("mail_message", "different", ("res_id",))


def test_protected_columns_and_skipped_tables_are_not_compared(pair: Pair) -> None:
    pair.configure(
        rules=[
            {"table": "partner", "protect": {"name": 3, "rank": 1}},
            {"table": "tag", "skip": True, "name": "no tags"},
        ]
    )
    unseen(pair.b, "UPDATE partner SET name = 'x', rank = 3", "UPDATE tag SET name = 'x'")
    reports = verify(pair)
    assert {table: r.differs for table, r in reports.items()} == {"tag": 0}
    assert reports["tag"].not_compared == "left out by the rule 'no tags'"
    with Nodes(pair.config, "test") as nodes:
        [report] = verify_link(pair.config, pair.config.links[0], nodes, Options(tables=["partner"]))
    assert report.protected_columns == 2


def test_rows_that_a_rule_leaves_out_are_counted(make_pair: MakePair) -> None:
    pair = make_pair(TABLES, rules=[{"table": "tag", "skip": True}])
    pair.seed_both()
    pair.a.run("DELETE FROM partner_tag WHERE partner_id = 1")
    pair.settle()
    report = verify(pair)["partner_tag"]
    assert (report.left_out, report.own, report.differs, report.lagging) == (99, 100, 0, 0)


def test_parked_changes_are_counted(pair: Pair) -> None:
    pair.b.run("ALTER TABLE partner ADD CHECK (rank < 100)")
    pair.a.run("UPDATE partner SET rank = 100 WHERE id = 40")
    pair.forth()
    report = verify(pair)["partner"]
    assert [(row.kind, row.key, row.parked) for row in report.rows] == [("different", "40", True)]
    assert report.parked == 1


def test_tables_whose_ids_leave_wide_gaps_are_compared(pair: Pair) -> None:
    for side in (pair.a, pair.b):
        side.run(
            "ALTER TABLE tag ALTER id TYPE bigint; ALTER SEQUENCE tag_id_seq AS bigint;"
            " SELECT setval('tag_id_seq', 4000000000000)"
        )
    pair.a.run("INSERT INTO tag (name) SELECT 'far ' || i FROM generate_series(1, 3000) AS i")
    pair.settle()
    unseen(pair.b, "UPDATE tag SET name = 'x' WHERE name IN ('far 1', 'far 3000')")
    assert [row.kind for row in verify(pair)["tag"].rows] == ["different"] * 2


def test_columns_of_other_types_are_compared_by_their_text(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE note (id serial PRIMARY KEY, n integer, t text)", installed=False)
    pair.b.run("ALTER TABLE note ALTER n TYPE numeric(12, 2), ALTER t TYPE varchar(20), ALTER id TYPE bigint")
    pair.install()
    pair.a.run("INSERT INTO note (n, t) VALUES (5, 'five'), (-6, NULL)")
    pair.forth()
    assert verify(pair) == {}
    unseen(pair.b, "UPDATE note SET n = 6 WHERE t IS NULL")
    assert found(pair) == [("note", "different", "2", ("n",))]


def test_names_of_all_kinds(make_pair: MakePair) -> None:
    pair = make_pair(
        'CREATE TABLE "100% \'odd\'" ("id" serial PRIMARY KEY, "a%s" text, "order" integer,'
        ' "own" integer REFERENCES "100% \'odd\'");'
        " INSERT INTO \"100% 'odd'\" (\"a%s\") VALUES ('x'), ('y')"
    )
    pair.seed_both()
    assert verify(pair) == {}
    unseen(pair.b, """UPDATE "100% 'odd'" SET "a%s" = 'z', own = 1 WHERE id = 2""")
    assert found(pair) == [("100% 'odd'", "different", "2", ("a%s", "own"))]
