"""Keys, policies and references of our packs name columns that some version of Odoo has."""

import re
from collections.abc import Mapping
from typing import Any, Final

import psycopg
import pytest
import yaml

from tests.support.databases import MakeDatabase
from tests.support.odoo import odoo_file
from ucrepl.config import fits
from ucrepl.packs import load_packs
from ucrepl.packs.policies import ALL_COLUMNS
from ucrepl.plan.model import RecognitionKey

pytestmark = pytest.mark.slow

Columns = dict[str, set[str]]
"""The columns of each table."""

VERSIONS: Final = range(8, 20)
PACKS: Final = load_packs()
COLUMNS: Final = """
SELECT c.relname, array_agg(a.attname::text)
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
GROUP BY c.relname
"""
# What modules add that are in neither database, and what the facts do not tell of.
ELSEWHERE: Final = {
    ("calendar_event", "need_sync"), ("calendar_event", "need_sync_m"), ("res_users", "oauth_access_token"),
    ("res_users", "google_calendar_token"), ("res_users", "google_calendar_rtoken"),
    ("res_users", "microsoft_calendar_token"), ("res_users", "microsoft_calendar_rtoken"),
    ("res_users", "password_crypt"), ("ir_default", "ref_id"), ("account_report_line", "domain"),
    ("sale_order", "pickup_location_data"), ("hr_job", "job_properties"), ("hr_resume_line", "resume_line_properties"),
}  # fmt: skip
# Of the currencies' rates in 8 nothing says whose they are.
WITHOUT_KEY: Final = [("res_currency_rate", 8)]
NO_COLUMN: Final = re.compile(r"(Many2many|One2many)\b")


@pytest.fixture(scope="module")
def steps() -> list[dict[str, Any]]:
    """What changes from each version to the next one, 8 to 9 first."""
    return list(yaml.load(odoo_file("facts/schema_diff.yaml").read_text(), yaml.CSafeLoader).values())


@pytest.fixture
def versions(steps: list[dict[str, Any]], database: MakeDatabase) -> dict[int, Columns]:
    """What the tables of each version have: those of 14 and 18, and what the differences make of them."""
    known: dict[int, Columns] = {}
    for version in (14, 18):
        with psycopg.connect(database(f"odoo{version}")) as connection:
            known[version] = {table: set(names) for table, names in connection.execute(COLUMNS).fetchall()}
    by_step = dict(zip(VERSIONS, steps, strict=False))
    found = {version: {t: set(names) for t, names in columns.items()} for version, columns in known.items()}
    for begin, end, way in ((14, 17, 1), (14, 8, -1), (18, 19, 1), (18, 15, -1)):
        columns = known[begin]
        for version in range(begin + way, end + way, way):
            columns = stepped(columns, by_step[version if way < 0 else version - 1], forwards=way > 0)
            for table, names in columns.items():
                found.setdefault(version, {}).setdefault(table, set()).update(names)
    for table, name in ELSEWHERE:
        assert not any(name in columns.get(table, ()) for columns in found.values()), f"{table}.{name} is known"
        found[14].setdefault(table, set()).add(name)
    return found


def stepped(columns: Columns, step: Mapping[str, Any], *, forwards: bool) -> Columns:
    """The columns one version later, or earlier. Of a table that is new there nothing is known."""
    gone, lost, got = ("models_gone", "removed", "added") if forwards else ("models_new", "added", "removed")
    without = {PACKS.table_of(named.partition(" ")[0]) for named in step.get(gone, ())}
    after = {table: set(names) for table, names in columns.items() if table not in without}
    for model, changes in step.get("changes", {}).items():
        names = after.get(PACKS.table_of(model))
        if names is not None:
            names.difference_update(changes.get(lost, ()))
            names.update(name for name, kind in changes.get(got, {}).items() if not NO_COLUMN.match(kind))
    return after


def test_every_key_is_one_of_some_version_and_each_version_has_one(versions: dict[int, Columns]) -> None:
    never, without = [], []
    for table, keys in PACKS.keys.items():
        of_table = {version: columns[table] for version, columns in versions.items() if table in columns}
        names = [RecognitionKey.of(key).columns for key in keys]
        never += [(table, key) for key in names if of_table and not any(c.issuperset(key) for c in of_table.values())]
        without += [(table, v) for v, c in sorted(of_table.items()) if not any(c.issuperset(key) for key in names)]
    assert (never, without) == ([], WITHOUT_KEY)


def test_every_column_that_policies_name_is_one_of_some_version(versions: dict[int, Columns]) -> None:
    never = []
    for rule in PACKS.policies:
        matches = fits(tuple(rule.tables))
        tables = [c for columns in versions.values() for table, c in columns.items() if matches("public", table)]
        named = [*(name for name in rule.columns if name != ALL_COLUMNS), *rule.withhold]
        never += [(rule.name, name) for name in named if tables and not any(name in c for c in tables)]
    assert never == []


def test_every_reference_is_one_of_some_version(versions: dict[int, Columns]) -> None:
    never = []
    for table, references in PACKS.references.items():
        of_table = [columns[table] for columns in versions.values() if table in columns]
        never += [(table, name) for name in references if of_table and not any(name in c for c in of_table)]
    assert never == []
