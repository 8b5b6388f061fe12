"""`verify` on two databases that have been in use: it finds what was planted, nothing else, and mends it."""

import json
from pathlib import Path

import pytest

from tests.support.cli import ucrepl
from tests.support.compare import assert_equal
from tests.support.databases import MakeDatabase
from tests.support.odoo import templates
from tests.support.pair import Pair
from tests.support.planted import Difference, Planter
from tests.support.site import Site
from tests.support.traffic import Traffic
from ucrepl.errors import Exit

TEMPLATES = templates("odoo18")
PLANTED_IN = [
    pytest.param("shop", marks=pytest.mark.xdist_group("shop")),
    pytest.param("odoo18", marks=[pytest.mark.xdist_group("odoo18"), pytest.mark.long]),
]
FORTH, BACK = "turin->milan", "milan->turin"
ALWAYS_AT_WORK = 3  # a row that both sides change again and again can be on its way whenever it is looked at
KINDS = {"value": 25, "reference": 20, "missing": 20, "extra": 15, "link": 10, "no link": 10}


def verify(pair: Pair, *args: str, code: int = Exit.OK, late: int = 0) -> list[Difference]:
    """What differs, by the keys of the target, of all links or of one. So many rows may still be late."""
    done = ucrepl("verify", "--show", "--json", *args, config=pair.config, check=False)
    tables = [table for link in json.loads(done.stdout)["links"] for table in link["tables"]]
    assert done.returncode == code, "\n".join(str(table) for table in tables if table["rows"] or table["lagging"])
    lagging = [table for table in tables if table["lagging"]]
    assert sum(table["lagging"] for table in lagging) <= late, lagging
    return [
        Difference(table["table"], row["kind"], row["local_key"], ",".join(c["column"] for c in row["columns"]) or None)
        for table in tables
        for row in table["rows"]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("template", PLANTED_IN)
def test_a_hundred_planted_differences_are_found_and_mended(
    template: str, database: MakeDatabase, tmp_path: Path
) -> None:
    pair = Pair.linked(tmp_path, database(template), database(template))
    traffic = Traffic.of(template)
    pair.run("install")
    with (
        Site(pair.turin, 0, may_write=traffic.is_for_turin) as turin,
        Site(pair.milan, 1, may_write=traffic.is_for_milan) as milan,
    ):
        turin.make_some_of_all(but=traffic.inserts)
        milan.make_some_of_all()
        pair.run("seed", "--same-ids")
        traffic.play(pair.turin, turin)
        milan.work(100)
    pair.drain_all()
    assert verify(pair) == []

    planter = Planter.at(pair.milan)
    for kind, number in KINDS.items():
        planter.plant(kind, number)
    planted = planter.done()
    assert len(planted) == 100

    found = verify(pair, FORTH, code=Exit.FINDING)
    assert len(found) == 100
    assert set(found) == planted

    assert len(verify(pair, FORTH, "--repair", code=Exit.FINDING)) == 100
    assert {d.kind for d in verify(pair, FORTH, code=Exit.FINDING)} == {"extra"}
    verify(pair, BACK, "--repair")
    pair.drain_all()
    assert verify(pair) == []
    assert_equal(pair.turin, pair.milan)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("template", TEMPLATES)
def test_nothing_differs_while_both_sides_are_at_work(template: str, database: MakeDatabase, tmp_path: Path) -> None:
    pair = Pair.linked(tmp_path, database(template), database(template))
    traffic = Traffic.of(template)
    pair.run("install")
    pair.run("seed", "--same-ids")
    with (
        Site(pair.turin, 0, may_write=traffic.is_for_turin) as turin,
        Site(pair.milan, 1, may_write=traffic.is_for_milan) as milan,
        pair.daemon(),
        turin.at_work(pause=0.1),
        milan.at_work(pause=0.1),
    ):
        for _ in range(3):
            pair.wait_for_progress()
            assert verify(pair, late=ALWAYS_AT_WORK) == []
        planter = Planter.at(pair.milan)
        planter.plant("missing", 3)
        planted = planter.done()
        assert planted <= set(verify(pair, FORTH, code=Exit.FINDING, late=ALWAYS_AT_WORK))
    assert min(site.done["committed"] for site in (turin, milan)) > 50
