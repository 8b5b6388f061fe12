"""Clients write through PgBouncer and remember what was acknowledged, while the work moves forth and back."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
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
PARTNER = """
    INSERT INTO res_partner (name, complete_name, ref, type, active, autopost_bills, create_date, write_date)
    VALUES ('clerk', 'clerk', %s, 'contact', true, 'ask', localtimestamp, localtimestamp) RETURNING id
"""
MESSAGE = """
    INSERT INTO mail_message (model, res_id, message_type, body, date, create_date, write_date)
    VALUES ('res.partner', %s, 'comment', %s, localtimestamp, localtimestamp, localtimestamp)
"""
UPDATE = "UPDATE res_partner SET comment = %s WHERE id = %s"
HELD = """
    SELECT p.ref FROM res_partner AS p
    JOIN mail_message AS m ON m.model = 'res.partner' AND m.res_id = p.id AND m.body = p.ref
    WHERE p.name = 'clerk' AND p.comment = p.ref
"""


@pytest.mark.slow
@pytest.mark.long
def test_clients_of_the_shop_see_no_error_and_lose_nothing(database: MakeDatabase, tmp_path: Path) -> None:
    with linked(database, "shop", tmp_path) as (pair, config, way), ThreadPoolExecutor(1) as pool:
        clients = pool.submit(write_for, SECONDS, {way: CLIENTS})
        reports = [over(config, options) for options in WAYS]
        assert not clients.done(), "the clients had ended before the work moved"
        ledgers = clients.result()  # an error that one of them saw would be raised here
    pair.drain_all()

    assert_moved(reports)
    [ledger] = ledgers.values()
    assert len(ledger.orders) > CLIENTS
    for dsn in (pair.turin, pair.milan):
        assert_holds(dsn, ledgers)
    assert_equal(pair.turin, pair.milan)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.xdist_group("odoo18")
def test_clients_of_odoo_see_no_error_and_lose_nothing(database: MakeDatabase, tmp_path: Path) -> None:
    stop = Event()
    with linked(database, "odoo18", tmp_path) as (pair, config, way), ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(write_until, stop, way, number) for number in range(CLIENTS)]
        try:
            reports = [over(config, options) for options in WAYS]
        finally:
            stop.set()
        acknowledged = sorted(ref for client in clients for ref in client.result())
    pair.drain_all()

    assert_moved(reports)
    assert len(acknowledged) > 10 * CLIENTS
    for dsn in (pair.turin, pair.milan):
        with psycopg.connect(dsn) as session:
            assert sorted(ref for (ref,) in session.execute(HELD).fetchall()) == acknowledged
    for link in json.loads(pair.run("verify", "--json"))["links"]:
        assert not any(t["missing"] or t["extra"] or t["different"] for t in link["tables"])


def write_until(stop: Event, dsn: str, number: int) -> list[str]:
    """Writes partners with messages, and changes them. Gives the references that were acknowledged."""
    acknowledged: list[str] = []
    with psycopg.connect(dsn, prepare_threshold=None) as session:
        while not stop.wait(0.02):
            ref = f"{number}/{len(acknowledged)}"
            [(partner,)] = session.execute(PARTNER, [ref]).fetchall()
            session.execute(MESSAGE, [partner, ref])
            session.execute(UPDATE, [ref, partner])
            session.commit()
            acknowledged.append(ref)
    return acknowledged


@contextmanager
def linked(database: MakeDatabase, template: str, folder: Path) -> Iterator[tuple[Pair, Path, str]]:
    """Two clones in step, with PgBouncer in front: the pair, the configuration, and the way of the clients."""
    pair = Pair.linked(folder, database(template), database(template))
    pair.run("install")
    pair.run("seed", "--same-ids")
    with bouncer_running(pair.turin) as bouncer, pair.daemon() as daemon:
        document = yaml.safe_load(pair.config.read_text("utf-8"))
        document["cutover"] = {"pgbouncer": bouncer.settings}
        config = folder / "cutover.yaml"
        config.write_text(yaml.safe_dump(document), "utf-8")
        wait_for(lambda: all(s["state"] in {"idle", "running"} for s in pair.status().values()), 60, "the daemon")
        yield pair, config, bouncer.dsn
        assert daemon.poll() is None


def over(config: Path, options: list[str]) -> dict[str, Any]:
    """Moves the work. Gives the report."""
    done = ucrepl("cutover", "turin->milan", *options, "--yes", "--json", config=config)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def assert_moved(reports: list[dict[str, Any]]) -> None:
    assert [report["outcome"] for report in reports] == ["done", "done", "taken back", "done", "done"]
