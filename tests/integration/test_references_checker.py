"""The checker of references finds what is wrong, of each kind, and nothing else."""

from typing import Final, NamedTuple

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from tests.support.databases import MakeDatabase
from tests.support.references import ABSENT, Apart, Kind, check, generate
from tests.support.references.catalogue import unlisted
from tests.support.references.database import read_database
from tests.support.references.maker import Made
from tests.support.references.raw import greatest_ids
from tests.support.tables import read_tables


class Planted(NamedTuple):
    """A value that is wrong on the target: of the last row of the table that was generated, with references of `kind`.

    `value` is SQL.
    """

    kind: Kind
    table: str
    column: str
    value: str


PLANTED: Final = (
    Planted(Kind.FOREIGN_KEY, "sale_order", "partner_id", "1"),
    Planted(Kind.DELEGATION, "res_users", "partner_id", "1"),
    Planted(Kind.ACTION, "ir_filters", "action_id", "(SELECT min(id) FROM ir_act_server)"),
    Planted(Kind.TEXT, "ir_ui_menu", "action", "'ir.actions.act_window,' || (SELECT min(id) FROM ir_act_window)"),
    Planted(Kind.MODEL_AND_ID, "mail_activity", "res_id", "1"),
    Planted(Kind.MODEL_ELSEWHERE, "mail_alias", "alias_force_thread_id", "1"),
    Planted(Kind.IMPLIED, "res_users_deletion", "user_id_int", "1"),
    Planted(Kind.IR_PROPERTY, "ir_property", "value_reference", "'account.account,1'"),
    Planted(Kind.COMPANY_KEY, "res_partner", "credit_limit", """'{"1": 500.0}'"""),
    Planted(
        Kind.COMPANY_VALUE,
        "res_partner",
        "property_account_receivable_id",
        "(SELECT jsonb_object_agg(key, 1) FROM jsonb_each(property_account_receivable_id))",
    ),
    Planted(Kind.ANALYTIC, "sale_order_line", "analytic_distribution", """'{"1,2": 60.0, "1": 40.0}'"""),
    Planted(Kind.PLAN_COLUMN, "account_analytic_line", "x_plan(id)_id", "1"),
    Planted(Kind.PROPERTY, "project_task", "task_properties", "jsonb_set(task_properties, '{bb22,1}', '1')"),
    Planted(
        Kind.JSON,
        "project_task",
        "html_field_history",
        "jsonb_set(html_field_history, '{description,0,create_uid}', '1')",
    ),
    Planted(Kind.PARENT_PATH, "product_category", "parent_path", "'1/' || id || '/'"),
    Planted(
        Kind.COMBINATION,
        "product_product",
        "combination_indices",
        r"regexp_replace(combination_indices, '(\d+),(\d+)', '\2,\1')",
    ),
    Planted(Kind.MATCHING, "account_move_line", "matching_number", "ltrim(matching_number, 'P')"),
    Planted(
        Kind.INTERNAL_INDEX, "account_bank_statement_line", "internal_index", "left(internal_index, 18) || '0000000001'"
    ),
    Planted(Kind.EXTERNAL_ID, "ir_model_data", "name", "'1_generated'"),
    Planted(Kind.TRANSLATION, "ir_translation", "res_id", "1"),
    Planted(Kind.PARAMETER, "ir_config_parameter", "value", "'1'"),
    Planted(Kind.DEFAULT, "ir_default", "json_value", "'[1]'"),
    Planted(Kind.TRACKING, "mail_tracking_value", "new_value_integer", "1"),
    Planted(Kind.HTML_ATTACHMENT, "mail_message", "body", "regexp_replace(body, '/web/image/[0-9]+', '/web/image/1')"),
    Planted(Kind.HTML_RECORD, "mail_message", "body", "regexp_replace(body, 'oe-id=\"[0-9]+', 'oe-id=\"1')"),
    Planted(Kind.HTML_LINK, "mail_message", "body", "regexp_replace(body, 'res_id=[0-9]+', 'res_id=1')"),
)
# Tables to which nothing refers: their rows get other ids on the target.
MOVED: Final = (
    "ir_config_parameter",
    "ir_default",
    "ir_filters",
    "ir_property",
    "ir_translation",
    "mail_tracking_value",
)
MOVED_BY: Final = 1_000_000
SOURCES_IDS, TARGETS_IDS = 800_000_000, 700_000_000
TEMPLATES: Final = [pytest.param(t, marks=pytest.mark.xdist_group(t)) for t in ("odoo14", "odoo18")]
# A record that is nowhere, to which two generated attachments belong.
NOWHERE: Final = 999_999


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("template", TEMPLATES)
def test_all_that_is_wrong_is_found_and_nothing_else(template: str, database: MakeDatabase) -> None:
    """One database that two transactions see: that of the target, with the errors, is never committed."""
    dsn = database(template)
    with psycopg.connect(dsn) as source, psycopg.connect(dsn) as target:
        made = generate(source)
        attachments = [row.key for row in made[Kind.MODEL_AND_ID] if row.table == "ir_attachment"]
        source.execute("UPDATE ir_attachment SET res_id = %s WHERE id = ANY (%s)", [NOWHERE, attachments[:2]])
        source.commit()
        assert unlisted(read_database(source)) == set()
        shared = {t: last + MOVED_BY for t, last in greatest_ids(source).items()} | {"project_task": NOWHERE}

        planted = plant(target, made)
        target.execute("UPDATE ir_attachment SET res_id = 1 WHERE id = %s", attachments[:1])
        planted[Kind.MODEL_AND_ID, "ir_attachment", "res_id"] = attachments[0]
        target.execute("INSERT INTO ir_attachment (name, type, res_model, res_id) VALUES ('x', 'url', 'no.model', 1)")
        message = plant_raw_ids(target, shared)
        map_ids(target)
        findings = check(source, target, "turin", Apart(shared, SOURCES_IDS, TARGETS_IDS))
        target.rollback()

    assert {kind for kind, _, _ in planted} == made.keys() == set(Kind) - ABSENT[template]
    assert {(w.kind, w.table, w.column): w.local_key for w in findings.wrong} == {
        key: row_id and row_id + MOVED_BY * (key[1] in MOVED) for key, row_id in planted.items()
    }
    assert len(findings.wrong) == len(planted)
    assert all(findings.counts[kind].wrong and findings.counts[kind].right for kind in made)
    assert findings.counts[Kind.MODEL_AND_ID].nothing == len(attachments[:2])
    assert findings.unchecked == {"ir_attachment.res_id": 1}
    assert findings.unreplicated == {}
    assert [(raw.table, raw.column, raw.key) for raw in findings.raw] == [
        ("mail_message", "res_id", message),
        ("mail_message", "subject", message),
    ]


