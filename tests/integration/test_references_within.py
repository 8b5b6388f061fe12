"""References within values, in trees of Odoo up to 11, and what belongs to one side: on databases with other ids."""

from typing import Any

import pytest

from tests.integration.links import MakePair, Pair
from tests.integration.test_references import ids, there
from tests.integration.test_verify import unseen
from tests.support.odoo_tables import ODOO_TABLES, add_fields, move_ids_apart

TABLES = """
CREATE TABLE account_tax (id serial PRIMARY KEY, name text);
CREATE TABLE res_currency (id serial PRIMARY KEY, name text);
CREATE TABLE quotation_document (id serial PRIMARY KEY, name text);
CREATE TABLE product_document (id serial PRIMARY KEY, name text);
CREATE TABLE stock_warehouse (id serial PRIMARY KEY, name text);
CREATE TABLE delivery_carrier (id serial PRIMARY KEY, delivery_type text);
CREATE TABLE sale_order (
    id serial PRIMARY KEY, carrier_id int REFERENCES delivery_carrier, pickup_location_data jsonb,
    customizable_pdf_form_fields jsonb
);
CREATE TABLE sale_order_line (id serial PRIMARY KEY, extra_tax_data jsonb);
CREATE TABLE account_move (id serial PRIMARY KEY, name text, sending_data jsonb);
CREATE TABLE x_parcel (id serial PRIMARY KEY, name text, x_thing int, x_kind varchar);
CREATE TABLE crm_stage (id serial PRIMARY KEY, name text);
CREATE TABLE base_automation (
    id serial PRIMARY KEY, model_id int REFERENCES ir_model, trigger text, trg_field_ref int
);
CREATE TABLE stock_location (
    id serial PRIMARY KEY, name text, location_id int REFERENCES stock_location, parent_left int, parent_right int
);
ALTER TABLE ir_filters ADD sort text;
CREATE TABLE ir_exports_line (id serial PRIMARY KEY, name varchar);
ALTER TABLE account_partial_reconcile ADD draft_caba_move_vals jsonb;
ALTER TABLE mail_message ADD model varchar;
DROP TABLE mail_tracking_value;
CREATE TABLE mail_tracking_value (
    id serial PRIMARY KEY, mail_message_id int REFERENCES mail_message, field varchar, new_value_integer int
);
"""
FIELDS = (
    ("x_parcel", "x_thing", "many2one_reference", None),
    ("crm.lead", "x_studio_stage_id", "many2one", "crm.stage"),
    ("crm.lead", "tag_ids", "many2many", "res.partner"),
)


def linked(make_pair: MakePair, *, shared: bool = False, **configuration: Any) -> Pair:  # noqa: ANN401
    ids = "shared" if shared else "remap"
    pair = make_pair(ODOO_TABLES + TABLES, installed=False, ids=ids, **configuration)
    add_fields(pair)
    for side in (pair.a, pair.b):
        side.run("INSERT INTO ir_model (model) VALUES ('crm.lead'), ('x_parcel')")
        for field in FIELDS:
            side.run("INSERT INTO ir_model_fields (model, name, ttype, relation, store) VALUES (%s, %s, %s, %s, true)",
                     *field)  # fmt: skip
    pair.install()
    if not shared:
        move_ids_apart(pair)
    pair.seed_both()
    if shared:
        pair.share()
    return pair


