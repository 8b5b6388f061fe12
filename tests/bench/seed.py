"""Copying a large table into a database that holds other records, and comparing both, beside pg_dump and pg_restore."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from time import perf_counter
from typing import Final

import psycopg

from tests.bench.figures import Figure, Report
from tests.bench.measure import peak_megabytes
from tests.bench.servers import PARTNER_TEMPLATE, Sites, connect
from tests.support.cli import two_node_config, ucrepl, ucrepl_running
from ucrepl.cli.output import talk
from ucrepl.throwaway.cluster import environment

DATABASE: Final = "seed"
RESTORED: Final = "restored"
LINK: Final = "turin->milan"
SEED_ROWS_A_SECOND: Final = 25_000.0
VERIFY_ROWS_A_SECOND: Final = 200_000.0
MUST_BE_BELOW: Final = 150.0
TARGET_ROWS: Final = 1_000
_LOOK_SECONDS: Final = 0.05


def run(sites: Sites, *, quick: bool) -> Report:
    """Seeds, verifies, and restores the same table from a dump."""
    report = Report("seed")
    rows = 50_000 if quick else 1_000_000
    sites.make_partner_template()
    sites.create(DATABASE, PARTNER_TEMPLATE)
    with TemporaryDirectory(prefix="ucrepl-bench-") as directory:
        folder = Path(directory)
        config = two_node_config(folder, sites.source.dsn(DATABASE), sites.target.dsn(DATABASE), both_ways=False)
        _fill(sites, rows)
        ucrepl("install", config=config)
        sites.settle(DATABASE)
        for name, arguments, must_be in (
            ("seed", ("seed", LINK), SEED_ROWS_A_SECOND),
            ("verify", ("verify", LINK), VERIFY_ROWS_A_SECOND),
        ):
            seconds, peak = _measured(folder, config, *arguments)
            _tell(report, name, rows, seconds, must_be)
            report.tell(Figure(f"{name} peak of memory", peak, "MB", at_most=MUST_BE_BELOW))
    restored = _restore(sites)
    _tell(report, "pg_dump | pg_restore", rows, restored, None)
    seeded = report.rows[0]["seconds"]
    report.tell(Figure("seed ratio of rows a second to pg_dump | pg_restore", restored / seeded))
    report.remarks.append(
        f"{rows:,} partners of 65 columns, each with a parent and a country, into a target that holds {TARGET_ROWS:,}"
        " others, all indexes and foreign keys on; pg_restore remaps nothing, makes the table, and its indexes and"
        " foreign keys after the rows"
    )
    return report


def _fill(sites: Sites, rows: int) -> None:
    """The partners of the source; the target keeps some of those that both have from their template."""
    with connect(sites.source, DATABASE) as source, connect(sites.target, DATABASE) as target:
        source.execute("SELECT add_partners(%s, 'north')", [rows])
        source.execute(
            "UPDATE res_partner SET parent_id = coalesce(parent_id, 1 + id / 2),"
            " country_id = coalesce(country_id, 1 + id % 250) WHERE parent_id IS NULL OR country_id IS NULL"
        )
        source.execute("VACUUM res_partner")
        target.execute("DELETE FROM res_partner WHERE id > %s", [TARGET_ROWS])
        target.execute("SELECT setval('res_partner_id_seq', 5000000)")


def _measured(folder: Path, config: Path, *arguments: str) -> tuple[float, float]:
    """The seconds that a command takes, and the most memory that it has had, in MB."""
    peak = 0.0
    began = perf_counter()
    with ucrepl_running(*arguments, config=config, log=folder / "log") as process:
        while process.poll() is None:
            peak = max(peak, peak_megabytes(process.pid))
            try:
                process.wait(_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    seconds = perf_counter() - began
    if process.returncode:
        raise AssertionError((folder / "log").read_text("utf-8")[-2000:])
    return seconds, peak


def _restore(sites: Sites) -> float:
    """The seconds that pg_dump and pg_restore take for the table."""
    sites.create(RESTORED, PARTNER_TEMPLATE)
    with connect(sites.target, RESTORED) as target:
        target.execute("DROP TABLE res_partner CASCADE")
    folder = sites.target._binaries.folder
    began = perf_counter()
    with (
        TemporaryFile() as errors,
        subprocess.Popen(
            [folder / "pg_dump", "-Fc", "-Z0", "-t", "res_partner", sites.source.dsn(DATABASE)],
            stdout=subprocess.PIPE,
            env=environment(),
        ) as dump,
    ):
        restore: list[str | Path] = [folder / "pg_restore", "--no-owner", "-d", sites.target.dsn(RESTORED)]
        subprocess.run(restore, stdin=dump.stdout, stderr=errors, env=environment(), check=False)
    seconds = perf_counter() - began
    with psycopg.connect(sites.target.dsn(RESTORED)) as target:
        found = target.execute("SELECT count(*) FROM res_partner").fetchone()
    talk(f"  restored {found[0] if found else 0:,} rows")
    return seconds


def _tell(report: Report, name: str, rows: int, seconds: float, must_be: float | None) -> None:
    report.rows.append({"what": name, "rows": rows, "seconds": round(seconds, 1), "rows/s": round(rows / seconds)})
    report.tell(Figure(f"{name} speed", rows / seconds, "rows/s", at_least=must_be))
