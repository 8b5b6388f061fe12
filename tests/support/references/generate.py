"""Writes, into a restored Odoo 14 or 18, three records with each kind of reference that the version has."""

import json
from typing import Any, Final

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from tests.support.references import generate_accounts, generate_messages, generate_products
from tests.support.references.kinds import Kind
from tests.support.references.maker import Made, Maker
from tests.support.references.people import People, make_people

_EACH: Final = 3
# The models with analytic accounts by plan.
_PLAN_MODELS: Final = ("account.analytic.line", "project.project")


def make_plan(connection: Connection[TupleRow]) -> int | None:
    """Makes an analytic plan with its fields, and gives its id; None where Odoo has none.

    The columns of the fields are made by `add_plan_columns`.
    """
    maker = Maker.at(connection)
    if not maker.has("account_analytic_plan"):
        return None
    plan = maker.make("account_analytic_plan", name="Generated", parent_id=None)
    maker.change("account_analytic_plan", plan, parent_path=f"{plan}/", complete_name="Generated")
    for model in _PLAN_MODELS:
        connection.execute(
            "INSERT INTO ir_model_fields SELECT (jsonb_populate_record(f,"
            " jsonb_build_object('id', nextval('ir_model_fields_id_seq'), 'name', %s::text))).*"
            " FROM ir_model_fields AS f WHERE f.model = %s AND f.name = 'x_plan2_id'",
            [f"x_plan{plan}_id", model],
        )
    return plan


def add_plan_columns(connection: Connection[TupleRow], plan: int) -> None:
    """Adds what Odoo adds for a new plan: a column in each table with analytic accounts by plan."""
    column = f"x_plan{plan}_id"
    for table in (model.replace(".", "_") for model in _PLAN_MODELS):
        connection.execute(
            sql.SQL(
                "ALTER TABLE {} ADD COLUMN {} integer CONSTRAINT {} REFERENCES account_analytic_account"
                " ON DELETE RESTRICT"
            ).format(*map(sql.Identifier, (table, column, f"{table}_{column}_fkey")))
        )


def generate(connection: Connection[TupleRow], plan: int | None = None) -> dict[Kind, list[Made]]:
    """Makes the records, and gives what it made of each kind.

    `plan`: of `make_plan`, with columns; without one it is made here.
    """
    if plan is None and (plan := make_plan(connection)):
        add_plan_columns(connection, plan)
    maker = Maker.at(connection)
    for _ in range(_EACH):
        people = make_people(maker)
        _actions(maker, people)
        _trees(maker, people)
        _defaults(maker, people)
        _parameters(maker, people)
        _by_company(maker, people)
        _translation(maker, people)
        _properties(maker, people)
        history = [{"create_uid": people.user, "create_user_name": people.name, "revision_id": 7, "patch": "+@0:a"}]
        maker.change("project_task", people.task, Kind.JSON, html_field_history={"description": history})
        generate_accounts.make(maker, people, plan)
        generate_products.make(maker)
        generate_messages.make(maker, people)
    return maker.made


def _actions(maker: Maker, people: People) -> None:
    """Actions, and what refers to them; a window that opens one record."""
    window = maker.make(
        "ir_act_window",
        Kind.MODEL_AND_ID,
        name=people.name,
        type="ir.actions.act_window",
        res_model="project.task",
        res_id=people.task,
        view_id=None,
        search_view_id=None,
        binding_model_id=None,
        path=None,
    )
    server = maker.make(
        "ir_act_server", name=people.name, type="ir.actions.server", binding_model_id=None, parent_id=None, path=None
    )
    maker.change("res_users", people.user, Kind.ACTION, action_id=window)
    maker.make("ir_actions_todo", Kind.ACTION, action_id=server, name=people.name)
    menu = maker.make(
        "ir_ui_menu",
        Kind.TEXT,
        name=people.name,
        parent_id=None,
        action=f"ir.actions.act_window,{window}",
        web_icon=None,
    )
    child = maker.make(
        "ir_ui_menu", Kind.TEXT, name=people.name, parent_id=menu, action=f"ir.actions.server,{server}", web_icon=None
    )
    maker.change("ir_ui_menu", menu, Kind.PARENT_PATH, parent_path=f"{menu}/")
    maker.change("ir_ui_menu", child, Kind.PARENT_PATH, parent_path=f"{menu}/{child}/")
    values = {"name": people.name, "model_id": "project.task", "user_id": people.user, "action_id": window}
    if maker.has("ir_embedded_actions"):
        embedded = maker.make(
            "ir_embedded_actions",
            Kind.MODEL_AND_ID,
            name=people.name,
            parent_action_id=window,
            action_id=server,
            python_method=None,
            parent_res_model="project.project",
            parent_res_id=people.project,
            user_id=people.user,
        )
        maker.make(
            "ir_filters",
            Kind.ACTION,
            Kind.MODEL_ELSEWHERE,
            **values,
            embedded_action_id=embedded,
            embedded_parent_res_id=people.project,
        )
    else:
        maker.make("ir_filters", Kind.ACTION, **values)


