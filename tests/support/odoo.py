"""The dumps of real Odoo databases, and the traffic of real Odoo servers, where they are."""

import gzip
import os
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

import pytest
from _pytest.mark import ParameterSet

from ucrepl.throwaway import find_binaries
from ucrepl.throwaway.cluster import environment

VARIABLE = "UCREPL_ODOO_DUMPS"
Half = Literal["first", "second"]
# What an older server doesn't know of what a newer pg_restore writes at the head of its script.
_UNKNOWN = b"SET transaction_timeout"
_DUMPS_MADE_WITH = 15


def odoo_file(name: str) -> Path:
    """The path of a file beside the dumps; the test is skipped where there is none."""
    named = os.environ.get(VARIABLE)
    folder = Path(named) if named else Path(__file__).parents[3] / "shared" / "odoo"
    path = folder / name
    if not path.is_file():
        pytest.skip(f"there is no {str(path)!r}; let {VARIABLE} name the folder of the Odoo dumps")
    return path


def templates(*names: str) -> list[ParameterSet]:
    """Odoo databases as parameters of a test; where there are no dumps, the demo's shop serves as well."""
    try:
        odoo_file("odoo18.dump")
    except pytest.skip.Exception:
        names = (*names, "shop")
    return [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in names]


def play_workload(dsn: str, name: str) -> None:
    """Send what an Odoo server wrote during half a minute: `name` is "odoo14" or "odoo18", as the database's dump."""
    with gzip.open(odoo_file(f"{name}-workload.sql.gz")) as script:
        run_script(dsn, script)


def play_half_of_workload(dsn: str, name: str, half: Half) -> None:
    """Send the transactions of one half of it only. Those that need what is done in the other one are rolled back."""
    with gzip.open(odoo_file(f"{name}-workload.sql.gz")) as script:
        lines = script.readlines()
    ends = [number for number, line in enumerate(lines, 1) if line == b"COMMIT;\n"]
    middle = ends[len(ends) // 2]
    run_script(dsn, lines[:middle] if half == "first" else lines[middle:], stops=half == "first")


def restore_dump(dsn: str, dump: Path) -> None:
    """Fill an empty database from a dump, without owners."""
    restore = [_newer_program("pg_restore"), "--no-owner", "--file=-", str(dump)]
    with subprocess.Popen(restore, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout
        run_script(dsn, (line for line in process.stdout if not line.startswith(_UNKNOWN)))
    assert process.returncode == 0, f"pg_restore ended with {process.returncode}"


def run_script(dsn: str, lines: Iterable[bytes], *, stops: bool = True) -> None:
    """Stream a script into psql. Where it `stops` at the first error, the AssertionError tells which."""
    command = [_newer_program("psql"), "-X", "-q", "-v", f"ON_ERROR_STOP={int(stops)}", "-d", dsn]
    with (
        TemporaryFile() as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, env=environment()
        ) as psql,
    ):
        assert psql.stdin
        with suppress(BrokenPipeError), psql.stdin:  # psql closes it at an error
            psql.stdin.writelines(lines)
        code = psql.wait()
        errors.seek(0)
        assert code == 0, f"psql ended with {code}: {errors.read().decode()}"


def _newer_program(name: str) -> str:
    """A client program that can read the dumps, also when the server is older."""
    return str(find_binaries(_DUMPS_MADE_WITH).folder / name)
