"""The errors a user can meet, and the exit codes that tell their causes apart."""

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """How a run of `ucrepl` ended."""

    OK = 0
    FINDING = 1
    USAGE = 2
    PARKED = 3
    UNREACHABLE = 4
    REFUSED = 5
    BUG = 70
    INTERRUPTED = 130
    BROKEN_PIPE = 141

    @property
    def meaning(self) -> str:
        """What the code says, in a few words."""
        return _MEANINGS[self]


_MEANINGS = {
    Exit.OK: "done",
    Exit.FINDING: "a check found something that forbids the start, or two sides differ",
    Exit.USAGE: "wrong usage or configuration",
    Exit.PARKED: "done, but changes are parked",
    Exit.UNREACHABLE: "a node can't be reached",
    Exit.REFUSED: "refused, to protect data",
    Exit.BUG: "a bug in ucrepl",
    Exit.INTERRUPTED: "interrupted from the keyboard",
    Exit.BROKEN_PIPE: "the reader of the output went away",
}


class UcreplError(Exception):
    """Something that a user can understand and mend.

    `message` is one lower-case sentence with the offending value in it; `hint` names the command or the key
    that mends it. `exit_code` is what the program ends with when nobody catches the error.
    """

    exit_code: ClassVar[Exit] = Exit.FINDING

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(UcreplError):
    """The command line is wrong."""

    exit_code = Exit.USAGE


class ConfigError(UcreplError):
    """The configuration is wrong, or can't be read."""

    exit_code = Exit.USAGE


class UnreachableError(UcreplError):
    """A node doesn't answer, or doesn't let us in."""

    exit_code = Exit.UNREACHABLE


class RefusedError(UcreplError):
    """Going on could lose or spoil data."""

    exit_code = Exit.REFUSED
