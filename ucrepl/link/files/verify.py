"""Compares the filestore of a target with what its attachments say."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.link.files.store import FileError, Wanted, digest
from ucrepl.link.files.sync import count_files, files_of


@dataclass(frozen=True, slots=True)
class FileFinding:
    """A file that is not what attachments of a node say: `missing`, `unreadable` or `different`."""

    file: str
    what: str
    message: str


@dataclass
class FilesReport:
    """How many files were looked at, and those with which something is wrong."""

    link: str
    files: int = 0
    bytes: int = 0
    findings: list[FileFinding] = field(default_factory=list)


def verify_files(
    link: str, target: Connection[TupleRow], root: Path, progress: Callable[[int, int | None, str], None]
) -> FilesReport:
    """Reads every file to which attachments of the node refer, and compares its size and sha1. Changes nothing."""
    report, total = FilesReport(link), count_files(target)
    for wanted in files_of(target):
        report.files += 1
        try:
            report.bytes += _look_at(root, wanted)
        except FileError as error:
            if _is_referred_to(target, wanted.name):
                report.findings.append(FileFinding(wanted.name, error.reason, error.message))
        progress(report.files, total, "")
    return report


def _look_at(root: Path, wanted: Wanted) -> int:
    """The size of a file that is as wanted. Raises FileError for any other."""
    size, sha1 = digest(root, wanted.name, "target")
    wanted.check(size, sha1)
    return size


def _is_referred_to(node: Connection[TupleRow], name: str) -> bool:
    """Whether there still are attachments with the file: Odoo may have deleted both meanwhile."""
    row = node.execute("SELECT EXISTS (SELECT FROM public.ir_attachment WHERE store_fname = %s)", [name]).fetchone()
    return bool(row and row[0])