def _trees(maker: Maker, people: People) -> None:
    """Trees of two levels."""
    for table in ("res_partner_category", "stock_location", "product_category", "account_group", "hr_department"):
        if maker.has(table, "parent_path"):
            parent_column = "location_id" if table == "stock_location" else "parent_id"
            values: dict[str, Any] = {"name": people.name, "barcode": None, "company_id": people.company}
            root = maker.make(table, **values, **{parent_column: None})
            leaf = maker.make(table, **values, **{parent_column: root})
            maker.change(table, root, Kind.PARENT_PATH, parent_path=f"{root}/")
            maker.change(table, leaf, Kind.PARENT_PATH, parent_path=f"{root}/{leaf}/")
            if table == "res_partner_category":
                maker.link("res_partner_res_partner_category_rel", category_id=leaf, partner_id=people.partner)


def _defaults(maker: Maker, people: People) -> None:
    """Defaults of fields: one record, and several."""
    tag = maker.make("crm_tag", name=people.name)
    for model, field, value in (
        ("sale.order", "partner_id", people.partner),
        ("project.task", "project_id", people.project),
        ("sale.order", "tag_ids", [tag]),
    ):
        maker.make(
            "ir_default",
            Kind.DEFAULT,
            field_id=_field(maker, model, field),
            user_id=people.user,
            company_id=people.company,
            json_value=json.dumps(value),
            condition=None,
        )


def _parameters(maker: Maker, people: People) -> None:
    """Parameters whose values are ids; the last one stays."""
    server = maker.make(
        "ir_mail_server",
        name=people.name,
        smtp_host="localhost",
        smtp_port=25,
        smtp_encryption="none",
        smtp_authentication="login",
        active=False,
    )
    for key, value in (("base.template_portal_user_id", people.user), ("mass_mailing.mail_server_id", server)):
        row_id = maker.value("SELECT id FROM ir_config_parameter WHERE key = %s", key)
        if row_id is None:
            row_id = maker.make("ir_config_parameter", key=key, value="0")
        maker.change("ir_config_parameter", row_id, Kind.PARAMETER, value=str(value))


def _by_company(maker: Maker, people: People) -> None:
    """Values of a field for one company: in a table of their own, later in the record."""
    if maker.has("ir_property"):
        maker.make(
            "ir_property",
            Kind.IR_PROPERTY,
            name="property_account_receivable_id",
            fields_id=_field(maker, "res.partner", "property_account_receivable_id"),
            company_id=people.company,
            type="many2one",
            res_id=f"res.partner,{people.partner}",
            value_reference=f"account.account,{people.account}",
            value_float=None,
        )
        return
    pricelist = maker.make("product_pricelist", name=people.name, company_id=people.company, currency_id=1)
    maker.make(
        "ir_config_parameter",
        Kind.PARAMETER,
        key=f"res.partner.property_product_pricelist_{people.company}",
        value=str(pricelist),
    )
    maker.change(
        "res_partner",
        people.partner,
        Kind.COMPANY_KEY,
        Kind.COMPANY_VALUE,
        property_account_receivable_id={str(people.company): people.account},
        specific_property_product_pricelist={"1": pricelist, str(people.company): pricelist},
        credit_limit={str(people.company): 500.0},
    )


def _translation(maker: Maker, people: People) -> None:
    if maker.has("ir_translation"):
        maker.make(
            "ir_translation",
            Kind.TRANSLATION,
            name="project.task,name",
            type="model",
            lang="en_US",
            res_id=people.task,
            src=people.name,
            value="Generated task",
            state="translated",
            module=None,
        )


def _properties(maker: Maker, people: People) -> None:
    """A project whose tasks have properties: one record, several, and a default."""
    if not maker.has("project_task", "task_properties"):
        return
    tags = [maker.make("project_tags", name=f"{people.name} {n}", color=n) for n in range(2)]
    definition = [
        {"name": "aa11", "type": "many2one", "string": "Partner", "comodel": "res.partner", "default": people.partner},
        {"name": "bb22", "type": "many2many", "string": "Tags", "comodel": "project.tags", "domain": False},
        {"name": "cc33", "type": "integer", "string": "Number", "default": 7},
    ]
    maker.change("project_project", people.project, Kind.PROPERTY, task_properties_definition=definition)
    maker.change(
        "project_task", people.task, Kind.PROPERTY, task_properties={"aa11": people.partner, "bb22": tags, "cc33": 7}
    )


def _field(maker: Maker, model: str, name: str) -> int:
    found: int = maker.value("SELECT id FROM ir_model_fields WHERE model = %s AND name = %s", model, name)
    return found
