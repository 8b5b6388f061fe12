"""The memory of the daemon while it drains a large backlog that was written while it was down."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from tests.bench.arrival import wait_for_mark
from tests.bench.figures import Figure, Report
from tests.bench.measure import peak_megabytes
from tests.bench.ours import began, installed
from tests.bench.servers import PARTNER_TEMPLATE, Sites, connect
from tests.bench.workload import mark
from tests.support.daemon import daemon_running
from ucrepl.cli.output import talk

DATABASE: Final = "memory"
MUST_BE_BELOW: Final = 120.0
# Rows of a transaction, and how many such transactions follow each other. The last is more than a batch aims at.
TRANSACTIONS: Final = ((1, 1_000), (10, 1_000), (100, 100), (1_000, 10), (10_000, 2), (50_000, 1))
INSERTED_TENTHS: Final = 3


def run(sites: Sites, *, quick: bool) -> Report:
    """Writes the backlog, starts a daemon, and looks at the most memory that it has had when all is drained."""
    report = Report("memory")
    rows = 50_000 if quick else 1_000_000
    sites.make_partner_template()
    sites.create(DATABASE, PARTNER_TEMPLATE)
    with TemporaryDirectory(prefix="ucrepl-bench-") as directory:
        config = installed(sites, DATABASE, Path(directory), both_ways=False)
        with connect(sites.source, DATABASE) as source, connect(sites.target, DATABASE) as target:
            transactions = _write(source, rows)
            awaited = mark(source)
            sites.settle(DATABASE)
            talk(f"  {rows:,} rows written in {transactions:,} transactions")
            with daemon_running(config) as daemon:
                ended = wait_for_mark(target, awaited)
                peak = peak_megabytes(daemon.process.pid)
                batches = daemon.lines("batch")
    seconds = ended - began(batches[0]).timestamp()
    report.rows.append(
        {
            "rows": rows,
            "transactions": transactions,
            "seconds": round(seconds, 1),
            "rows/s": round(rows / seconds),
            "batches": len(batches),
            "largest batch": max(line["rows"] for line in batches),
            "MB read": round(sum(line["bytes"] for line in batches) / 1e6),
            "peak MB": round(peak, 1),
        }
    )
    report.remarks.append(
        f"transactions of {', '.join(f'{size:,}' for size, _ in TRANSACTIONS)} rows, inserts and updates of"
        " res_partner; peak: VmHWM of the daemon's process, in MB of 1,000,000 bytes"
    )
    report.tell(Figure("memory peak of the daemon", peak, "MB", at_most=MUST_BE_BELOW))
    report.tell(Figure("memory drain", rows / seconds, "rows/s"))
    return report


def _write(source: Connection[TupleRow], rows: int) -> int:
    """Inserts three tenths of the rows and updates the rest. Returns how many transactions it took."""
    written = transactions = first = last = 0
    for size in _sizes(rows):
        if written < rows * INSERTED_TENTHS // 10:
            source.execute("SELECT add_partners(%s, 'north')", [size])
            [(last,)] = source.execute("SELECT max(id) FROM res_partner").fetchall()
        else:
            first = 1 if first + size > last else first
            source.execute(
                "UPDATE res_partner SET city = 'Milano ' || write_date, write_uid = 2,"
                " write_date = write_date + interval '1 hour' WHERE id >= %s AND id < %s",
                [first, first + size],
            )
            first += size
        written += size
        transactions += 1
    return transactions


def _sizes(rows: int) -> Iterator[int]:
    """The sizes of transactions that have so many rows together."""
    left = rows
    for size, times in cycle(TRANSACTIONS):
        for _ in range(times):
            yield (size := min(size, left))
            left -= size
            if not left:
                return
