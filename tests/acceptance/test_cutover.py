"""Clients write through PgBouncer and remember what was acknowledged, while the work moves forth and back."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acceptance.test_clients import assert_holds
from tests.support.bouncer import bouncer_running
from tests.support.cli import ucrepl
from tests.support.clients import write_for
from tests.support.compare import assert_equal
from tests.support.databases import MakeDatabase
from tests.support.pair import Pair
from tests.support.waiting import wait_for

SECONDS = 45.0
CLIENTS = 20
WAYS: tuple[list[str], ...] = ([], ["--back"], ["--rehearse"], [], ["--back"])


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("template", ["shop", pytest.param("odoo18", marks=pytest.mark.xdist_group("odoo18"))])
def test_clients_behind_pgbouncer_see_no_error_and_lose_nothing(
    template: str, database: MakeDatabase, tmp_path: Path
) -> None:
    pair = Pair.linked(tmp_path, database(template), database(template))
    pair.run("install")
    pair.run("seed", "--same-ids")
    with bouncer_running(pair.turin) as bouncer, pair.daemon() as daemon:
        document = yaml.safe_load(pair.config.read_text("utf-8"))
        document["cutover"] = {"pgbouncer": bouncer.settings}
        config = tmp_path / "cutover.yaml"
        config.write_text(yaml.safe_dump(document), "utf-8")
        wait_for(lambda: all(s["state"] in {"idle", "running"} for s in pair.status().values()), 60, "the daemon")
        with ThreadPoolExecutor(1) as pool:
            clients = pool.submit(write_for, SECONDS, {bouncer.dsn: CLIENTS})
            reports = [_over(config, way) for way in WAYS]
            assert not clients.done(), "the clients had ended before the work moved"
            ledgers = clients.result()  # an error that one of them saw would be raised here
        assert daemon.poll() is None
    pair.drain_all()

    [ledger] = ledgers.values()
    assert len(ledger.orders) > CLIENTS
    assert [report["outcome"] for report in reports] == ["done", "done", "taken back", "done", "done"]
    assert max(report["pause_ms"] or 0 for report in reports) < 2000
    for dsn in (pair.turin, pair.milan):
        assert_holds(dsn, ledgers)
    if template == "shop":
        assert_equal(pair.turin, pair.milan)


def _over(config: Path, way: list[str]) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(
        ucrepl("cutover", "turin->milan", *way, "--yes", "--json", config=config).stdout
    )
    return report
