"""A few of Odoo's tables, and what its registry tells of their fields, for tests of references."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.integration.links import Pair

ODOO_TABLES: Final = """
CREATE TABLE ir_model (id serial PRIMARY KEY, model text UNIQUE);
CREATE TABLE ir_model_fields (
    id serial PRIMARY KEY, model text, name text, ttype text, relation text, store boolean, company_dependent boolean
);
CREATE TABLE ir_model_data (id serial PRIMARY KEY, module text, name text, model text, res_id int);
CREATE TABLE res_company (id serial PRIMARY KEY, name text, report_footer jsonb);
CREATE TABLE account_account (id serial PRIMARY KEY, code text);
CREATE TABLE account_analytic_account (id serial PRIMARY KEY, name text);
CREATE TABLE account_analytic_plan (id serial PRIMARY KEY, name text);
CREATE TABLE account_analytic_line (id serial PRIMARY KEY);
CREATE TABLE account_bank_statement_line (id serial PRIMARY KEY, internal_index varchar);
CREATE TABLE account_full_reconcile (id serial PRIMARY KEY, name text);
CREATE TABLE account_partial_reconcile (id serial PRIMARY KEY, name text);
CREATE TABLE account_move_line (
    id serial PRIMARY KEY, name text, analytic_distribution jsonb, matching_number text
);
CREATE TABLE res_partner (
    id serial PRIMARY KEY, name text, account_id int REFERENCES account_account, color int, property_account_id jsonb,
    credit_limit jsonb
);
CREATE TABLE ir_actions (id serial PRIMARY KEY, name text);
CREATE TABLE ir_act_window (PRIMARY KEY (id)) INHERITS (ir_actions);
CREATE TABLE ir_act_url (PRIMARY KEY (id)) INHERITS (ir_actions);
CREATE TABLE res_users (id serial PRIMARY KEY, login text, action_id int);
CREATE TABLE ir_ui_menu (id serial PRIMARY KEY, name text, action varchar);
CREATE TABLE mail_alias (
    id serial PRIMARY KEY, alias_model_id int REFERENCES ir_model, alias_force_thread_id int
);
CREATE TABLE mail_tracking_value (
    id serial PRIMARY KEY, field_id int REFERENCES ir_model_fields, old_value_integer int, new_value_integer int
);
CREATE TABLE ir_default (id serial PRIMARY KEY, field_id int REFERENCES ir_model_fields, json_value varchar);
CREATE TABLE ir_config_parameter (id serial PRIMARY KEY, key varchar, value text);
CREATE TABLE project_project (id serial PRIMARY KEY, name text, task_properties_definition jsonb);
CREATE TABLE project_task (
    id serial PRIMARY KEY, project_id int REFERENCES project_project, task_properties jsonb
);
ALTER TABLE project_project ADD first_task_id int REFERENCES project_task;
CREATE TABLE product_category (
    id serial PRIMARY KEY, name text, parent_id int REFERENCES product_category, parent_path varchar
);
CREATE TABLE product_template_attribute_value (id serial PRIMARY KEY, name text);
CREATE TABLE product_product (id serial PRIMARY KEY, combination_indices varchar);
CREATE TABLE ir_attachment (id serial PRIMARY KEY, name text);
CREATE TABLE mail_message (id serial PRIMARY KEY, body text);
CREATE TABLE ir_property (id serial PRIMARY KEY, res_id varchar, value_reference varchar);
CREATE TABLE ir_filters (id serial PRIMARY KEY, name text, model_id varchar, domain text);
CREATE TABLE x_thing (
    id serial PRIMARY KEY, x_account_id int, x_ref varchar, x_by_company jsonb, x_res_id int, x_res_model varchar
);
"""

# (model, field, type, model to which it refers, whether each company has a value of its own)
_FIELDS: Final = (
    ("res.partner", "account_id", "many2one", "account.account", False),
    ("res.partner", "color", "integer", None, False),
    ("res.partner", "property_account_id", "many2one", "account.account", True),
    ("res.partner", "credit_limit", "float", None, True),
    ("res.company", "report_footer", "html", None, False),
    ("mail.message", "body", "html", None, False),
    ("project.project", "task_properties_definition", "properties_definition", None, False),
    ("x_thing", "x_account_id", "many2one", "account.account", False),
    ("x_thing", "x_ref", "reference", None, False),
    ("x_thing", "x_by_company", "many2one", "account.account", True),
    ("x_thing", "x_res_id", "many2one_reference", None, False),
)


def add_fields(pair: "Pair") -> None:
    """Registers the models and the fields on both sides."""
    for side in (pair.a, pair.b):
        models = side.column("SELECT replace(relname, '_', '.') FROM pg_class WHERE relkind = 'r' AND relnamespace ="
                             " 'public'::regnamespace ORDER BY 1")  # fmt: skip
        for model in [*models, "ir.actions.act_window", "x_thing"]:
            side.run("INSERT INTO ir_model (model) VALUES (%s)", model)
        for field in _FIELDS:
            side.run(
                "INSERT INTO ir_model_fields (model, name, ttype, relation, store, company_dependent)"
                " VALUES (%s, %s, %s, %s, true, %s)", *field,
            )  # fmt: skip


def move_ids_apart(pair: "Pair") -> None:
    """Lets all sequences of b go on far away from those of a."""
    for place, sequence in enumerate(
        pair.b.column(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"
        )
    ):
        pair.b.run("SELECT setval(%s, %s)", sequence, 100_000 + 1000 * place)
