"""Records with the same unique name that both sides have made while the links lagged."""

import pytest

from tests.integration.links import MakePair, Pair, part_ids

TABLES = """
    CREATE TABLE res_users (id serial PRIMARY KEY, login text);
    CREATE TABLE crm_tag (id serial PRIMARY KEY, name jsonb NOT NULL UNIQUE, color int);
    CREATE TABLE res_users_settings (
        id serial PRIMARY KEY, user_id int NOT NULL UNIQUE REFERENCES res_users ON DELETE CASCADE, voice boolean
    );
    CREATE TABLE volume (
        id serial PRIMARY KEY, settings_id int NOT NULL REFERENCES res_users_settings, guest int, partner int,
        volume int
    );
    CREATE UNIQUE INDEX ON volume (settings_id, guest) WHERE guest IS NOT NULL;
    CREATE UNIQUE INDEX ON volume (settings_id, partner) WHERE partner IS NOT NULL;
    CREATE TABLE ir_filters (
        id serial PRIMARY KEY, name text, model text, user_id int REFERENCES res_users, note text
    );
    CREATE UNIQUE INDEX ON ir_filters (lower(name), model, coalesce(user_id, -1));
    CREATE TABLE lead (id serial PRIMARY KEY, name text, tag_id int REFERENCES crm_tag);
    CREATE TABLE crm_tag_rel (
        lead_id int REFERENCES lead ON DELETE CASCADE, tag_id int REFERENCES crm_tag ON DELETE CASCADE,
        PRIMARY KEY (lead_id, tag_id)
    );
    CREATE TABLE node (id serial PRIMARY KEY, name text UNIQUE, best_id int);
    CREATE TABLE leaf (id serial PRIMARY KEY, node_id int REFERENCES node, name text, UNIQUE (node_id, name));
    ALTER TABLE node ADD FOREIGN KEY (best_id) REFERENCES leaf;
    INSERT INTO res_users (login) VALUES ('ann'), ('bob');
"""
SEQUENCES = ("crm_tag", "res_users_settings", "volume", "ir_filters", "lead", "node", "leaf")


@pytest.fixture(params=["remap", "shared"])
def pair(request: pytest.FixtureRequest, make_pair: MakePair) -> Pair:
    pair = make_pair(TABLES, ids=request.param)
    pair.seed_both()
    if request.param == "shared":
        pair.share()
    part_ids(pair, *(f"{table}_id_seq" for table in SEQUENCES))
    return pair


def settle(pair: Pair) -> None:
    """Replay everything: nothing is parked, no batch is taken apart, and both sides know the same pairs."""
    finer = False
    for _ in range(10):
        drained = [pair.forth(), pair.back()]
        finer |= any(d.finer for d in drained)
        if not any(d.batches for d in drained):
            break
    assert not finer
    assert [*pair.a.parked(), *pair.b.parked()] == []
    for table in ("res_users", *SEQUENCES):
        assert pair.a.pairs(table) == sorted((local, remote) for remote, local in pair.b.pairs(table)), table


def test_what_both_have_made_becomes_one_record_with_all_that_refers_to_it(pair: Pair) -> None:
    for side, other in ((pair.a, "a"), (pair.b, "b")):
        side.run(
            f"""
            INSERT INTO crm_tag (name, color) VALUES ('{{"en_US": "of {other}"}}', 1), ('{{"en_US": "VIP"}}', 3);
            INSERT INTO lead (name, tag_id) SELECT '{other}', id FROM crm_tag WHERE name ->> 'en_US' = 'VIP';
            INSERT INTO crm_tag_rel SELECT lead.id, crm_tag.id FROM lead, crm_tag;
            INSERT INTO res_users_settings (user_id, voice) VALUES (2, true);
            INSERT INTO volume (settings_id, partner, guest, volume) SELECT id, 7, NULL, 1 FROM res_users_settings;
            INSERT INTO volume (settings_id, partner, guest, volume) SELECT id, NULL, 7, 2 FROM res_users_settings;
            INSERT INTO ir_filters (name, model, user_id, note) VALUES
                ('Mine', 'lead', 1, '1'), ('MINE', 'lead', NULL, '2'), ('mine', 'lead', 2, '3');
            """
        )
    pair.a.run("UPDATE ir_filters SET note = note || '!' WHERE user_id IS NULL")
    settle(pair)
    assert len(pair.assert_same("SELECT name, color FROM crm_tag ORDER BY name")) == 3
    leads = "SELECT l.name, t.name FROM lead AS l JOIN crm_tag AS t ON t.id = l.tag_id ORDER BY 1"
    assert pair.assert_same(leads) == [("a", {"en_US": "VIP"}), ("b", {"en_US": "VIP"})]
    links = (
        "SELECT l.name, t.name FROM crm_tag_rel AS r JOIN lead AS l ON l.id = r.lead_id"
        " JOIN crm_tag AS t ON t.id = r.tag_id"
    )
    assert len(pair.assert_same(f"{links} ORDER BY 1, 2")) == 4
    assert pair.assert_same("SELECT user_id, voice FROM res_users_settings") == [(2, True)]
    assert pair.assert_same("SELECT partner, guest, volume FROM volume ORDER BY 3") == [(7, None, 1), (None, 7, 2)]
    assert pair.assert_same("SELECT user_id, note FROM ir_filters ORDER BY 1") == [(1, "1"), (2, "3"), (None, "2!")]
    pair.b.run(
        "UPDATE crm_tag SET color = 9 WHERE name ->> 'en_US' = 'VIP';DELETE FROM volume; DELETE FROM res_users_settings"
    )
    with pytest.raises(AssertionError):
        pair.assert_same("SELECT color FROM crm_tag ORDER BY name")
    settle(pair)
    pair.assert_same("SELECT color FROM crm_tag ORDER BY name")
    assert pair.assert_same("SELECT FROM res_users_settings") == []