def test_ids_within_json(make_pair: MakePair) -> None:
    """At their places, in keys and in values, however deep; in a text that is an object, too. All else stays."""
    odoos = linked(make_pair)
    for table in ("account_tax", "res_currency", "quotation_document", "product_document", "stock_warehouse"):
        odoos.a.run(f"INSERT INTO {table} (name) VALUES ('x')")
    odoos.a.run(
        "INSERT INTO account_move_line (name) VALUES ('base'), ('tax'); INSERT INTO sale_order_line DEFAULT VALUES"
    )
    odoos.a.run("INSERT INTO delivery_carrier (delivery_type) VALUES ('in_store'), ('post')")
    odoos.forth()
    named = (
        "account_tax",
        "res_currency",
        "quotation_document",
        "product_document",
        "stock_warehouse",
        "sale_order_line",
    )
    here = {table: ids(odoos, table)[0] for table in named}
    lines = ids(odoos, "account_move_line")

    taxes = (
        '{{"rate": 7, "currency_id": {res_currency}, "manual_tax_amounts": {{"{account_tax}": {{"tax_amount": 7}}}}}}'
    )
    documents = (
        '{{"line": {{"{sale_order_line}": {{"{product_document}": {{"document_name": "7"}}}}}},'
        ' "header": {{"{quotation_document}": {{}}}}, "footer": {{}}}}'
    )
    entry = '{{"debit_total_balance": 7.0, "debit_caba_lines": [["base", {}], ["tax", {}]], "credit_caba_lines": []}}'
    odoos.a.run("UPDATE sale_order_line SET extra_tax_data = %s", taxes.format(**here))
    for carrier in ids(odoos, "delivery_carrier"):
        odoos.a.run(
            "INSERT INTO sale_order (carrier_id, pickup_location_data, customizable_pdf_form_fields)"
            " VALUES (%s, %s, to_jsonb(%s::text))",
            carrier, f'{{"id": {here["stock_warehouse"]}, "name": "7"}}', documents.format(**here),
        )  # fmt: skip
    odoos.a.run("INSERT INTO sale_order (customizable_pdf_form_fields) VALUES ('\"{7 \"'), ('[7, null]'), ('7')")
    odoos.a.run("INSERT INTO account_partial_reconcile (draft_caba_move_vals) VALUES (to_jsonb(%s::text))",
                entry.format(*lines))  # fmt: skip
    odoos.forth()

    now = {table: there(odoos, table, [one])[0] for table, one in here.items()}
    assert odoos.b.value("SELECT extra_tax_data = %s::jsonb FROM sale_order_line", taxes.format(**now))
    locations = odoos.b.column("SELECT pickup_location_data ->> 'id' FROM sale_order ORDER BY id LIMIT 2")
    assert locations == [str(now["stock_warehouse"]), str(here["stock_warehouse"])]  # that of the post is its own
    read = "SELECT customizable_pdf_form_fields{} FROM sale_order ORDER BY id {}"
    for text in odoos.b.column(read.format(" #>> '{}'", "LIMIT 2")):
        assert odoos.b.value("SELECT %s::jsonb = %s::jsonb", text, documents.format(**now))
    assert odoos.b.column(read.format("", "OFFSET 2")) == ["{7 ", [7, None], 7]
    # Odoo compares this text with one that it makes anew: all but the ids is the same, to the letter
    assert odoos.b.column("SELECT draft_caba_move_vals FROM account_partial_reconcile") == [
        entry.format(*there(odoos, "account_move_line", lines))
    ]
    odoos.assert_clean()


def test_what_belongs_to_one_side_is_never_written(make_pair: MakePair) -> None:
    """Nor is a number of which Odoo says that it refers to a record, and nobody knows of which model."""
    odoos = linked(make_pair)
    odoos.a.run("""INSERT INTO account_move (name, sending_data) VALUES ('m', '{"author_user_id": 7}')""")
    odoos.a.run("INSERT INTO x_parcel (name, x_thing, x_kind) VALUES ('p', 7, 'res.partner')")
    odoos.forth()
    assert odoos.b.rows("SELECT name, sending_data FROM account_move") == [("m", None)]
    assert odoos.b.rows("SELECT name, x_thing, x_kind FROM x_parcel") == [("p", None, "res.partner")]
    odoos.b.run("UPDATE x_parcel SET x_thing = 5")
    odoos.a.run("UPDATE x_parcel SET x_thing = 8, name = 'q'")
    odoos.settle()
    assert odoos.b.rows("SELECT name, x_thing FROM x_parcel") == [("q", 5)]
    assert odoos.a.rows("SELECT name, x_thing FROM x_parcel") == [("q", 8)]
    odoos.assert_clean()


def test_the_model_is_that_of_a_field_by_its_name(make_pair: MakePair) -> None:
    odoos = linked(make_pair)
    odoos.a.run("INSERT INTO crm_stage (name) VALUES ('won'); INSERT INTO res_partner (name) VALUES ('ann')")
    [won], [ann] = ids(odoos, "crm_stage"), ids(odoos, "res_partner")
    for trigger, record in (("on_stage_set", won), ("on_tag_set", ann), ("on_state_set", 0), ("on_time", None)):
        odoos.a.run(
            "INSERT INTO base_automation (model_id, trigger, trg_field_ref)"
            " SELECT id, %s, %s FROM ir_model WHERE model = 'crm.lead'", trigger, record,
        )  # fmt: skip
    odoos.forth()
    [won_b], [ann_b] = there(odoos, "crm_stage", [won]), there(odoos, "res_partner", [ann])
    assert odoos.b.column("SELECT trg_field_ref FROM base_automation ORDER BY id") == [won_b, ann_b, 0, None]

    # up to Odoo 13 the old and the new value of a field
    odoos.a.run("INSERT INTO mail_message (model) VALUES ('crm.lead'), ('res.partner')")
    odoos.a.run(
        "INSERT INTO mail_tracking_value (mail_message_id, field, new_value_integer)"
        " SELECT id, CASE model WHEN 'crm.lead' THEN 'x_studio_stage_id' ELSE 'color' END, %s FROM mail_message", won,
    )  # fmt: skip
    odoos.forth()
    read = "SELECT field, new_value_integer FROM mail_tracking_value ORDER BY field"
    assert odoos.b.rows(read) == [("color", won), ("x_studio_stage_id", won_b)]
    odoos.assert_clean()


