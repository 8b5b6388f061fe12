"""What the triggers cost those who write."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Final

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from tests.bench import odoo
from tests.bench.figures import Figure, Report
from tests.bench.measure import median_ratio
from tests.bench.servers import PARTNER_TEMPLATE, Sites, connect
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
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in writes}
    for number in range(pairs):
        order = (tracked, template) if number % 2 == 0 else (template, tracked)
        seconds = {which: _measure(sites, which, writes) for which in order}
        for name in writes:
            found[name].append((seconds[tracked][name], seconds[template][name]))
            talk(f"  {name}: {seconds[tracked][name]:.3f} s with triggers, {seconds[template][name]:.3f} s without")
    sites.drop(tracked, DATABASE)
    for name, taken in found.items():
        report.rows.append(
            {
                "write": name,
                "without": round(median(without for _, without in taken), 3),
                "with triggers": round(median(with_triggers for with_triggers, _ in taken), 3),
            }
        )
        bound = BULK_MAY_TAKE if "bulk" in name else WORKLOAD_MAY_TAKE if "workload" in name else None
        report.tell(Figure(f"capture {name} ratio", median_ratio(taken), at_most=bound))


def _measure(sites: Sites, template: str, writes: Writes) -> dict[str, float]:
    sites.create(DATABASE, template)
    sites.settle(DATABASE)
    seconds = {}
    with connect(sites.source, DATABASE) as connection:
        connection.execute("SELECT count(*) FROM res_partner")
        for name, write in writes.items():
            begun = time.perf_counter()
            write(connection)
            seconds[name] = time.perf_counter() - begun
    return seconds


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
