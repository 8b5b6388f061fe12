"""A part of an Odoo database is copied into an empty one, with every address masked."""

import json
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.support.cli import ucrepl
from tests.support.databases import MakeDatabase
from ucrepl.db.catalog import read_catalog
from ucrepl.errors import Exit
from ucrepl.plan.catalog import Column, Table
from ucrepl.plan.text import quote

LINK = "turin->milan"
ORDERS = 20
TEXTS = frozenset({"character varying", "text", "character", "json", "jsonb"})
ADDRESS = r"[[:alnum:]._%+-]+@[[:alnum:]-]+[.][[:alnum:].-]+"
BELONGS = {
    "sale_order_line": ["order_id"],
    "mail_message": ["res_id"],
    "mail_followers": ["res_id"],
    "ir_attachment": ["res_id"],
}


def texts(connection: Connection[TupleRow]) -> list[tuple[Table, Column]]:
    tables = read_catalog(connection).tables.values()
    return [(t, c) for t in tables for c in t.columns.values() if re.sub(r"\(.*\)", "", c.type) in TEXTS]


def addresses(dsn: str) -> dict[tuple[str, str], set[str]]:
    """All e-mail addresses in a database, by table and column, wherever in a text they are."""
    found = {}
    with psycopg.connect(dsn, autocommit=True) as connection:
        for table, column in texts(connection):
            name = quote(column.name)
            query = (
                f"SELECT DISTINCT m[1] FROM {table.only}{table.name.sql} AS t"
                f" CROSS JOIN LATERAL regexp_matches(t.{name}::text, '({ADDRESS})', 'g') AS m"
                f" WHERE t.{name}::text ~ '@'"
            )
            if rows := connection.execute(query.encode()).fetchall():
                found[str(table.name), column.name] = {row[0] for row in rows}
    return found


def masks(dsn: str) -> dict[str, dict[str, str | None]]:
    """A mask for each column in which there is an address."""
    holding = addresses(dsn)
    found: dict[str, dict[str, str | None]] = {}
    with psycopg.connect(dsn, autocommit=True) as connection:
        for table, column in texts(connection):
            if (str(table.name), column.name) not in holding:
                continue
            mask: str | None = None
            if column.type.startswith("json"):
                mask = "'{}'" if column.not_null else None
            elif column.not_null or "email" in column.name:
                mask = "'masked' || id || '@masked.invalid'"
            found.setdefault(str(table.name), {})[column.name] = mask
    return found


def configured(folder: Path, turin: str, milan: str, rules: list[dict[str, Any]]) -> Path:
    file = folder / "subset.yaml"
    nodes = {"turin": {"dsn": turin}, "milan": {"dsn": milan}}
    links = [{"from": "turin", "to": "milan", "policy": "populate"}]
    belongs = [{"table": name, "belongs_to": columns} for name, columns in BELONGS.items()]
    file.write_text(json.dumps({"nodes": nodes, "links": links, "rules": [*belongs, *rules]}))
    return file


@pytest.mark.slow
@pytest.mark.xdist_group("odoo18")
def test_twenty_orders_with_their_closure_and_no_address(database: MakeDatabase, tmp_path: Path) -> None:
    turin, milan = database("odoo18"), database("odoo18-empty")
    config = configured(tmp_path, turin, milan, [{"table": t, "set": m} for t, m in masks(turin).items()])
    ucrepl("install", config=config)
    private = set().union(*addresses(turin).values())
    before = set().union(*addresses(milan).values())
    assert len(private - before) > 10, "there is nothing to hide"
    with psycopg.connect(turin, autocommit=True) as connection:
        ids = [str(row[0]) for row in connection.execute("SELECT id FROM sale_order ORDER BY id LIMIT %s", [ORDERS])]
    assert len(ids) == ORDERS
    there, came = contents(milan), contents(turin, ids)
    expected = there[0] + came[0], there[1] + came[1]
    where = f"sale_order: id in ({', '.join(ids)})"

    done = ucrepl("seed", LINK, "--where", where, config=config, check=False)
    assert done.returncode == Exit.OK, done.stderr + ucrepl("parked", "list", config=config).stdout
    assert contents(milan) == expected
    compared = ucrepl("verify", LINK, "--known", "--show", config=config, check=False)
    assert compared.returncode == Exit.OK, compared.stdout + compared.stderr
    leaked = {place: found & (private - before) for place, found in addresses(milan).items()}
    assert {place: found for place, found in leaked.items() if found} == {}

    ucrepl("seed", LINK, "--where", where, config=config)
    assert contents(milan) == expected
    ucrepl("verify", LINK, "--known", config=config)


def contents(dsn: str, ids: list[str] | None = None) -> tuple[int, int]:
    """How many orders there are, and how many lines of them, or of those with these ids."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(DISTINCT o.id), count(l.id) FROM sale_order AS o LEFT JOIN sale_order_line AS l"
            " ON l.order_id = o.id WHERE %(ids)s::int[] IS NULL OR o.id = ANY (%(ids)s)",
            {"ids": None if ids is None else list(map(int, ids))},
        ).fetchone()
    assert row
    return row[0], row[1]