@pytest.mark.parametrize("policy", ["cluster", None])
def test_external_ids_of_exports(make_pair: MakePair, policy: str | None) -> None:
    """Up to Odoo 10 they are the id of the record on its own side; later ones are the same on both."""
    odoos = linked(make_pair, policy=policy)
    name = "INSERT INTO ir_model_data (module, model, res_id, name) SELECT '__export__', 'res.partner', id, {} FROM {}"
    unseen(
        odoos.b,
        "INSERT INTO res_partner (id, name) VALUES (5, 'of b'), (6, 'bob')",
        name.format("'res_partner_' || CASE id WHEN 6 THEN '7_12345678' ELSE '5' END", "res_partner"),
    )
    odoos.a.run(
        "WITH made AS (INSERT INTO res_partner (id, name) VALUES (5, 'of a'), (7, 'bob') RETURNING id) "
        + name.format("'res_partner_' || id || CASE id WHEN 7 THEN '_12345678' ELSE '' END", "made")
    )
    odoos.forth()
    assert odoos.b.column("SELECT name FROM res_partner ORDER BY name") == ["bob", "of a", "of b"]
    if policy:
        named = odoos.b.rows("SELECT name, res_id FROM ir_model_data ORDER BY 1")
        assert named == [("res_partner_5", 5), ("res_partner_7_12345678", 6)]
        assert odoos.b.rows("SELECT rule, rows FROM ucrepl.skipped") == [("external ids of exports", 1)]
        odoos.assert_clean()


TREE = "SELECT name, parent_left, parent_right FROM stock_location ORDER BY parent_left"
PLACE = (
    "INSERT INTO stock_location (name, location_id) SELECT '{0}', (SELECT id FROM stock_location WHERE name = '{1}')"
)


@pytest.mark.parametrize("shared", [False, True])
def test_nested_sets(make_pair: MakePair, shared: bool) -> None:  # noqa: FBT001 - a parameter
    """Up to Odoo 11 each side numbers the ends itself, also those of records that the other one has not yet."""
    odoos = linked(make_pair, shared=shared)
    odoos.a.run(f"{PLACE.format('all', '')}; {PLACE.format('stock', 'all')}; {PLACE.format('lost', '')}")
    odoos.a.run("UPDATE stock_location SET parent_left = 70, parent_right = 71")
    odoos.forth()
    assert odoos.b.rows(TREE) == [("all", 0, 3), ("stock", 1, 2), ("lost", 4, 5)]
    odoos.b.run(f"{PLACE.format('own', 'stock')}; UPDATE stock_location SET parent_left = 2, parent_right = 2"
                " WHERE name = 'own'")  # fmt: skip
    odoos.a.run("UPDATE stock_location SET location_id = (SELECT id FROM stock_location WHERE name = 'lost')"
                " WHERE name = 'stock'")  # fmt: skip
    odoos.forth()
    assert odoos.b.rows(TREE) == [("all", 0, 1), ("lost", 2, 7), ("stock", 3, 6), ("own", 4, 5)]
    odoos.settle()
    assert odoos.a.rows(TREE) == odoos.b.rows(TREE)

    # both number the same sets anew before they hear of each other
    odoos.a.run("UPDATE stock_location SET parent_left = parent_left + 2, parent_right = parent_right + 2")
    odoos.b.run("UPDATE stock_location SET parent_left = parent_left + 4, parent_right = parent_right + 4")
    odoos.settle()
    assert odoos.a.rows(TREE) == odoos.b.rows(TREE)
    assert [side.conflicts() for side in (odoos.a, odoos.b)] == [[], []]
    odoos.assert_clean()


