"""Every reference that is known of Odoo 8 to 19 is covered: by a line of a pack, by what Odoo says of its fields, by a
foreign key, or it is excepted here by name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from typing import Any, Final

import pytest
import yaml

from tests.support.odoo import odoo_file
from ucrepl.packs import Packs, load_packs
from ucrepl.plan.catalog import Catalog, Column, ForeignKey, Table, TableName
from ucrepl.plan.finder import Finder
from ucrepl.plan.references import OdooField, Reference

# What covers each kind of the facts; of the other ones there are lists of columns, which are looked at one by one.
KINDS: Final[dict[str, str | None]] = {
    "fk_many2one": "foreign keys",
    "many2many": "foreign keys",
    "_inherits (delegation)": "foreign keys",
    "create_uid / write_uid": "foreign keys, or what Odoo says of its fields",
    "registry FKs": "foreign keys; the registry is recognised by names",
    "table_inheritance": "one space of ids",
    "model names in char": "no ids; they differ between versions only",
    "field names in char": "no ids; they differ between versions only",
    "signed ids": "no map can help: docs/packs.md says so",
    "attachments / filestore": "no ids",
    "passwords": "no ids",
    "translated >=16": "the keys are codes of languages; html in it is looked at like other html",
    **dict.fromkeys(
        (
            "many2one_no_fk", "reference", "many2one_reference", "bare_integer", "company_dependent <=17",
            "company_dependent >=18", "translated <=15", "json analytic_distribution", "json other", "properties",
            "parent_path", "id list in char", "config parameters with ids", "ir_default.json_value",
            "python / domain / context text", "ids in html / urls",
        )
    ),
}  # fmt: skip
_PATHS: Final = 12
_COMPANIES_IN_JSON: Final = 18
HOLDS_NO_IDS: Final = "holds no ids"
# (table, column) -> why nothing is said of it.
EXCEPTIONS: Final = {
    ("hr_expense", "former_sheet_id"): "the number of a record of a model that is no more: it groups rows",
    ("ir_act_server", "code"): "a program; copied as it is",
    ("ir_exports_line", "name"): "names of fields",
    ("ir_filters", "sort"): "names of fields",
    ("account_bank_statement_line", "transaction_details"): "what a bank said",
    ("account_move", "l10n_hu_edi_messages"): HOLDS_NO_IDS,
    ("mail_tracking_value", "field_info"): "names and types of fields",
    ("pos_payment_method", "viva_com_latest_response"): "what a terminal said",
    ("pos_payment_method", "viva_wallet_latest_response"): "what a terminal said",
    ("res_company", "peppol_metadata"): HOLDS_NO_IDS,
    ("res_partner", "nemhandel_supported_documents"): HOLDS_NO_IDS,
    ("res_partner", "peppol_supported_documents"): HOLDS_NO_IDS,
    ("sale_order", "access_point_address"): "a carrier's name for its place",
    ("stock_picking", "l10n_ar_cai_data"): HOLDS_NO_IDS,
}
# What tables have besides the columns of the facts, to which table it refers, or its type.
NEIGHBOURS: Final[dict[str, dict[str, str]]] = {
    "base_automation": {"model_id": "ir_model", "trigger": "text"},
    "card_card": {"campaign_id": "card_campaign"},
    "card_campaign": {"res_model": "text"},
    "crm_lead": {"team_id": "crm_team"},
    "data_recycle_model": {"res_model_id": "ir_model"},
    "data_recycle_record": {"recycle_model_id": "data_recycle_model"},
    "document_directory": {"ressource_type_id": "ir_model"},
    "event_registration": {"event_id": "event_event"},
    "fleet_vehicle": {"model_id": "fleet_vehicle_model"},
    "gamification_goal_definition": {"model_id": "ir_model"},
    "hr_applicant": {"job_id": "hr_job"},
    "hr_candidate": {"company_id": "res_company"},
    "hr_employee": {"company_id": "res_company"},
    "hr_job": {"company_id": "res_company"},
    "hr_resume_line": {"line_type_id": "hr_resume_line_type"},
    "ir_act_server": {"update_field_id": "ir_model_fields"},
    "ir_default": {"field_id": "ir_model_fields", "ref_table": "text"},
    "ir_embedded_actions": {"parent_res_model": "text"},
    "ir_filters": {"model_id": "text", "embedded_action_id": "ir_embedded_actions"},
    "ir_act_window": {"res_model": "text"},
    "ir_config_parameter": {"key": "text"},
    "ir_model": {"model": "text"},
    "ir_model_data": {"model": "text"},
    "ir_model_fields": {"relation": "text"},
    "ir_rule": {"model_id": "ir_model"},
    "ir_server_object_lines": {"col1": "ir_model_fields"},
    "ir_translation": {"name": "text", "type": "text"},
    "mail_alias": {"alias_model_id": "ir_model", "alias_parent_model_id": "ir_model"},
    "mail_tracking_value": {"field_id": "ir_model_fields"},
    "mailing_contact": {"properties_base_definition_id": "properties_base_definition"},
    "mailing_mailing": {"mailing_model_id": "ir_model"},
    "maintenance_equipment": {"category_id": "maintenance_equipment_category"},
    "marketing_campaign_workitem": {"object_id": "ir_model"},
    "payment_transaction": {"callback_model_id": "ir_model"},
    "product_template": {"categ_id": "product_category"},
    "project_task": {"project_id": "project_project"},
    "repair_order": {"picking_type_id": "stock_picking_type"},
    "res_partner": {"properties_base_definition_id": "properties_base_definition"},
    "sale_order": {"carrier_id": "delivery_carrier"},
    "delivery_carrier": {"delivery_type": "text"},
    "stock_location": {"location_id": "integer"},
    "stock_lot": {"product_id": "product_product"},
    "stock_package": {"parent_package_id": "integer"},
    "stock_picking": {"picking_type_id": "stock_picking_type"},
    "stock_picking_batch": {"picking_type_id": "stock_picking_type"},
    "stock_quant": {"product_id": "product_product"},
    "uom_uom": {"relative_uom_id": "integer"},
    "account_report_expression": {"engine": "text"},
    "wkf_instance": {"res_type": "text"},
}
# Models whose column with the name of the model is not stored.
NOT_STORED: Final = frozenset({"base.automation", "card.card"})
# What the facts call a table -> its name.
MEANT: Final = {
    "data_recycle": "data_recycle_record",
    "gamification_*": "gamification_goal_definition",
    "workflow_instance": "wkf_instance",
}


@dataclass(frozen=True)
class Fact:
    """A column that refers to records: the kinds of which one must be found, and to what it must refer where told.

    `field`: what Odoo says of it, in the versions in which it says something of use.
    """

    table: str
    column: str
    type: str
    kinds: tuple[str, ...]
    target: str | None = None
    beside: tuple[str, ...] = ()
    field: OdooField | None = None

    @property
    def place(self) -> tuple[str, str]:
        return self.table, self.column


@cache
def read() -> dict[str, Any]:
    known: dict[str, Any] = yaml.load(odoo_file("facts/references.yaml").read_text(), yaml.CSafeLoader)
    return known


def kind(name: str) -> dict[str, Any]:
    [found] = [kind for kind in read()["kinds"] if list_name(kind) == name]
    return dict(found)


def list_name(kind: Mapping[str, Any]) -> str:
    return " ".join([*kind["kind"]]) if isinstance(kind["kind"], list) else str(kind["kind"])


def facts() -> list[Fact]:
    """All columns of all lists."""
    return [*chain(told_by_odoo(), told_by_nobody(), of_trees(), in_words())]


def told_by_odoo() -> Iterator[Fact]:
    """Those of which ir_model_fields says something."""
    lists = read()["generated"]
    for each in lists["reference_fields"]:
        yield typed(each, "reference", "character varying", "model_id")
    for each in lists["many2one_reference_fields"]:
        beside = () if each["model"] in NOT_STORED else (each["model_column"],)
        yield replace(typed(each, "many2one_reference", "integer", "by_model"), beside=beside)
    for each in lists["properties_fields"]:
        if each["kind"] == "Properties":
            yield replace(typed(each, "properties", "jsonb", "properties"), target=each["definition"])
        else:
            yield typed(each, "properties_definition", "jsonb", "definition")
    for each in lists["many2one_without_fk"]:
        if each["comodel"] == "ir.actions.actions":
            yield replace(typed(each, "many2one", "integer", "record"), target=each["comodel"])
        else:
            yield typed(each, "many2one", "integer", "record", "none")
    for each in lists["company_dependent_fields"]:
        if versions(each)[1] >= _COMPANIES_IN_JSON:
            target = f"res.company -> {each['comodel']}" if each["type"] == "Many2one" else "res.company"
            yield replace(typed(each, each["type"].lower(), "jsonb", "object"), target=target)


def told_by_nobody() -> Iterator[Fact]:
    """Those of which Odoo itself says nothing."""
    lists = read()["generated"]
    for each in lists["integer_plus_model_column"]:
        yield replace(fact(each, "integer", "by_model"), beside=tuple(each["candidates"].split(",")))
    for each in lists["bare_integer_ids"]:
        yield fact(each, "integer", "record", "by_model")
    for each in lists["json_fields"]:
        yield fact(each, "jsonb", "object", "json", "text", "local")


def of_trees() -> Iterator[Fact]:
    """The columns by which the descendants of a record are found."""
    for each in read()["generated"]["parent_store_models"]:
        first, last = versions(each)
        if last >= _PATHS:
            yield replace(fact({**each, "field": "parent_path"}, "character varying", "path"), beside=("parent_id",))
        if first < _PATHS:
            tree = ("parent_id", "parent_left", "parent_right")
            yield replace(fact({**each, "field": "parent_left"}, "integer", "nested"), beside=tree)
            yield replace(fact({**each, "field": "parent_right"}, "integer", "nested"), beside=tree)


def in_words() -> Iterator[Fact]:
    """Those that the facts name in sentences."""
    for each in kind("bare_integer")["list"]:
        if each["model"].startswith("none"):
            yield from named(each["column"], "integer", "none")
        else:
            yield from named(each["column"], "integer", "record", "by_model")
    for each in kind("id list in char")["list"]:
        if "." in each["column"] and not each["column"].startswith("column name"):
            yield from named(each["column"], "character varying", "list", "text")
    for each in kind("json other")["action"]:
        yield from named(each, "jsonb", "object", "json", "text", "local")
    yield from named(kind("python / domain / context text")["list"], "text", "domain", "by_model")
    yield from named("ir_default.json_value, ir_config_parameter.value, ir_translation.res_id", "text", "by_model")
    yield from named("ir_config_parameter.key", "text", "text")
    yield from named("ir_property.res_id/value_reference", "character varying", "model_id")
    urls = kind("ids in html / urls")["list"]
    yield from named(urls[urls.index("website_menu") :], "text", "text")


def fact(each: Mapping[str, Any], column_type: str, *kinds: str) -> Fact:
    """A column of which Odoo says nothing, so that a pack must."""
    return Fact(load_packs().table_of(each["model"]), each["field"], column_type, kinds)


def typed(each: Mapping[str, Any], ttype: str, column_type: str, *kinds: str) -> Fact:
    """A column of which Odoo says that it refers to records."""
    relation, by_company = each.get("comodel") or None, "type" in each
    known = OdooField(each["model"], each["field"], ttype, relation, by_company)
    return replace(fact(each, column_type, *kinds), field=known)


def named(text: str, column_type: str, *kinds: str) -> Iterator[Fact]:
    """The columns that a text names: `table.column`, or several of a table, `table.column/other`."""
    for table, columns in re.findall(r"\b([a-z][a-z0-9_]+\*?)\.([a-z0-9_]+(?: ?/ ?[a-z_]+(?![a-z_.]))*)", text):
        for column in re.split(r" ?/ ?", columns):
            yield Fact(MEANT.get(table, table), column, column_type, kinds)


def versions(each: Mapping[str, Any]) -> tuple[int, int]:
    """The first and the last version of a fact."""
    found = [int(version) for version in each["versions"].split("-")]
    return found[0], found[-1]


def catalog(known: list[Fact]) -> Catalog:
    """The tables of the facts, with all that is beside their columns."""
    columns: dict[str, dict[str, str]] = {name: dict(beside) for name, beside in NEIGHBOURS.items()}
    for one in known:
        table = columns.setdefault(one.table, {})
        table.setdefault(one.column, one.type)
        for name in one.beside:
            table.setdefault(name, "text")
    tables = {kind for table in columns.values() for kind in table.values() if "_" in kind}
    return Catalog.of("public", (made(name, columns.get(name, {})) for name in {*columns, *tables}))


def made(name: str, columns: Mapping[str, str]) -> Table:
    foreign = {column: TableName("public", kind) for column, kind in columns.items() if "_" in kind}
    return Table(
        TableName("public", name),
        {"id": Column("id", "integer"), **{
            column: Column(column, "integer" if column in foreign else kind) for column, kind in columns.items()
        }},
        key=("id",),
        sequence=f"public.{name}_id_seq",
        foreign_keys=tuple(ForeignKey((column,), table, ("id",)) for column, table in foreign.items()),
    )  # fmt: skip


def judge(packs: Packs, known: list[Fact]) -> dict[tuple[str, str], str]:
    """What is wrong with the columns that are not found to refer to what they must."""
    there = catalog(known)
    numbers = {name: number for number, name in enumerate(there.tables)}
    wrong = {}
    for one in known:
        fields = {one.place: one.field} if one.field else {}
        finder = Finder(packs, there, numbers, fields)
        name = TableName("public", one.table)
        table = there.tables[name]
        columns = {**table.columns, one.column: Column(one.column, one.type)}
        table = replace(table, columns=columns)
        found = finder.reference(table, one.column)
        if isinstance(found, str):
            is_kind, target = "by_model", found
        elif isinstance(found, Reference):
            is_kind, target = found.kind, found.target
        else:
            is_kind, target = "none" if finder.origin(table, one.column, None) else "nothing", ""
        if is_kind not in one.kinds or one.target not in {None, target}:
            wrong[one.place] = f"{is_kind} {target}"
    return wrong


def test_every_kind_is_looked_at() -> None:
    assert {list_name(kind) for kind in read()["kinds"]} == KINDS.keys()
    assert read()["generated"].keys() == {
        "reference_fields", "many2one_reference_fields", "integer_plus_model_column", "bare_integer_ids",
        "company_dependent_fields", "json_fields", "properties_fields", "many2one_without_fk", "parent_store_models",
        "model_name_columns", "many2many_tables",
    }  # fmt: skip


def test_every_reference_of_the_facts_is_covered() -> None:
    wrong = judge(load_packs(), facts())
    assert {place: found for place, found in wrong.items() if place not in EXCEPTIONS} == {}
    assert wrong.keys() == EXCEPTIONS.keys()


def test_a_line_that_is_missing_is_noticed() -> None:
    """Each column of the facts of which Odoo itself says nothing needs its line."""
    known = [one for one in facts() if one.field is None and one.place not in EXCEPTIONS]
    wrong = judge(Packs(models=load_packs().models), known)
    assert wrong.keys() == {one.place for one in known}


def test_every_parameter_with_an_id_is_known() -> None:
    [value] = [load_packs().references["ir_config_parameter"]["value"].rule]
    keys = {each["key"] for each in kind("config parameters with ids")["list"]}
    [company] = [key for key in keys if " and " in key]
    plain, of_company = company.split(" (")[0].split(" and ")
    wanted = {key for key in keys - {company} if " " not in key} | {plain, of_company.replace("<company id>", "*")}
    assert wanted == value.models.keys()


@pytest.mark.parametrize("place", EXCEPTIONS)
def test_no_exception_is_of_a_column_that_nobody_knows(place: tuple[str, str]) -> None:
    assert place in {one.place for one in facts()}
