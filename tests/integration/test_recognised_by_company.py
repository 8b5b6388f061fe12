"""Accounts of Odoo 18, which have a code for each company: they are recognised by it, in replay and in seeding."""

import pytest

from tests.integration.links import MakePair, Pair
from tests.integration.test_seed_copy import seed

TABLES = """
    CREATE TABLE ir_model (id serial PRIMARY KEY, model text UNIQUE);
    CREATE TABLE ir_model_fields (
        id serial PRIMARY KEY, model text, name text, ttype text, relation text, store boolean,
        company_dependent boolean
    );
    CREATE TABLE res_company (id serial PRIMARY KEY, name text UNIQUE);
    CREATE TABLE account_account (id serial PRIMARY KEY, name text, code_store jsonb);
    INSERT INTO ir_model (model) VALUES ('res.company'), ('account.account'), ('ir.model'), ('ir.model.fields');
    INSERT INTO ir_model_fields (model, name, ttype, store, company_dependent)
    VALUES ('account.account', 'code_store', 'char', true, true);
"""


@pytest.fixture
def charts(make_pair: MakePair) -> Pair:
    """Two nodes with the same companies under other ids, each with accounts of its own."""
    pair = make_pair(TABLES)
    pair.a.run("INSERT INTO res_company VALUES (1, 'Torino'), (2, 'Roma')")
    pair.b.run("INSERT INTO res_company VALUES (1, 'Roma'), (7, 'Torino')")
    return pair


def accounts(pair: Pair) -> None:
    pair.a.run(
        """INSERT INTO account_account VALUES (1, 'sales', '{"1": "400", "2": "410"}'), (2, 'bank', '{"1": "5"}')"""
    )
    pair.b.run(
        """INSERT INTO account_account VALUES (11, 'Sales', '{"7": "400", "1": "410"}'), (12, 'x', '{"1": "5"}')"""
    )


def check(pair: Pair) -> None:
    assert dict(pair.b.pairs("account_account"))[1] == 11
    assert pair.b.rows("SELECT code_store->>'7', code_store->>'1' FROM account_account ORDER BY 1") == [
        ("400", "410"), ("5", None), (None, "5"),
    ]  # fmt: skip


def test_an_account_is_the_one_with_the_same_codes_in_the_same_companies(charts: Pair) -> None:
    accounts(charts)
    seed(charts)
    check(charts)


def test_so_it_is_in_replay(charts: Pair) -> None:
    seed(charts)
    accounts(charts)
    charts.forth()
    check(charts)
    assert charts.b.parked() == []
