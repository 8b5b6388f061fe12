"""How long writers have to wait while the work moves from one side to the other, and back."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from threading import Event
from time import perf_counter
from typing import Any, Final

import psycopg
import yaml

from tests.bench.figures import Figure, Report
from tests.bench.ours import LINK, Ours
from tests.bench.servers import PARTNER_TEMPLATE, Sites
from tests.support.bouncer import bouncer_running, find_bouncer
from tests.support.cli import ucrepl
from tests.support.waiting import wait_for
from ucrepl.link.cutover.fence import SQLSTATE

DATABASE: Final = "cutover"
CLIENTS: Final = 20
P50_MUST_BE, WORST_MUST_BE = 500.0, 2000.0
_REST_SECONDS: Final = 0.005
_NOBODY_WAITS: Final = {"prepare", "caches"}
_INSERT: Final = """\
INSERT INTO res_partner (name, complete_name, country_id, lang, email, ref, type, active, autopost_bills, create_uid,
    write_uid, create_date, write_date)
VALUES ('a', 'a', 110, 'fr_FR', 'somebody@example.com', %(ref)s, 'contact', true, 'ask', 2, 2, localtimestamp,
    localtimestamp)
"""


def run(sites: Sites, *, quick: bool) -> Report:
    """Moves the work ten times, forth and back in turn, while clients write."""
    report = Report("cutover")
    sites.make_partner_template()
    sites.create(DATABASE, PARTNER_TEMPLATE)
    with Ours.set_up(sites, DATABASE, both_ways=True) as ours, _in_front(sites, ours) as (config, ways):
        sites.settle(DATABASE)
        clients = _Clients(ways)
        with clients.at_work():
            for number in range(2 if quick else 10):
                clients.wait_for_more()
                back = ["--back"] if number % 2 else []
                done = json.loads(ucrepl("cutover", LINK, *back, "--yes", "--json", config=config).stdout)
                clients.wait_for_more()
                done = json.loads(ucrepl("cutover", "report", LINK, "--json", config=config).stdout)
                report.rows.append(_row(done, clients.longest_gap()))
    pauses = [row["pause"] for row in report.rows]
    report.tell(Figure("cutover pause p50", median(pauses), "ms", at_most=P50_MUST_BE))
    report.tell(Figure("cutover pause worst", max(pauses), "ms", at_most=WORST_MUST_BE))
    report.tell(Figure("cutover errors that clients saw", float(clients.refused)))
    report.remarks.append(
        f"{CLIENTS} clients, {'through PgBouncer' if len(ways) == 1 else 'which go to the other side when refused'};"
        " pause: from the last change on the old side to the first on the new, as the journals have them; waited: as"
        " the fence saw it; clients: the longest time in which none of them was acknowledged anything; with a"
        " colon: the steps; milliseconds"
    )
    return report


def _row(done: dict[str, Any], gap: float) -> dict[str, Any]:
    steps = {f"{step}:": round(took, 1) for step, took in done["steps"].items() if step not in _NOBODY_WAITS}
    return {
        "to": done["target"],
        "pause": done["pause_ms"],
        "waited": done["waited_ms"],
        "clients": round(gap, 1),
        "rows": done["rows"],
        **steps,
    }


@contextmanager
def _in_front(sites: Sites, ours: Ours) -> Iterator[tuple[Path, list[str]]]:
    """A PgBouncer where there is one. Gives a configuration that knows it, and the ways of the clients."""
    ways = [server.dsn(DATABASE) for server in sites.both]
    if find_bouncer() is None:
        yield ours.config, ways
        return
    with bouncer_running(ways[0]) as bouncer:
        document = yaml.safe_load(ours.config.read_text("utf-8"))
        document["cutover"] = {"pgbouncer": bouncer.settings}
        path = ours.config.with_name("cutover.yaml")
        path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
        yield path, [bouncer.dsn]


class _Clients:
    """Clients that write all the time. `refused`: how many errors they have seen."""

    def __init__(self, ways: list[str]) -> None:
        self.refused = 0
        self._ways = ways
        self._stop = Event()
        self._acknowledged: list[float] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with ThreadPoolExecutor(CLIENTS) as pool:
            jobs = [pool.submit(self._work, number) for number in range(CLIENTS)]
            try:
                yield
            finally:
                self._stop.set()
            for job in jobs:
                job.result()

    def wait_for_more(self) -> None:
        """Wait until they have gone on for a while."""
        known = len(self._acknowledged)
        wait_for(lambda: len(self._acknowledged) > known + 20 * CLIENTS, what="the clients to go on")

    def longest_gap(self) -> float:
        """The longest time without a commit since this was asked last, in milliseconds."""
        times = sorted(self._acknowledged)
        del self._acknowledged[: len(times)]
        return max(after - before for before, after in pairwise(times)) * 1000

    def _work(self, number: int) -> None:
        way = 0
        while not self._stop.is_set():
            with psycopg.connect(self._ways[way % len(self._ways)], prepare_threshold=None) as session:
                try:
                    while not self._stop.wait(_REST_SECONDS):
                        session.execute(_INSERT, {"ref": str(number)})
                        session.commit()
                        self._acknowledged.append(perf_counter())
                except psycopg.OperationalError as error:
                    if error.sqlstate != SQLSTATE:
                        raise
                    session.rollback()
                    self.refused += 1
                    way += 1