def plant(target: Connection[TupleRow], made: dict[Kind, list[Made]]) -> dict[tuple[str, str, str], int | None]:
    """Plants all that this version has. Gives the keys of the rows."""
    tables, expected = read_tables(target), {}
    plans = [name for name in tables["account_analytic_line"].columns if name.startswith("x_plan")]
    for kind, table, column, value in PLANTED:
        keys = [row.key for row in made.get(kind, []) if row.table == table]
        if keys:
            target.execute(
                sql.SQL("UPDATE {} SET {} = {} WHERE id = {}").format(
                    sql.Identifier(table),
                    sql.Identifier(plans[-1] if kind == Kind.PLAN_COLUMN else column),
                    sql.SQL(value),
                    keys[-1],
                )
            )
            expected[str(kind), table, column] = keys[-1]
    target.execute(
        "UPDATE res_partner_res_partner_category_rel SET partner_id = 1"
        " WHERE partner_id = (SELECT max(partner_id) FROM res_partner_res_partner_category_rel)"
    )
    expected[Kind.MANY2MANY, "res_partner_res_partner_category_rel", "category_id, partner_id"] = None
    return expected


def plant_raw_ids(target: Connection[TupleRow], shared: dict[str, int]) -> int:
    """Plants a reference to an id that only the source may have handed out, and such a one in a text."""
    row = target.execute(
        "INSERT INTO mail_message (message_type, model, res_id, message_id, subject) VALUES"
        " ('comment', 'res.partner', %s, 'raw', %s) RETURNING id",
        [
            shared["res_partner"] + MOVED_BY + 1,
            f"see [{SOURCES_IDS + 7}], not 1{SOURCES_IDS + 7} or a{SOURCES_IDS + 7}",
        ],
    ).fetchone()
    assert row
    return int(row[0])


def map_ids(target: Connection[TupleRow]) -> None:
    """Moves the ids of some tables, and makes what stands in for the map."""
    target.execute("CREATE SCHEMA ucrepl")
    target.execute("CREATE TABLE ucrepl.identity_map (peer text, table_name text, remote_id bigint, local_id bigint)")
    for table in read_tables(target).values():
        if table.numbered:
            moved_by = MOVED_BY * (table.label in MOVED)
            target.execute(
                sql.SQL("INSERT INTO ucrepl.identity_map SELECT 'turin', {0}, id, id + {1} FROM {2}").format(
                    table.label, moved_by, table.only
                )
            )
            if moved_by:
                target.execute(sql.SQL("UPDATE {} SET id = id + {}").format(table.only, moved_by))
                target.execute(
                    "UPDATE ir_model_data SET res_id = res_id + %s WHERE replace(model, '.', '_') = %s",
                    [moved_by, table.label],
                )
