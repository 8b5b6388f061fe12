"""Two clones of one database in use at the same time, linked both ways: in the end both hold the same."""

from pathlib import Path

import pytest

from tests.support.compare import assert_equal
from tests.support.databases import MakeDatabase
from tests.support.odoo import templates
from tests.support.pair import Pair
from tests.support.site import Site
from tests.support.traffic import Traffic

TEMPLATES = [
    *templates("odoo18"),
    pytest.param("odoo14", marks=[pytest.mark.xdist_group("odoo14"), pytest.mark.long]),
]


@pytest.mark.slow
@pytest.mark.parametrize("template", TEMPLATES)
def test_both_sides_work_and_hold_the_same_in_the_end(template: str, database: MakeDatabase, tmp_path: Path) -> None:
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
        with milan.at_work(at_least=200):
            traffic.play(pair.turin, turin)
        turin.make_some_of_all()
        turin.work(100)

    drained = pair.drain_all()

    assert all(link["applied"] > 100 for link in drained.values())
    assert_the_ids_clashed(turin, milan)
    assert_equal(pair.turin, pair.milan)
    for link in pair.status().values():
        assert (link["parked"], link["conflicts"], link["lag_rows"]) == (0, 0, 0)
        uncertain = {rule: n for rule, n in link["skipped_by_rule"].items() if rule.startswith("not certain: ")}
        assert link["skipped"] == sum(uncertain.values()), link["skipped_by_rule"]


def assert_the_ids_clashed(turin: Site, milan: Site) -> None:
    """Both sites have given the same ids to records of their own, in almost all tables."""
    made = turin.records.made.keys() & milan.records.made.keys()
    clashing = [table for table in made if set(turin.records.made[table]) & set(milan.records.made[table])]
    assert len(clashing) > 0.7 * len(turin.records.shared)
