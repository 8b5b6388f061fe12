"""Both sites change the same columns of the same records at the same time: with `latest` both end up the same."""

import json
from pathlib import Path

import pytest

from tests.support.compare import assert_equal
from tests.support.databases import MakeDatabase
from tests.support.odoo import templates
from tests.support.pair import Pair
from tests.support.site import Site

TEMPLATES = templates("odoo18")
TABLES = ("res_partner", "product_template", "sale_order", "sale_order_line", "mail_message")
BATCHES = 10


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("template", TEMPLATES)
def test_concurrent_changes_of_the_same_columns_end_the_same_on_both_sides(
    template: str, database: MakeDatabase, tmp_path: Path
) -> None:
    pair = Pair.linked(tmp_path, database(template), database(template), conflicts="latest")
    pair.run("install")
    pair.run("seed", "--same-ids")
    with Site(pair.turin, 0) as turin, Site(pair.milan, 1) as milan:
        for site in (turin, milan):
            site.records.shared = {table: site.records.shared[table][:2] for table in TABLES}
        turin.work(30)  # nobody replays yet: some conflicts are sure
        milan.work(30)
        with pair.daemon() as daemon, turin.at_work(), milan.at_work():
            for _ in range(BATCHES):
                pair.wait_for_progress()
            assert daemon.poll() is None
    pair.drain_all()

    assert_equal(pair.turin, pair.milan)
    status = pair.status()
    assert all(link["conflicts"] > 0 and link["parked"] == 0 for link in status.values())
    logged = json.loads(pair.run("conflicts", "list", "--json"))
    assert {conflict["link"] for conflict in logged["conflicts"]} == status.keys()
