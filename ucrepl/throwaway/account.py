"""The account under which the servers run: root may not run PostgreSQL, so it lends them another one."""

import os
import pwd
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from ucrepl.errors import UcreplError

_LENT: Final = ("postgres", "nobody")
_LONGEST_SOCKET: Final = 107 if sys.platform == "linux" else 103


class Switch(TypedDict, total=False):
    """The arguments that make `subprocess` run a program under another account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """`lent` is false for one's own account: then there is nothing to switch."""

    uid: int
    gid: int
    name: str
    lent: bool

    @property
    def switch(self) -> Switch:
        """What to give to `subprocess` so that the program runs under this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.lent else {}

    def own(self, directory: Path) -> None:
        """Hand a directory over to the account."""
        if self.lent:
            os.chown(directory, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether the account may enter all folders down to this one, or run this program, as far as modes say."""
        if not self.lent:
            return True
        place = path.resolve()
        return all(self._passes(step.stat()) for step in (place, *place.parents))

    def _passes(self, status: os.stat_result) -> bool:
        if status.st_uid == self.uid:
            return bool(status.st_mode & 0o100)
        return bool(status.st_mode & (0o010 if status.st_gid == self.gid else 0o001))


def account() -> Account:
    """One's own account; for root `postgres`, or `nobody` where there is no PostgreSQL."""
    if uid := os.geteuid():
        return Account(uid, os.getegid(), "", lent=False)
    for name in _LENT:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, name, lent=True)
    message = f"root may not run PostgreSQL, and there is none of the accounts {_LENT!r} to run it"
    raise UcreplError(message, "run ucrepl as an ordinary user")


def new_directory(owner: Account) -> Path:
    """A new temporary directory of the account, with a path that is short enough for a socket in it."""
    bases = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108 - mkdtemp makes the name
    for base in bases:
        if base.is_dir() and fits_a_socket(base / "ucrepl-xxxxxxxx") and owner.reaches(base):
            directory = Path(tempfile.mkdtemp(prefix="ucrepl-", dir=base))
            owner.own(directory)
            return directory
    message = f"no folder for temporary files that will do among {', '.join(repr(str(base)) for base in bases)}"
    raise UcreplError(message, "let TMPDIR name a short path that everybody may enter")


def fits_a_socket(directory: Path) -> bool:
    """Whether the path of a server's socket in this directory is within what the system allows."""
    return len(os.fsencode(directory / ".s.PGSQL.5432")) <= _LONGEST_SOCKET
