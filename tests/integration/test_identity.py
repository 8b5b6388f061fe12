"""Which local record a remote one is: pairs, recognition by external id and by keys, references by model name."""

import pytest

from tests.integration.links import BACK, FORTH, MakePair, Pair, Side, part_ids
from ucrepl.errors import RefusedError
from ucrepl.plan.identify import recognise
from ucrepl.plan.model import RecognitionKey

PARTNER = "INSERT INTO res_partner (name, type, ref, email) VALUES ('{0}', 'contact', '{1}', '{0}@x')"
MESSAGES = (
    "SELECT m.subject, m.model, p.name FROM mail_message AS m LEFT JOIN res_partner AS p"
    " ON m.model = 'res.partner' AND p.id = m.res_id ORDER BY 1"
)
COUNTRY = "INSERT INTO res_country (name, code, phone_code) VALUES ('{{\"en_US\": \"{0}\"}}', '{1}', {2})"


@pytest.fixture
def shops(make_pair: MakePair) -> Pair:
    """Two empty shops, whose partners have other ids on b."""
    pair = make_pair(template="shop-empty", rules=[{"table": "res_partner", "keys": [["ref"], ["email", "name"]]}])
    pair.b.run("SELECT setval('res_partner_id_seq', 1000), setval('res_country_id_seq', 1000)")
    return pair


@pytest.fixture
def clones(make_pair: MakePair) -> Pair:
    """Two clones of a shop, not yet seeded."""
    return make_pair(template="shop")


