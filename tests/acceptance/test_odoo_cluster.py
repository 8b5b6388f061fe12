"""Two sites of one company, with the policy `cluster`: what an administrator does on one of them holds on the other."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.company import PARTS, make_company
from tests.support.databases import MakeDatabase
from tests.support.pair import Pair, value

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("odoo18")]

LOCAL = """
SELECT coalesce(
    (SELECT local_id FROM ucrepl.identity_map WHERE table_name = %s AND remote_id = %s), -1
)
"""
APART = """
SELECT setval(s.oid::regclass, 5000000)
FROM pg_class AS s
WHERE s.relkind = 'S' AND s.relnamespace = 'public'::regnamespace AND s.relname LIKE '%\\_id\\_seq'
"""
USERS = "SELECT id FROM res_users WHERE login IN ('admin', 'demo') ORDER BY id"
KEYS = """
INSERT INTO {} (name, user_id, index, key, create_date)
SELECT 'of the phone', id, '1234abcd', 'hash of ' || id, '2025-01-01' FROM res_users
"""


@pytest.fixture(params=["remap", "shared"])
def pair(request: pytest.FixtureRequest, database: MakeDatabase, tmp_path: Path) -> Pair:
    """Two clones that follow each other. With the ids mapped those of new records differ."""
    turin, milan = database("odoo18"), database("odoo18")
    for dsn in (turin, milan):
        with psycopg.connect(dsn) as connection:
            for table in ("res_users_apikeys", "auth_totp_device"):
                connection.execute(KEYS.format(table).encode())
    pair = Pair.linked(tmp_path, turin, milan, policy="cluster", ids=request.param)
    pair.run("install")
    pair.run("seed", "--same-ids")
    if request.param == "shared":
        pair.run("ids", "share")
    else:
        value(milan, APART)
    return pair


def rows(dsn: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement.encode(), values or None).fetchall()


def on_milan(pair: Pair, table: str, number: int) -> int:
    """What milan calls a record of turin's."""
    return int(value(pair.milan, LOCAL, table, number))


def test_nobody_gets_in_who_was_shut_out_on_the_other_side(pair: Pair) -> None:
    (ours, theirs) = (number for (number,) in rows(pair.turin, USERS))
    with psycopg.connect(pair.turin) as turin:
        turin.execute("UPDATE res_users SET password = 'new', totp_secret = 'other phone' WHERE id = %s", [ours])
        turin.execute("DELETE FROM res_users_apikeys WHERE user_id = %s", [ours])
        turin.execute("DELETE FROM auth_totp_device WHERE user_id = %s", [ours])
        turin.execute("DELETE FROM res_groups_users_rel WHERE uid = %s", [ours])
        turin.execute("UPDATE ir_config_parameter SET value = 'b2b' WHERE key = 'auth_signup.invitation_scope'")
        turin.execute("INSERT INTO ir_config_parameter (key, value) VALUES ('auth_password_policy.minlength', '12')")
        turin.execute("UPDATE account_move SET access_token = 'void' WHERE id = (SELECT min(id) FROM account_move)")
    with psycopg.connect(pair.milan) as milan:
        milan.execute("UPDATE res_users SET active = false, totp_secret = 'first' WHERE id = %s", [theirs])
    pair.drain_all()
    for dsn in (pair.turin, pair.milan):
        said = rows(
            dsn, "SELECT password, totp_secret, active FROM res_users WHERE id IN (%s, %s) ORDER BY id", ours, theirs
        )
        assert said[0] == ("new", "other phone", True)
        assert said[1][1:] == ("first", False)
        for table in ("res_users_apikeys", "auth_totp_device"):
            assert rows(dsn, f"SELECT FROM {table} WHERE user_id = %s", ours) == []
            assert len(rows(dsn, f"SELECT FROM {table} WHERE user_id = %s", theirs)) == 1
        assert rows(dsn, "SELECT FROM res_groups_users_rel WHERE uid = %s", ours) == []
        assert value(dsn, "SELECT value FROM ir_config_parameter WHERE key = 'auth_password_policy.minlength'") == "12"
        assert value(dsn, "SELECT access_token FROM account_move ORDER BY id LIMIT 1") == "void"
    with psycopg.connect(pair.milan) as milan:
        milan.execute("UPDATE res_users SET totp_secret = NULL WHERE id = %s", [ours])
    pair.drain_all()
    assert value(pair.turin, "SELECT totp_secret FROM res_users WHERE id = %s", ours) is None


def test_a_new_company_comes_with_all_that_belongs_to_it(pair: Pair) -> None:
    company = make_company(pair.turin, "Torino Nuova")
    with psycopg.connect(pair.turin) as turin:
        turin.execute(
            "INSERT INTO res_partner (name, company_id, active, autopost_bills) VALUES ('private', %s, true, 'ask')",
            [company],
        )
    pair.drain_all()
    here = on_milan(pair, "res_company", company)
    assert value(pair.milan, "SELECT name FROM res_company WHERE id = %s", here) == "Torino Nuova"
    assert value(pair.milan, "SELECT company_id FROM res_partner WHERE name = 'private'") == here
    for table in PARTS:
        column = "id" if table == "res_company" else "company_id"
        there = rows(pair.turin, f"SELECT id FROM {table} WHERE {column} = %s ORDER BY id", company)
        assert there, table
        assert rows(pair.milan, f"SELECT id FROM {table} WHERE {column} = %s ORDER BY id", here) == [
            (on_milan(pair, table, number),) for (number,) in there
        ], table
    code = "SELECT code_store -> %s::text FROM account_account WHERE code_store ? %s::text ORDER BY 1"
    assert rows(pair.milan, code, here, here) == rows(pair.turin, code, company, company)
    prefixes = (
        "SELECT p.sequence_code, s.prefix FROM stock_picking_type AS p JOIN ir_sequence AS s ON s.id = sequence_id"
    )
    ours = rows(pair.turin, f"{prefixes} WHERE p.company_id = %s ORDER BY 1", company)
    assert rows(pair.milan, f"{prefixes} WHERE p.company_id = %s ORDER BY 1", here) == ours
    calendar = "SELECT resource_calendar_id FROM res_company WHERE id = %s"
    assert value(pair.milan, calendar, here) == on_milan(
        pair, "resource_calendar", value(pair.turin, calendar, company)
    )
    with psycopg.connect(pair.milan) as milan:
        milan.execute("UPDATE res_company SET email = 'new', sale_lock_date = '2026-01-31' WHERE id IN (1, %s)", [here])
    pair.drain_all()
    lock = "SELECT email, sale_lock_date::text FROM res_company WHERE id IN (1, %s)"
    assert rows(pair.turin, lock, company) == [("new", "2026-01-31")] * 2
    pair.run("verify")
