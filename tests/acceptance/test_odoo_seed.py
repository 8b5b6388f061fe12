"""An Odoo with data into one that has other data, while an office works on the source: nothing is lost or doubled."""

import json
from collections.abc import Mapping
from pathlib import Path
from threading import Thread

import psycopg
import psycopg.sql
import pytest

from tests.acceptance.test_odoo_verify import verify
from tests.support.databases import MakeDatabase
from tests.support.odoo import Half, play_half_of_workload, play_workload
from tests.support.pair import Pair, value
from tests.support.planted import Planter
from tests.support.tables import read_tables
from ucrepl.errors import Exit

LINK = "turin->milan"
# Records of the base data, and what nobody may have twice. (Of external ids the pair is unique by an index.)
KEYS = {
    "res_country": "code",
    "res_currency": "name",
    "res_lang": "code",
    "res_groups": "category_id || name::text",
    "uom_uom": "category_id || name::text",
    "ir_model": "model",
    "ir_model_fields": "model || name",
    "res_users": "login",
    "ir_module_module": "name",
    "mail_message": "message_id || model || res_id",
}


def rows(dsn: str) -> dict[str, int]:
    with psycopg.connect(dsn) as connection:
        tables = read_tables(connection)
        counts = {}
        for label, table in tables.items():
            row = connection.execute(psycopg.sql.SQL("SELECT count(*) FROM {}").format(table.only)).fetchone()
            counts[label] = row[0] if row else 0
        return counts


def unpaired(dsn: str) -> dict[str, int]:
    """How many rows of each table of the target are nobody's pair: its own."""
    with psycopg.connect(dsn) as connection:
        found = {}
        for label, table in read_tables(connection).items():
            if table.numbered:
                row = connection.execute(
                    psycopg.sql.SQL(
                        "SELECT count(*) FROM {} AS t WHERE NOT EXISTS (SELECT FROM ucrepl.identity_map AS m"
                        " WHERE m.table_name = {} AND m.local_id = t.{})"
                    ).format(table.only, table.space, psycopg.sql.Identifier(table.key[0]))
                ).fetchone()
                found[label] = row[0] if row else 0
        return found


def dry_run(pair: Pair) -> dict[str, tuple[int, int]]:
    """How many rows of each table would be made, and deleted."""
    tables = json.loads(pair.run("seed", LINK, "--dry-run", "--json"))["tables"]
    assert sum(table["recognised"] for table in tables) > sum(table["create"] for table in tables) > 0
    return {table["table"]: (table["create"], table["delete"]) for table in tables}


def assert_no_record_twice(dsn: str) -> None:
    for table, key in KEYS.items():
        assert value(dsn, f"SELECT count(*) - count(DISTINCT {key}) FROM {table} WHERE {key} IS NOT NULL") == 0, table


def assert_differences_are_found(pair: Pair) -> None:
    """A hundred differences, planted in what both have, are found among all that each has of its own, and mended."""
    planter = Planter.at(pair.milan, paired=True)
    for kind, number in {"value": 30, "reference": 25, "missing": 25, "link": 10, "no link": 10}.items():
        planter.plant(kind, number)
    planted = planter.done()
    assert len(planted) == 100
    found = verify(pair, LINK, "--repair", code=Exit.OK)
    assert (len(found), set(found)) == (100, planted)
    assert verify(pair, LINK) == []


def assert_all_is_there_once(pair: Pair, before: Mapping[str, int]) -> None:
    """The target has what the source has, once, besides what it had of its own `before`; nothing is parked."""
    pair.drain_all()
    pair.run("verify", LINK)  # exit code 1 if anything differs
    assert_no_record_twice(pair.milan)
    ours, theirs, own = rows(pair.turin), rows(pair.milan), unpaired(pair.milan)
    for label, count in own.items():
        assert theirs[label] == ours[label] + count, label
        assert count <= before[label], label
    [status] = pair.status().values()
    assert (status["parked"], status["lag_rows"]) == (0, 0)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.xdist_group("odoo18")
@pytest.mark.parametrize(
    ("source", "target"), [("odoo18", "odoo18-empty"), ("odoo18-empty", "odoo18")], ids=["into empty", "from empty"]
)
def test_an_odoo_is_seeded_while_it_is_in_use(source: str, target: str, database: MakeDatabase, tmp_path: Path) -> None:
    pair = Pair.linked(tmp_path, database(source), database(target), both_ways=False)
    if target == "odoo18":
        play_workload(pair.milan, "odoo18")  # it has had work of its own
    before = rows(pair.milan)
    pair.run("install")
    told = {} if source == "odoo18" else dry_run(pair)
    office = Thread(target=play_workload, args=(pair.turin, "odoo18")) if source == "odoo18" else None
    if office:
        office.start()
    pair.run("seed", LINK)
    if office:
        office.join()
    seeded = rows(pair.milan)
    assert {label: seeded[label] - before[label] for label in told} == {
        n: made - gone for n, (made, gone) in told.items()
    }
    assert_all_is_there_once(pair, before)
    if office:
        assert_differences_are_found(pair)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.xdist_group("odoo18")
@pytest.mark.parametrize(
    ("both_had", "target_had", "source_does"),
    [(None, "first", "second"), (None, "second", "first"), ("first", None, "second")],
    ids=["the first half there", "the second half there", "the first half on both sides"],
)
def test_an_odoo_is_seeded_into_one_that_has_had_another_half_of_the_work(
    both_had: Half | None, target_had: Half | None, source_does: Half, database: MakeDatabase, tmp_path: Path
) -> None:
    pair = Pair.linked(tmp_path, database("odoo18"), database("odoo18"), both_ways=False)
    for dsn, half in ((pair.turin, both_had), (pair.milan, both_had or target_had)):
        if half:
            play_half_of_workload(dsn, "odoo18", half)
    before, at_first = rows(pair.milan), rows(pair.turin)
    pair.run("install")
    office = Thread(target=play_half_of_workload, args=(pair.turin, "odoo18", source_does))
    office.start()
    pair.run("seed", LINK)
    office.join()
    assert sum(rows(pair.turin).values()) > sum(at_first.values())
    assert_all_is_there_once(pair, before)
