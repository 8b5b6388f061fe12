"""From the commit of a change on one side to its being visible on the other, both directions at the same time.

A trigger of the test's own notifies of each replicated row. PostgreSQL delivers such a notification once the
transaction is visible to all, and at once, so that nobody has to look in a loop. The clock starts before COMMIT is sent
and stops when the listener has read the notification: what is measured is a little more than what is meant.
"""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import perf_counter, sleep
from typing import Final

from tests.bench import odoo
from tests.bench.figures import Figure, Report
from tests.bench.measure import percentile
from tests.bench.ours import Ours, OursAsCluster
from tests.bench.servers import PARTNER_TEMPLATE, Sites, connect
from ucrepl.throwaway import Server

DATABASE: Final = "latency"
PER_SECOND: Final = 100
WARM_UP_SECONDS: Final = 2
PATIENCE_SECONDS: Final = 60.0
P50_MUST_BE, P99_MUST_BE = 10.0, 50.0
_TELL_ARRIVALS: Final = """\
CREATE FUNCTION bench_arrived() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_notify(''bench_arrived'', new.ref); RETURN NULL; END';
CREATE TRIGGER bench_arrived AFTER INSERT OR UPDATE OF ref ON res_partner FOR EACH ROW
WHEN (coalesce(current_setting('ucrepl.origin', true), '') <> '') EXECUTE FUNCTION bench_arrived();
"""
_INSERT: Final = """\
INSERT INTO res_partner (name, complete_name, parent_id, commercial_partner_id, country_id, lang, email, ref, type,
    active, autopost_bills, create_uid, write_uid, create_date, write_date)
VALUES (%(ref)s, %(ref)s, %(id)s, %(id)s, 110, 'fr_FR', 'somebody@example.com', %(ref)s, 'contact', true, 'ask', 2, 2,
    localtimestamp, localtimestamp)
"""
_UPDATE: Final = """\
UPDATE res_partner SET ref = %(ref)s, comment = 'called again', user_id = 2, write_uid = 1, write_date = localtimestamp
WHERE id = %(id)s
"""
_PARTNERS: Final = 900


def run(sites: Sites, *, quick: bool) -> Report:
    """Has both sides work for a while and looks when the other side sees it."""
    report = Report("latency")
    seconds = 3 if quick else 30
    sites.make_partner_template()
    _measure(sites, report, "latency", PARTNER_TEMPLATE, Ours, seconds)
    if reason := odoo.missing():
        report.remarks.append(f"without Odoo databases: {reason}")
    else:
        odoo.restore(sites)
        for server in sites.both:  # the same partners, under the same ids
            with connect(server, odoo.DATABASE) as connection:
                odoo.insert_partners(2 * _PARTNERS)(connection)
        _measure(sites, report, "latency odoo 18", odoo.DATABASE, OursAsCluster, seconds)
    report.remarks.append(
        f"{PER_SECOND} transactions a second on each side at the same time, every second one an insert, the others"
        f" updates; milliseconds; the first {WARM_UP_SECONDS} s don't count; `odoo 18`: with all packs and the policy"
        " `cluster`"
    )
    return report


def _measure(sites: Sites, report: Report, name: str, template: str, ours: type[Ours], seconds: int) -> None:
    sites.create(DATABASE, template)
    sites.run_script(DATABASE, _TELL_ARRIVALS)
    with ours.set_up(sites, DATABASE, both_ways=True), ThreadPoolExecutor() as pool:
        sites.settle(DATABASE)
        ends = [(sites.source, sites.target, "turin->milan", 0), (sites.target, sites.source, "milan->turin", 1)]
        directions = [_Direction(source, target, link, parity) for source, target, link, parity in ends]
        jobs = [pool.submit(d.listen) for d in directions]
        for direction in directions:
            direction.listens.wait()
        jobs += [pool.submit(d.write, (WARM_UP_SECONDS + seconds) * PER_SECOND) for d in directions]
        for job in jobs:
            job.result()
    sites.drop(DATABASE)
    for direction in directions:
        taken = direction.milliseconds()[WARM_UP_SECONDS * PER_SECOND :]
        report.rows.append(
            {
                "of": name,
                "link": direction.name,
                "changes": len(taken),
                **{f"p{percent}": round(percentile(taken, percent), 2) for percent in (50, 90, 99)},
                "max": round(max(taken), 2),
            }
        )
        report.tell(Figure(f"{name} p50 {direction.name}", percentile(taken, 50), "ms", at_most=P50_MUST_BE))
        report.tell(Figure(f"{name} p99 {direction.name}", percentile(taken, 99), "ms", at_most=P99_MUST_BE))


class _Direction:
    """Changes that are written on one side and awaited on the other. `parity`: which of the common rows it updates."""

    def __init__(self, source: Server, target: Server, name: str, parity: int) -> None:
        self.source, self.target, self.name, self.parity = source, target, name, parity
        self.listens = Event()
        self._written: dict[str, float] = {}
        self._arrived: dict[str, float] = {}
        self._expected: int | None = None

    def write(self, changes: int) -> None:
        """Write so many changes, each at its time, in a transaction of its own."""
        with connect(self.source, DATABASE) as connection:
            newest = "SELECT id FROM res_partner ORDER BY id DESC LIMIT %s"
            rows = [row for (row,) in connection.execute(newest, [2 * _PARTNERS]).fetchall()]
            started = perf_counter()
            for number in range(changes):
                sleep(max(0.0, started + number / PER_SECOND - perf_counter()))
                ref = f"{self.name} {number}"
                row = rows[2 * (number % _PARTNERS) + self.parity]
                connection.execute("BEGIN")
                connection.execute(_UPDATE if number % 2 else _INSERT, {"ref": ref, "id": row}, prepare=True)
                self._written[ref] = perf_counter()
                connection.execute("COMMIT")
        self._expected = changes

    def listen(self) -> None:
        """Note when each change arrives, until all have."""
        with connect(self.target, DATABASE) as connection:
            connection.execute("LISTEN bench_arrived")
            self.listens.set()
            quiet_since = perf_counter()
            while len(self._arrived) != self._expected:
                for notification in connection.notifies(timeout=0.5, stop_after=1):
                    quiet_since = perf_counter()
                    if notification.payload.startswith(self.name):
                        self._arrived.setdefault(notification.payload, quiet_since)
                if perf_counter() - quiet_since > PATIENCE_SECONDS:
                    raise TimeoutError(
                        f"{len(self._arrived)} of {self._expected} changes of {self.name!r} have arrived"
                    )

    def milliseconds(self) -> list[float]:
        """What each change took, in the order of writing."""
        return [(self._arrived[ref] - written) * 1000 for ref, written in self._written.items()]