def test_many_of_them_are_recognised_in_one_batch(pair: Pair) -> None:
    for side, color in ((pair.a, 1), (pair.b, 2)):
        side.run(
            f"""
            INSERT INTO crm_tag (name, color)
            SELECT jsonb_build_object('en_US', n), {color} FROM generate_series(1, 1500) AS n;
            INSERT INTO lead (name, tag_id) SELECT '{side.name} ' || (name ->> 'en_US'), id FROM crm_tag;
            """
        )
    settle(pair)
    assert len(pair.assert_same("SELECT name, color FROM crm_tag ORDER BY 1")) == 1500
    pair.assert_same("SELECT l.name, t.name FROM lead AS l JOIN crm_tag AS t ON t.id = l.tag_id ORDER BY 1")


def test_a_circle_of_tables_of_which_one_is_found_by_the_other(pair: Pair) -> None:
    for side in (pair.a, pair.b):
        side.run(
            "INSERT INTO node (name) VALUES ('n'); INSERT INTO leaf (node_id, name) SELECT id, 'l' FROM node;"
            "UPDATE node SET best_id = leaf.id FROM leaf"
        )
    settle(pair)
    tree = "SELECT n.name, l.name, n.best_id = l.id FROM node AS n JOIN leaf AS l ON l.node_id = n.id"
    assert pair.assert_same(tree) == [("n", "l", True)]


def test_a_reference_that_is_not_known_is_no_value(make_pair: MakePair) -> None:
    """A filter of somebody whom this side does not know is not taken for the one that everybody has."""
    pair = make_pair(TABLES, rules=[{"table": "res_users", "skip": True}])
    pair.a.run("INSERT INTO ir_filters (name, model, user_id, note) VALUES ('x', 'lead', 1, 'private')")
    pair.b.run("INSERT INTO ir_filters (id, name, model, note) VALUES (1001, 'x', 'lead', 'of all')")
    pair.forth()
    assert pair.b.rows("SELECT user_id, note FROM ir_filters WHERE note = 'of all'") == [(None, "of all")]
    assert (1, 1001) not in pair.b.pairs("ir_filters")


def test_several_records_that_unique_indexes_find_are_never_guessed_from(pair: Pair) -> None:
    for side in (pair.a, pair.b):
        side.run("CREATE TABLE country (id serial PRIMARY KEY, code text UNIQUE, name text UNIQUE, city text)")
    pair.install()
    part_ids(pair, "country_id_seq")
    pair.b.run("INSERT INTO country (code, name) VALUES ('IT', 'Italia'), ('XX', 'Italy'), ('DE', 'Germany')")
    ids = pair.b.column("SELECT id FROM country ORDER BY id")
    pair.a.run("INSERT INTO country (code, name) VALUES ('IT', 'Italy'), ('DE', 'Deutschland'), ('FR', 'France')")
    pair.forth()
    [parked] = pair.b.parked()
    assert (parked.table, parked.op, parked.reason) == ("country", "I", "ambiguous")
    assert parked.message.endswith(f": ids {ids[0]}, {ids[1]}")
    assert pair.b.column("SELECT code FROM country ORDER BY 1") == ["DE", "FR", "IT", "XX"]
    pair.b.run("UPDATE country SET name = 'Nowhere' WHERE code = 'XX'")
    assert pair.retry().parked == 0
    pair.settle()
    pair.assert_same("SELECT code, name FROM country ORDER BY 1")
    assert [*pair.a.parked(), *pair.b.parked()] == []


def test_nulls_that_are_alike(make_pair: MakePair) -> None:
    pair = make_pair(
        "CREATE TABLE rate (id serial PRIMARY KEY, name text, company int, at date, rate int,"
        " UNIQUE NULLS NOT DISTINCT (name, company, at)); CREATE TABLE free (id serial PRIMARY KEY, name text UNIQUE)"
    )
    part_ids(pair, "rate_id_seq", "free_id_seq")
    for side in (pair.a, pair.b):
        side.run(
            "INSERT INTO rate (name, company, at, rate) VALUES"
            " ('x', NULL, NULL, 1), ('x', 5, NULL, 2), (NULL, NULL, NULL, 3), ('x', 5, '2026-01-01', 4);"
            "INSERT INTO free (name) VALUES (NULL), ('f')"
        )
    drained = [pair.forth(), pair.back()]
    pair.settle()
    assert not any(d.finer for d in drained)
    assert len(pair.assert_same("SELECT name, company, at, rate FROM rate ORDER BY rate")) == 4
    assert pair.assert_same("SELECT name FROM free ORDER BY 1") == [("f",), (None,), (None,)]
    assert [*pair.a.parked(), *pair.b.parked()] == []


def test_a_document_number_says_not_which_document_it_is(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE stock_picking (id serial PRIMARY KEY, name text UNIQUE, note text)")
    part_ids(pair, "stock_picking_id_seq")
    for side in (pair.a, pair.b):
        side.run("INSERT INTO stock_picking (name, note) VALUES ('WH/OUT/00001', %s)", side.name)
    pair.settle()
    for side, other in ((pair.a, "milan"), (pair.b, "turin")):
        assert side.column("SELECT note FROM stock_picking") == [side.name]
        [parked] = side.parked()
        assert (parked.reason, parked.sqlstate, other in str(parked)) == ("error", "23505", False)