PLAN_FIELD = (
    "INSERT INTO ir_model_fields (model, name, ttype, relation, store)"
    " VALUES ('account.analytic.line', 'x_plan{}_id', 'many2one', 'account.analytic.account', true)"
)


def test_names_of_fields_with_an_id(make_pair: MakePair) -> None:
    """A plan's field is called after the plan's id: its row is that of the other side's field, and texts name that."""
    odoos = linked(make_pair, policy="cluster")
    odoos.a.run("INSERT INTO account_analytic_plan (id, name) VALUES (7, 'p'), (8, 'q')")
    odoos.a.run("INSERT INTO account_analytic_account (id, name) VALUES (5, 'sales')")
    odoos.forth()
    [sales], [of_7, of_8] = ids(odoos, "account_analytic_account"), there(odoos, "account_analytic_plan", [7, 8])
    [sales_b] = there(odoos, "account_analytic_account", [sales])
    # b has a plan of its own with the id that another one has on a
    unseen(odoos.b, *(PLAN_FIELD.format(plan) for plan in (of_7, of_8, 7)))
    odoos.a.run(PLAN_FIELD.format(7))
    odoos.a.run("INSERT INTO ir_default (field_id, json_value) SELECT id, %s FROM ir_model_fields"
                " WHERE name = 'x_plan7_id'", str(sales))  # fmt: skip
    domains = {
        "['&', ('x_plan{0}_id', '=', {1}), ('x_plan{0}_id.name', 'ilike', '7')]": (7, of_7),
        "{{'group_by': ['x_plan{0}_id'], 'search_default_x_plan{0}_id': {1}}}": (8, of_8),
    }
    for text, (plan, _) in domains.items():
        odoos.a.run("INSERT INTO ir_filters (model_id, domain, sort) VALUES ('account.analytic.line', %s, %s)",
                    text.format(plan, sales), f'["x_plan{plan}_id desc"]')  # fmt: skip
    odoos.a.run("INSERT INTO ir_exports_line (name) VALUES ('x_plan7_id/name'), ('x_plan8_id'), ('x_plan7_ids')")
    odoos.forth()

    read = "SELECT f.name, json_value FROM ir_default AS d JOIN ir_model_fields AS f ON f.id = d.field_id"
    assert odoos.b.rows(read) == [(f"x_plan{of_7}_id", str(sales_b))]
    assert odoos.b.column("SELECT domain FROM ir_filters ORDER BY id") == [
        text.format(plan, sales_b) for text, (_, plan) in domains.items()
    ]
    assert odoos.b.column("SELECT sort FROM ir_filters ORDER BY id") == [
        f'["x_plan{plan}_id desc"]' for plan in (of_7, of_8)
    ]
    assert odoos.b.column("SELECT name FROM ir_exports_line ORDER BY id") == [
        f"x_plan{of_7}_id/name", f"x_plan{of_8}_id", "x_plan7_ids"
    ]  # fmt: skip
    # a plan and its field come together
    unseen(odoos.b, PLAN_FIELD.format(9))
    odoos.a.run(f"INSERT INTO account_analytic_plan (id, name) VALUES (9, 'r'); {PLAN_FIELD.format(9)}")
    odoos.forth()
    paired = "SELECT name FROM ir_model_fields AS f JOIN ucrepl.identity_map AS m ON m.local_id = f.id"
    paired += " WHERE table_name = 'ir_model_fields' AND name LIKE 'x_plan%'"
    assert odoos.b.column(paired) == [f"x_plan{of_7}_id"]
    odoos.assert_clean()


def test_names_of_fields_of_a_record_that_is_not_known(make_pair: MakePair) -> None:
    """The field of that name on the other side is another one."""
    odoos = linked(make_pair, rules=[{"table": "account_analytic_plan", "action": "protect"}])
    unseen(odoos.b, PLAN_FIELD.format(7))
    odoos.a.run("INSERT INTO account_analytic_plan (id, name) VALUES (7, 'only here')")
    odoos.a.run("INSERT INTO ir_filters (model_id, domain) VALUES ('account.analytic.line', %s)",
                "[('x_plan7_id', '!=', False)]")  # fmt: skip
    odoos.forth()
    assert odoos.b.column("SELECT domain FROM ir_filters") == ["[(0, '=', 1)]"]
    assert ("not certain: ir_filters.domain", 1) in odoos.b.rows("SELECT rule, rows FROM ucrepl.skipped")
