"""Another company of an Odoo, with all that Odoo makes along with one."""

from typing import Final

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

# What belongs to a company, in the order in which it can be written, and how its rows are chosen.
_PARTS: Final = {
    "res_partner": "id = (SELECT partner_id FROM res_company WHERE id = %(model)s)",
    "res_company": "id = %(model)s",
    "resource_calendar": "company_id = %(model)s",
    "resource_calendar_attendance": "calendar_id IN (SELECT id FROM resource_calendar WHERE company_id = %(model)s)",
    "stock_location": "company_id = %(model)s",
    "ir_sequence": "company_id = %(model)s",
    "stock_warehouse": "company_id = %(model)s",
    "stock_picking_type": "company_id = %(model)s",
    "stock_route": "company_id = %(model)s",
    "stock_rule": "company_id = %(model)s",
    "account_journal": "company_id = %(model)s",
    "account_tax_group": "company_id = %(model)s",
    "account_tax": "company_id = %(model)s",
    "account_tax_repartition_line": "company_id = %(model)s",
    "ir_default": "company_id = %(model)s",
}
PARTS: Final = tuple(table for table in _PARTS if table not in {"res_partner", "resource_calendar_attendance"})
"""The tables of which a new company has rows."""
_REFERENCES: Final = """
SELECT a.attname, k.confrelid::regclass::text, a.attnotnull
FROM pg_constraint AS k
JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
WHERE k.contype = 'f' AND k.conrelid = %s::text::regclass
"""


def make_company(dsn: str, name: str, model: int = 1) -> int:
    """Make a company, in one transaction, out of copies of all that the company `model` has. Gives its id."""
    with psycopg.connect(dsn) as connection:
        copies = {table: _numbered(connection, table, model) for table in _PARTS}
        later = [part for table in _PARTS for part in _copy(connection, table, copies, name)]
        for statement in later:
            connection.execute(statement)
        company = copies["res_company"][model]
        values = {"company": company, "model": model}
        connection.execute(
            "INSERT INTO res_company_users_rel (cid, user_id) SELECT %(company)s, user_id FROM res_company_users_rel"
            " WHERE cid = %(model)s",
            values,
        )
        connection.execute(
            "INSERT INTO account_account_res_company_rel SELECT account_account_id, %(company)s"
            " FROM account_account_res_company_rel WHERE res_company_id = %(model)s",
            values,
        )
        connection.execute(
            "UPDATE account_account SET code_store = code_store"
            " || jsonb_build_object(%(company)s::text, code_store -> %(model)s::text)"
            " WHERE code_store ? %(model)s::text",
            values,
        )
        connection.execute(
            "UPDATE res_partner SET property_account_receivable_id = coalesce(property_account_receivable_id, '{}')"
            " || jsonb_build_object(%(company)s::text,"
            " (SELECT min(account_account_id) FROM account_account_res_company_rel WHERE res_company_id = %(company)s))"
            " WHERE id = 1",
            values,
        )
        return company


def _numbered(connection: Connection[TupleRow], table: str, model: int) -> dict[int, int]:
    """The ids of the rows that are copied, and those of their copies."""
    statement = sql.SQL("SELECT id, nextval(pg_get_serial_sequence({}, 'id')) FROM {} WHERE {} ORDER BY id").format(
        table, sql.Identifier(table), sql.SQL(_PARTS[table])
    )
    return dict(connection.execute(statement, {"model": model}).fetchall())


def _copy(
    connection: Connection[TupleRow], table: str, copies: dict[str, dict[int, int]], name: str
) -> list[sql.Composed]:
    """Copies rows. What refers to rows that come later is null first, and returned as updates."""
    written = [*copies][: [*copies].index(table)]
    later = []
    for old, new in copies[table].items():
        values: dict[str, int | str | None] = {"id": new}
        if table == "res_company":
            values["name"] = name
        if table == "stock_warehouse":
            values |= {"name": name, "code": "NEW"}
        for column, other, needed in connection.execute(_REFERENCES, [table]).fetchall():
            row = connection.execute(
                sql.SQL("SELECT {} FROM {} WHERE id = {}").format(sql.Identifier(column), sql.Identifier(table), old)
            ).fetchone()
            copy = copies.get(other, {}).get(row[0]) if row else None
            if copy is None:
                continue
            if needed or other in written:
                values[column] = copy
            else:
                values[column] = None
                later.append(
                    sql.SQL("UPDATE {} SET {} = {} WHERE id = {}").format(
                        sql.Identifier(table), sql.Identifier(column), copy, new
                    )
                )
        connection.execute(
            sql.SQL(
                "INSERT INTO {0} SELECT (jsonb_populate_record(t, {1}::jsonb)).* FROM {0} AS t WHERE id = {2}"
            ).format(sql.Identifier(table), Jsonb(values), old)
        )
    return later