def turned(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return sorted((local, remote) for remote, local in pairs)


def assert_same_pairs(pair: Pair, *tables: str) -> None:
    for table in tables:
        assert pair.a.pairs(table) == turned(pair.b.pairs(table)), table


def names(side: Side, ids: list[int]) -> list[str]:
    return [side.value("SELECT name FROM res_partner WHERE id = %s", one) for one in ids]


def test_both_sides_hold_the_same_pairs(shops: Pair) -> None:
    for n in range(3):
        shops.a.run(PARTNER.format(f"a{n}", f"A{n}"))
        shops.b.run(PARTNER.format(f"b{n}", f"B{n}"))
        shops.settle()
    assert len(shops.a.pairs("res_partner")) == 6
    assert_same_pairs(shops, "res_partner")
    for remote, local in shops.b.pairs("res_partner"):
        assert names(shops.a, [remote]) == names(shops.b, [local])


def test_the_documented_view(make_pair: MakePair) -> None:
    pair = make_pair(
        "CREATE SCHEMA other; CREATE TABLE other.item (id serial PRIMARY KEY); CREATE TABLE item (id serial"
        " PRIMARY KEY)"
    )
    pair.b.run("SELECT setval('item_id_seq', 100), setval('other.item_id_seq', 200)")
    pair.a.run("INSERT INTO item DEFAULT VALUES; INSERT INTO other.item DEFAULT VALUES")
    pair.settle()
    rows = "SELECT peer, table_name, remote_id, local_id FROM ucrepl.identity_map ORDER BY 1, 2"
    assert pair.b.rows(rows) == [("turin", "item", 1, 101), ("turin", "other.item", 1, 201)]
    assert pair.a.rows(rows) == [("milan", "item", 101, 1), ("milan", "other.item", 201, 1)]
    pair.b.run("DELETE FROM item")
    pair.settle()
    for side in (pair.a, pair.b):
        assert [name for _, name, _, _ in side.rows(rows)] == ["other.item"]


def test_a_record_is_recognised_by_its_keys_and_brought_up_to_date(shops: Pair) -> None:
    shops.b.run(
        "SET ucrepl.origin = 'x'; " + PARTNER.format("milanese", "R1") + "; RESET ucrepl.origin"
    )  # before install
    shops.a.run(PARTNER.format("turinese", "R1"))
    shops.a.run("INSERT INTO res_partner (name, type, parent_id) SELECT 'child', 'contact', id FROM res_partner")
    shops.settle()
    partners = (
        "SELECT p.name, p.ref, u.name FROM res_partner AS p LEFT JOIN res_partner AS u ON u.id = p.parent_id ORDER BY 1"
    )
    assert shops.assert_same(partners) == [("child", None, "turinese"), ("turinese", "R1", None)]
    assert_same_pairs(shops, "res_partner")
    shops.assert_clean()


def test_the_next_key_serves_where_the_first_is_empty_or_finds_nobody(shops: Pair) -> None:
    for name, ref in (("ann", ""), ("bob", "OTHER")):
        shops.b.run("SET ucrepl.origin = 'x'; " + PARTNER.format(name, ref) + "; RESET ucrepl.origin")
        shops.a.run(PARTNER.format(name, ""))
    shops.settle()
    assert shops.b.value("SELECT count(*) FROM res_partner") == 2
    assert names(shops.b, [local for _, local in shops.b.pairs("res_partner")]) == ["ann", "bob"]


def test_keys_of_the_packs_and_unique_values_on_both_sides_at_once(shops: Pair) -> None:
    shops.a.run(COUNTRY.format("Italy", "IT", 39))
    shops.b.run(COUNTRY.format("Germany", "DE", 49) + ";" + COUNTRY.format("Italia", "IT", 39))
    shops.a.run("UPDATE res_country SET phone_code = 390 WHERE code = 'IT'")
    shops.settle()
    countries = shops.assert_same("SELECT code, name ->> 'en_US', phone_code FROM res_country ORDER BY 1")
    assert [code for code, _, _ in countries] == ["DE", "IT"]
    assert countries[1][2] == 390
    assert_same_pairs(shops, "res_country")
    assert [*shops.a.parked(), *shops.b.parked()] == []


def test_a_key_that_is_a_reference_is_compared_after_translation(make_pair: MakePair) -> None:
    pair = make_pair(
        "CREATE TABLE land (id serial PRIMARY KEY, code text);"
        "CREATE TABLE region (id serial PRIMARY KEY, land_id int REFERENCES land, code text, name text)",
        rules=[{"table": "land", "keys": [["code"]]}, {"table": "region", "keys": [["land_id", "code"]]}],
        installed=False,
    )
    pair.b.run(
        "INSERT INTO land (code) VALUES ('X'), ('IT'); INSERT INTO region (land_id, code, name) VALUES (1,"
        " 'TO', 'other'), (2, 'TO', 'Turin')"
    )
    pair.install()
    pair.a.run(
        "INSERT INTO land (code) VALUES ('IT'); INSERT INTO region (land_id, code, name) VALUES (1, 'TO', 'Torino')"
    )
    pair.settle()
    assert pair.b.rows("SELECT id, land_id, name FROM region ORDER BY 1") == [(1, 1, "other"), (2, 2, "Torino")]
    assert pair.b.pairs("region") == [(1, 2)]


def test_a_reference_in_a_key_is_compared_but_not_looked_up_where_an_index_finds_the_value(make_pair: MakePair) -> None:
    pair = make_pair(
        "CREATE TABLE land (id serial PRIMARY KEY, code text);"
        " CREATE TABLE region (id serial PRIMARY KEY, land_id int REFERENCES land, code text, name text);"
        " CREATE INDEX ON region (land_id); CREATE INDEX ON region (code) WHERE code IS NOT NULL;"
        " CREATE INDEX ON region (name) WHERE name > 'M'",
        rules=[{"table": "land", "keys": [["code"]]}, {"table": "region", "keys": [["land_id", "code"]]}],
        installed=False,
    )
    pair.b.run(
        "INSERT INTO land (code) VALUES ('X'), ('IT');"
        " INSERT INTO region (land_id, code, name) VALUES (1, 'TO', 'other'), (2, 'TO', 'Turin'), (NULL, 'MI', 'lost')"
    )
    pair.install()
    plan = pair.replayer().applier.plan
    [region] = [table for table in plan.tables.values() if str(table.name) == "region"]
    assert [c.name for c in region.columns if c.column.indexed] == ["id", "land_id", "code"]
    assert ") IS TRUE" in recognise(plan, region, RecognitionKey(("land_id", "code")))
    assert ") IS TRUE" not in recognise(plan, region, RecognitionKey(("land_id", "name")))
    pair.a.run(
        "INSERT INTO land (code) VALUES ('IT'), ('Y');"
        " INSERT INTO region (land_id, code, name) VALUES (1, 'TO', 'Torino'), (2, 'MI', 'Milan')"
    )
    pair.settle()
    assert pair.b.pairs("region") == [(1, 2), (2, 4)]


def test_an_external_id_goes_before_keys(shops: Pair) -> None:
    shops.b.run(
        "SET ucrepl.origin = 'x'; "
        + PARTNER.format("same key", "R1")
        + ";"
        + PARTNER.format("same external id", "R2")
        + "; INSERT INTO ir_model_data (module, name, model, res_id) VALUES ('shop', 'boss', 'res.partner',"
        " 1002); RESET ucrepl.origin"
    )
    shops.a.run("BEGIN")
    shops.a.run(PARTNER.format("boss", "R1"))
    shops.a.run("INSERT INTO ir_model_data (module, name, model, res_id) VALUES ('shop', 'boss', 'res.partner', 1)")
    shops.a.run("COMMIT")
    shops.forth()
    assert shops.b.pairs("res_partner") == [(1, 1002)]
    assert shops.b.rows("SELECT id, name FROM res_partner ORDER BY 1") == [(1001, "same key"), (1002, "boss")]
    assert shops.b.rows("SELECT name, res_id FROM ir_model_data") == [("boss", 1002)]
    assert shops.b.parked() == []


def test_an_ambiguous_match_is_parked_with_its_candidates_and_never_guessed(shops: Pair) -> None:
    for name in ("one", "two"):
        shops.b.run("SET ucrepl.origin = 'x'; " + PARTNER.format(name, "R1") + "; RESET ucrepl.origin")
    shops.a.run(PARTNER.format("which", "R1"))
    shops.a.run(
        "INSERT INTO res_partner (name, type, parent_id) VALUES ('child', 'contact', 1); "
        + PARTNER.format("other", "R2")
    )
    shops.a.run("UPDATE res_partner SET city = 'Turin' WHERE name = 'which'")
    shops.forth()
    [ambiguous, dependent] = sorted(shops.b.parked(), key=lambda p: p.reason)
    assert (ambiguous.table, ambiguous.op, ambiguous.reason) == ("res_partner", "I", "ambiguous")
    assert "ref: ids 1001, 1002" in ambiguous.message
    assert (dependent.reason, dependent.sqlstate) == ("unresolved", "UC001")
    assert shops.b.column("SELECT name FROM res_partner ORDER BY 1") == ["one", "other", "two"]
    assert shops.retry().changes == 0
    assert {p.reason for p in shops.b.parked()} == {"ambiguous", "unresolved"}
    shops.b.run("UPDATE res_partner SET ref = 'R9' WHERE name = 'two'")
    assert shops.retry().parked == 0
    assert shops.b.parked() == []
    assert (1, 1001) in shops.b.pairs("res_partner")
    assert shops.b.rows("SELECT name, city FROM res_partner WHERE id = 1001") == [("which", "Turin")]
    assert shops.b.rows("SELECT parent_id FROM res_partner WHERE name = 'child'") == [(1001,)]


def test_two_new_records_with_the_key_of_one(shops: Pair) -> None:
    shops.b.run("SET ucrepl.origin = 'x'; " + PARTNER.format("here", "R1") + "; RESET ucrepl.origin")
    shops.a.run(PARTNER.format("first", "R1") + ";" + PARTNER.format("second", "R1"))
    shops.settle()
    assert shops.assert_same("SELECT name FROM res_partner ORDER BY 1") == [("first",), ("second",)]
    assert (1, 1001) in shops.b.pairs("res_partner")
    assert_same_pairs(shops, "res_partner")


def test_a_record_that_was_recognised_is_not_taken_twice(shops: Pair) -> None:
    shops.a.run(PARTNER.format("first", "R1"))
    shops.settle()
    shops.a.run("UPDATE res_partner SET ref = 'R2'; " + PARTNER.format("second", "R1"))
    shops.settle()
    assert shops.assert_same("SELECT name, ref FROM res_partner ORDER BY 1") == [("first", "R2"), ("second", "R1")]


def message(subject: str, model: str, res_id: str) -> str:
    values = f"'{subject}', {model}, {res_id}, 'comment'"
    return f"INSERT INTO mail_message (subject, model, res_id, message_type) VALUES ({values})"


def test_references_by_model_name(shops: Pair) -> None:
    shops.a.run(PARTNER.format("ann", "R1") + ";" + PARTNER.format("bob", "R2"))
    for subject, model, res_id in (
        ("1 to ann", "'res.partner'", "1"), ("2 to nobody", "NULL", "NULL"), ("3 to zero", "'res.partner'", "0"),
        ("4 other", "'no.such.model'", "77"), ("5 no model", "NULL", "78"), ("6 no id", "'res.partner'", "NULL"),
    ):  # fmt: skip
        shops.a.run(message(subject, model, res_id))
    shops.forth()
    assert shops.assert_same(MESSAGES)[0] == ("1 to ann", "res.partner", "ann")
    assert shops.b.rows("SELECT model, res_id FROM mail_message ORDER BY subject")[1:] == [
        (None, None), ("res.partner", 0), ("no.such.model", 77), (None, 78), ("res.partner", None),
    ]  # fmt: skip
    shops.a.run("UPDATE mail_message SET res_id = 2 WHERE subject LIKE '1%'")  # the model stands in the local row only
    shops.forth()
    assert shops.assert_same(MESSAGES)[0] == ("1 to ann", "res.partner", "bob")
    shops.b.run("UPDATE mail_message SET res_id = 1001 WHERE subject LIKE '1%'")
    shops.settle()
    shops.a.run("SELECT nextval('res_partner_id_seq')")
    shops.a.run("UPDATE mail_message SET res_id = 3 WHERE subject LIKE '1%'")  # one that comes later
    shops.forth()
    shops.a.run("INSERT INTO res_partner (id, name, type) VALUES (3, 'cid', 'contact')")
    shops.settle()
    assert shops.assert_same(MESSAGES)[0] == ("1 to ann", "res.partner", "cid")
    shops.a.run("UPDATE mail_message SET res_id = 1 WHERE subject LIKE '1%'")
    shops.settle()
    assert shops.assert_same(MESSAGES)[0] == ("1 to ann", "res.partner", "ann")
    shops.assert_clean()


def test_a_record_that_is_mentioned_before_it_comes(shops: Pair) -> None:
    shops.a.run("SELECT nextval('res_partner_id_seq')")
    shops.a.run(message("about", "'res.partner'", "1"))
    shops.forth()
    shops.a.run("INSERT INTO res_partner (id, name, type) VALUES (1, 'ann', 'contact')")
    shops.settle()
    assert shops.assert_same(MESSAGES) == [("about", "res.partner", "ann")]
    assert_same_pairs(shops, "res_partner")
    shops.assert_clean()


def test_a_record_that_is_mentioned_and_parked_keeps_its_id(shops: Pair) -> None:
    shops.a.run("SELECT nextval('res_partner_id_seq')")
    shops.a.run(message("about", "'res.partner'", "1"))
    shops.forth()
    shops.b.run("ALTER TABLE res_partner ADD CONSTRAINT named CHECK (name <> 'ann')")
    shops.a.run(
        "SET ucrepl.origin = 'x'; INSERT INTO res_partner (name, type) VALUES ('unknown', 'contact'); RESET"
        " ucrepl.origin"
    )
    shops.a.run(
        "INSERT INTO res_partner (id, name, type, parent_id) SELECT 1, 'ann', 'contact', id FROM res_partner;"
        "INSERT INTO res_partner (name, type) VALUES ('ann', 'contact')"
    )
    shops.forth()
    assert {p.reason for p in shops.b.parked()} == {"unresolved", "error"}
    shops.b.run("ALTER TABLE res_partner DROP CONSTRAINT named")
    shops.b.run("UPDATE ucrepl.parked SET new = new OPERATOR(ucrepl.||) ucrepl.hstore('parent_id', NULL)")
    assert shops.retry().parked == 0
    assert shops.b.rows(MESSAGES) == [("about", "res.partner", "ann")]


def test_a_mention_does_not_stand_in_the_way_of_recognition(make_pair: MakePair) -> None:
    """The table that mentions comes before the one that is mentioned, in one batch with it."""
    pair = make_pair(
        "CREATE TABLE res_country (id serial PRIMARY KEY, code text);"
        "CREATE TABLE calendar_event (id serial PRIMARY KEY, name text, res_model text, res_id int)",
        installed=False,
    )
    pair.b.run("SELECT setval('res_country_id_seq', 1000); INSERT INTO res_country (code) VALUES ('IT')")
    pair.install()
    pair.a.run(
        "INSERT INTO res_country (code) VALUES ('IT'); INSERT INTO calendar_event (name, res_model, res_id)"
        " VALUES ('x', 'res.country', 1)"
    )
    pair.forth()
    assert pair.b.rows("SELECT id, code FROM res_country") == [(1001, "IT")]
    assert pair.b.rows("SELECT res_id FROM calendar_event") == [(1001,)]


def test_seeding_pairs_what_has_the_same_id(clones: Pair) -> None:
    seeded = clones.seed()
    assert not seeded.already
    assert seeded.pairs == sum(
        clones.a.value(f"SELECT count(*) FROM {table}")
        for table in clones.a.column(
            "SELECT table_name FROM ucrepl.table_name WHERE table_name <> 'res_partner_res_partner_category_rel'"
        )
    )
    assert clones.b.pairs("res_partner") == [(n, n) for n in clones.b.column("SELECT id FROM res_partner ORDER BY 1")]
    assert clones.seed().already
    clones.settle()
    assert_same_pairs(clones, *clones.a.column("SELECT DISTINCT table_name FROM ucrepl.identity_map"))
    clones.assert_clean()


def test_clones_in_use_on_both_sides(clones: Pair) -> None:
    clones.a.run(PARTNER.format("born on a before the seed", "R1"))
    clones.b.run(PARTNER.format("born on b before the seed", "R2") + ";" + PARTNER.format("and another", "R3"))
    clones.seed_both()
    clones.a.run("UPDATE res_partner SET city = 'A' WHERE id = 2; " + PARTNER.format("born on a", "R4"))
    clones.b.run("UPDATE res_partner SET street = 'B' WHERE id = 2; " + PARTNER.format("born on b", "R5"))
    clones.settle()
    assert clones.assert_same("SELECT city, street FROM res_partner WHERE id = 2") == [("A", "B")]
    born = clones.assert_same("SELECT name FROM res_partner WHERE ref IN ('R1', 'R2', 'R3', 'R4', 'R5') ORDER BY 1")
    assert len(born) == 5
    assert_same_pairs(clones, "res_partner")
    clones.assert_clean()


def test_what_is_changed_and_deleted_between_install_and_seed(clones: Pair) -> None:
    for side, tag, other in ((clones.a, "A", "B"), (clones.b, "B", "A")):
        side.run(f'INSERT INTO res_partner_category (name) VALUES (\'{{"en_US": "of {tag}"}}\')')
        side.run(f"UPDATE res_partner SET city = '{tag}' WHERE id = {3 if tag == 'A' else 4}")
        side.run(f"UPDATE res_country SET code = '{tag}{other}' WHERE id = {1 if tag == 'A' else 2}")
    gone = clones.a.column(
        "SELECT m.id FROM mail_message AS m WHERE NOT EXISTS (SELECT FROM mail_message AS c WHERE c.parent_id ="
        " m.id) ORDER BY 1 LIMIT 2"
    )
    clones.a.run("DELETE FROM mail_message WHERE id = %s", gone[0])
    clones.b.run("DELETE FROM mail_message WHERE id = %s", gone[1])
    clones.b.run("UPDATE mail_message SET subject = 'in vain' WHERE id = %s", gone[0])
    clones.seed_both()
    clones.settle()
    assert clones.assert_same("SELECT id FROM mail_message WHERE id = ANY (ARRAY[{}, {}])".format(*gone)) == []
    assert clones.assert_same("SELECT city FROM res_partner WHERE id IN (3, 4) ORDER BY id") == [("A",), ("B",)]
    assert clones.assert_same("SELECT code FROM res_country WHERE id IN (1, 2) ORDER BY id") == [("AB",), ("BA",)]
    assert [*clones.a.parked(), *clones.b.parked()] == []
    assert_same_pairs(clones, "res_partner", "res_partner_category", "mail_message", "res_country")


def test_ids_that_change_and_are_used_again_between_install_and_seed(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE item (id serial PRIMARY KEY, name text)", installed=False)
    pair.run("INSERT INTO item (name) SELECT 'n' || n FROM generate_series(1, 4) AS n")
    pair.install()
    pair.a.run("UPDATE item SET id = 50 WHERE id = 1")
    pair.a.run("DELETE FROM item WHERE id = 2; INSERT INTO item VALUES (2, 'n2 anew')")
    pair.b.run("INSERT INTO item VALUES (50, 'of b'); UPDATE item SET id = 60 WHERE id = 3")
    for one, other in ((4, 99), (1, 4), (99, 1)):
        pair.b.run(f"UPDATE item SET id = {other} WHERE id = {one}")
    pair.seed_both()
    pair.a.run("UPDATE item SET name = name || '!'")
    pair.settle()
    names = ["n1!", "n2 anew!", "n3!", "n4!", "of b"]
    assert pair.assert_same("SELECT name FROM item ORDER BY 1") == [(name,) for name in names]
    assert_same_pairs(pair, "item")
    pair.assert_clean()


def test_seeding_refuses_rows_that_differ_in_their_keys_and_changes_nothing(clones: Pair) -> None:
    clones.b.run("SET ucrepl.origin = 'x'; UPDATE res_country SET code = 'XX' WHERE id = 1; RESET ucrepl.origin")
    with pytest.raises(RefusedError, match="res_country: 1 rows, the first with id 1") as refused:
        clones.seed()
    assert refused.value.hint
    assert clones.b.rows("SELECT FROM ucrepl.identity") == []
    assert clones.b.value("SELECT seeded_at IS NULL FROM ucrepl.link WHERE name = 'turin->milan'")
    clones.configure(rules=[{"table": "res_country", "skip": True}])
    assert clones.seed().pairs > 0


def test_seeding_after_the_first_batch_is_refused(clones: Pair) -> None:
    clones.a.run(PARTNER.format("x", "R1"))
    clones.forth()
    with pytest.raises(RefusedError, match="has been replayed already"):
        clones.seed()


def test_seeding_one_link_is_enough_for_both(clones: Pair) -> None:
    clones.seed(FORTH)
    clones.b.run("UPDATE res_partner SET city = 'B' WHERE id = 3")
    clones.a.run("UPDATE res_partner SET street = 'A' WHERE id = 3")
    clones.drain(FORTH)
    clones.drain(BACK)
    assert clones.assert_same("SELECT city, street FROM res_partner WHERE id = 3") == [("B", "A")]
    clones.assert_clean()
    assert_same_pairs(clones, "res_partner", "res_country")


def test_new_ids_are_given_in_the_order_of_those_on_the_source(make_pair: MakePair) -> None:
    """Odoo shows lines with the same sequence in the order of their ids."""
    pair = make_pair(
        "CREATE TABLE orders (id serial PRIMARY KEY, name text);"
        "CREATE TABLE line (id serial PRIMARY KEY, orders_id int REFERENCES orders, sequence int, name text)"
    )
    part_ids(pair, "orders_id_seq", "line_id_seq")
    for order, lines in ((1, 40), (2, 3000)):
        pair.a.run(
            f"BEGIN; INSERT INTO orders VALUES ({order}, 'S');"
            " INSERT INTO line (orders_id, sequence, name)"
            f" SELECT {order}, 10, n FROM generate_series(1, {lines}) AS n;"
            f" UPDATE line SET name = name || '!' WHERE orders_id = {order} AND id % 3 = 1;"
            f" DELETE FROM line WHERE orders_id = {order} AND name = '8';"
            f" INSERT INTO line (id, orders_id, sequence, name) SELECT min(id) + 7, {order}, 10, '8 again' FROM line"
            f" WHERE orders_id = {order}; COMMIT"
        )
        pair.forth()
        pair.assert_same("SELECT name FROM line ORDER BY orders_id, sequence, id")
    pair.assert_clean()


def test_ids_of_mentioned_records_are_given_in_the_order_of_those_on_the_source(shops: Pair) -> None:
    for res_id in (9, 4, 7, 2, 30, 11):
        shops.a.run(message(f"to {res_id}", "'res.partner'", str(res_id)))
    shops.forth()
    pairs = shops.b.pairs("res_partner")
    assert [remote for remote, _ in pairs] == [2, 4, 7, 9, 11, 30]
    assert [local for _, local in pairs] == sorted(local for _, local in pairs)
