"""What the triggers cost those who write."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Final, NamedTuple

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from tests.bench import odoo
from tests.bench.figures import Figure, Report
from tests.bench.measure import cpu_seconds, ended_cpu_seconds, median_ratio
from tests.bench.servers import PARTNER_TEMPLATE, Sites, connect
from tests.support.waiting import wait_for
from ucrepl.cli.output import talk
from ucrepl.db import connect as db
from ucrepl.link.install import install_node

DATABASE: Final = "capture"
WORKLOAD_MAY_TAKE, BULK_MAY_TAKE = 1.25, 3.0
BULK_ROWS: Final = 20_000
SINGLE_ROWS: Final = 2_000
Writes = Mapping[str, Callable[[Connection[TupleRow]], None]]


def run(sites: Sites, *, quick: bool) -> Report:
    """Writes the same with and without the triggers, in pairs, the one first and then the other."""
    report = Report("capture")
    rows, pairs = (BULK_ROWS // 10, 2) if quick else (BULK_ROWS, 7)
    bulk: Writes = {"one row a statement": _one_by_one, "bulk insert": _bulk_insert, "bulk update": _bulk_update}
    sites.make_partner_template()
    with connect(sites.source, PARTNER_TEMPLATE) as connection:
        connection.execute("SELECT add_partners(%s, 'bulk')", [rows])
        _keep_for_later(connection, rows)
    _compare(sites, report, PARTNER_TEMPLATE, bulk, pairs)
    if reason := odoo.missing():
        report.remarks.append(f"without Odoo databases: {reason}")
    else:
        odoo.restore(sites)
        _compare(sites, report, odoo.DATABASE, {"odoo 18 workload": odoo.office()}, pairs)
        with connect(sites.source, odoo.DATABASE) as connection:
            odoo.stage_partners(connection, "bench_source", rows)
        odoo_bulk = {f"odoo 18 {name}": write for name, write in bulk.items()}
        _compare(sites, report, odoo.DATABASE, odoo_bulk, pairs)
    report.remarks.append(
        f"{rows:,} rows of res_partner at once, and {SINGLE_ROWS:,} one by one in one transaction; ratio: the median of"
        f" {pairs} pairs"
    )
    return report


def _compare(sites: Sites, report: Report, template: str, writes: Writes, pairs: int) -> None:
    """Measures the writes in fresh copies of the template and of a second one that has the triggers."""
    tracked = f"{template}_tracked"
    sites.create(tracked, template)
    with db.connect(sites.source.dsn(tracked)) as connection:
        install_node(connection, "turin")
    found: dict[str, list[tuple[_Taken, _Taken]]] = {name: [] for name in writes}
    for number in range(pairs):
        order = (tracked, template) if number % 2 == 0 else (template, tracked)
        taken = {which: _measure(sites, which, writes) for which in order}
        for name in writes:
            slow, fast = taken[tracked][name], taken[template][name]
            found[name].append((slow, fast))
            talk(f"  {name}: {slow.seconds:.3f} s with triggers, {fast.seconds:.3f} s without")
    sites.drop(tracked, DATABASE)
    for name, both in found.items():
        report.rows.append(
            {
                "write": name,
                "without": round(median(fast.seconds for _, fast in both), 3),
                "with triggers": round(median(slow.seconds for slow, _ in both), 3),
                "cpu without": round(median(fast.cpu for _, fast in both), 2),
                "cpu with": round(median(slow.cpu for slow, _ in both), 2),
            }
        )
        bound = BULK_MAY_TAKE if "bulk" in name else WORKLOAD_MAY_TAKE if "workload" in name else None
        ratio = median_ratio([(slow.seconds, fast.seconds) for slow, fast in both])
        report.tell(Figure(f"capture {name} ratio", ratio, at_most=bound))
        if all(fast.cpu for _, fast in both):
            ratio = median_ratio([(slow.cpu, fast.cpu) for slow, fast in both])
            report.tell(Figure(f"capture {name} ratio by processor time of the server", ratio))


class _Taken(NamedTuple):
    """What a write took: the seconds that its author waited, the processor time of the sessions of the server."""

    seconds: float
    cpu: float


def _measure(sites: Sites, template: str, writes: Writes) -> dict[str, _Taken]:
    sites.create(DATABASE, template)
    sites.settle(DATABASE)
    taken = {}
    with connect(sites.source, DATABASE) as connection:
        connection.execute("SELECT count(*) FROM res_partner")
        for name, write in writes.items():
            before = _cpu_of_sessions(sites, connection)
            begun = time.perf_counter()
            write(connection)
            seconds = time.perf_counter() - begun
            taken[name] = _Taken(seconds, _cpu_of_sessions(sites, connection) - before)
    return taken


def _cpu_of_sessions(sites: Sites, connection: Connection[TupleRow]) -> float:
    """The processor time of this session and of all that have ended, when no other one is left."""
    others = "SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    wait_for(lambda: not connection.execute(others).fetchall(), what="the end of the other sessions")
    return cpu_seconds(connection.info.backend_pid) + ended_cpu_seconds(sites.source.pid)


def _keep_for_later(connection: Connection[TupleRow], rows: int) -> None:
    """Moves the last so many partners into a table of their own."""
    connection.execute("CREATE TABLE bench_source AS SELECT * FROM res_partner ORDER BY id DESC LIMIT %s", [rows])
    connection.execute("DELETE FROM res_partner WHERE id IN (SELECT id FROM bench_source)")
    connection.execute("VACUUM FULL res_partner")


def _one_by_one(connection: Connection[TupleRow]) -> None:
    [names] = connection.execute(
        "SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute"
        " WHERE attrelid = 'res_partner'::regclass AND attnum > 0 AND attname <> 'id' AND NOT attisdropped"
    ).fetchall()
    columns = sql.SQL(", ").join(map(sql.Identifier, names[0]))
    statement = sql.SQL("INSERT INTO res_partner ({}) SELECT {} FROM res_partner ORDER BY id LIMIT 1").format(
        columns, columns
    )
    with connection.transaction():
        for _ in range(SINGLE_ROWS):
            connection.execute(statement, prepare=True)


def _bulk_insert(connection: Connection[TupleRow]) -> None:
    connection.execute("INSERT INTO res_partner SELECT * FROM bench_source")


def _bulk_update(connection: Connection[TupleRow]) -> None:
    connection.execute(
        "UPDATE res_partner SET city = 'Milano ' || id, write_uid = 2, write_date = localtimestamp"
        " WHERE id IN (SELECT id FROM bench_source)"
    )
