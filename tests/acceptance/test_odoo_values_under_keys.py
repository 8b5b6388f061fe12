"""Two Odoo 18 whose users change different values of one column: languages, companies; and both the same one."""

import json
from pathlib import Path

import pytest

from tests.support.compare import assert_equal
from tests.support.databases import MakeDatabase
from tests.support.odoo import templates
from tests.support.pair import Pair, value

TEMPLATES = templates("odoo18")
SET = """
UPDATE {table} SET {column} = coalesce({column}, '{{}}') || jsonb_build_object(%s::text, %s::{kind}), write_date = now()
WHERE id = (SELECT min(id) FROM {table}) RETURNING id
"""


def set_key(dsn: str, column: str, key: str, new: object, kind: str = "text") -> None:
    """Set one key of a column (`table.column`) of the first record of a table."""
    table, name = column.split(".")
    assert value(dsn, SET.format(table=table, column=name, kind=kind), key, new)


@pytest.mark.slow
@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("ids", ["remap", "shared"])
def test_users_change_other_values_of_a_column(ids: str, template: str, database: MakeDatabase, tmp_path: Path) -> None:
    turin, milan = database(template), database(template)
    pair = Pair.linked(tmp_path, turin, milan, ids=ids)
    pair.run("install")
    pair.run("seed", "--same-ids")
    if ids == "shared":
        pair.run("ids", "share")
    pair.drain_all()

    # Everybody another value of the same column, or of the same record.
    set_key(turin, "product_template.name", "en_US", "Chair")
    set_key(milan, "product_template.name", "fr_FR", "Chaise")
    set_key(turin, "product_product.standard_price", "1", 10.5, "numeric")
    set_key(milan, "product_product.standard_price", "2", 12, "numeric")
    set_key(turin, "account_account.code_store", "1", "700700")
    set_key(milan, "account_account.code_store", "2", "701701")
    set_key(turin, "uom_uom.name", "en_US", "Pieces")
    set_key(milan, "uom_uom.name", "it_IT", "Pezzi")
    pair.drain_all()
    assert_equal(turin, milan)
    for dsn in (turin, milan):
        name = value(dsn, "SELECT name FROM product_template ORDER BY id LIMIT 1")
        assert {"en_US": "Chair", "fr_FR": "Chaise"}.items() <= name.items()
    assert json.loads(pair.run("conflicts", "list", "--json"))["conflicts"] == []

    # Both the same one: the later wins.
    set_key(turin, "product_template.name", "en_US", "Armchair")
    set_key(milan, "product_template.name", "en_US", "Stool")
    pair.drain_all()
    assert_equal(turin, milan)
    assert value(turin, "SELECT name ->> 'en_US' FROM product_template ORDER BY id LIMIT 1") == "Stool"
    logged = json.loads(pair.run("conflicts", "list", "--json"))["conflicts"]
    assert {conflict["column"] for conflict in logged} == {"name[en_US]"}
    assert "name[en_US]" in pair.run("conflicts", "list")
