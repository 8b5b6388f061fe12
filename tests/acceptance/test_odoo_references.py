"""Two databases whose ids differ: every reference of every kind leads to the same record on both sides."""

from pathlib import Path
from typing import Final

import psycopg
import pytest

from tests.support.databases import MakeDatabase
from tests.support.odoo import play_workload
from tests.support.pair import Pair, value
from tests.support.references import (
    ABSENT,
    Apart,
    Findings,
    Kind,
    add_plan_columns,
    check,
    generate,
    greatest_ids,
    make_plan,
    move_ids,
)

TEMPLATES: Final = [pytest.param(t, marks=pytest.mark.xdist_group(t)) for t in ("odoo18", "odoo14")]
TURINS_IDS, MILANS_IDS = 800_000_000, 700_000_000

# Kinds that the program doesn't translate yet, and why. A kind that is right must go from here.
NOT_YET: Final[dict[Kind, str]] = {}


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("template", TEMPLATES)
def test_references_of_all_kinds_lead_to_the_same_records(
    template: str, database: MakeDatabase, tmp_path: Path
) -> None:
    pair = Pair.linked(tmp_path, database(template), database(template))
    pair.run("install")
    pair.run("seed", "--same-ids")
    with psycopg.connect(pair.milan) as milan:
        shared = greatest_ids(milan)
        move_ids(milan, MILANS_IDS)
    play_workload(pair.turin, template)  # it counts on its ids: turin's are moved afterwards
    with psycopg.connect(pair.turin) as turin:
        after_work = greatest_ids(turin)
        move_ids(turin, TURINS_IDS)
        plan = make_plan(turin)
    pair.drain()
    theirs = _add_columns(pair, plan) if plan else None
    for dsn, its_plan in ((pair.turin, plan), (pair.milan, theirs)):  # both set the same parameters
        with psycopg.connect(dsn) as connection:
            generate(connection, its_plan)
        pair.drain()

    forth, back = _check(pair, Apart(shared, TURINS_IDS, MILANS_IDS), Apart(after_work, MILANS_IDS, TURINS_IDS))
    here = set(Kind) - ABSENT[template]
    for findings in (forth, back):
        wrong = {kind for kind in here if findings.counts[kind].wrong}
        assert wrong == here & NOT_YET.keys(), str(findings)
        assert all(findings.counts[kind].right for kind in here - wrong), str(findings)
        assert findings.unchecked == {}
        assert findings.unreplicated == {}
        assert {(raw.table, raw.column) for raw in findings.raw} <= {(w.table, w.column) for w in findings.wrong}
        assert NOT_YET or findings.raw == []


def _add_columns(pair: Pair, plan: int) -> int:
    """Adds the columns of a plan on both sides, as Odoo does. Gives the plan's id in milan."""
    theirs: int = value(
        pair.milan,
        "SELECT local_id FROM ucrepl.identity_map WHERE table_name = 'account_analytic_plan' AND remote_id = %s",
        plan,
    )
    for dsn, its_plan in ((pair.turin, plan), (pair.milan, theirs)):
        with psycopg.connect(dsn) as connection:
            add_plan_columns(connection, its_plan)
    return theirs


def _check(pair: Pair, forth: Apart, back: Apart) -> tuple[Findings, Findings]:
    with psycopg.connect(pair.turin) as turin, psycopg.connect(pair.milan) as milan:
        found = check(turin, milan, "turin", forth), check(milan, turin, "milan", back)
        turin.rollback()
        milan.rollback()
    return found
