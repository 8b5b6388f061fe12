"""Files that could not be brought: their rows are there, and they are tried again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ucrepl.link.files.store import FileError, Wanted


@dataclass(frozen=True, slots=True)
class ParkedFile:
    """A file of the source that attachments of the target refer to and that is not there."""

    link: str
    file: str
    reason: str
    message: str
    attempts: int
    parked_at: datetime
    tried_at: datetime


def parked_files(target: Connection[TupleRow], link: str | None = None) -> list[ParkedFile]:
    """The parked files of a link to this node, or of all, by name."""
    with target.cursor(row_factory=class_row(ParkedFile)) as cursor:
        return cursor.execute(
            "SELECT k.name AS link, f.store_fname AS file, f.reason, f.message, f.attempts, f.parked_at, f.tried_at"
            " FROM ucrepl.parked_file AS f JOIN ucrepl.link AS k USING (link_id)"
            " WHERE %(link)s::text IS NULL OR k.name = %(link)s ORDER BY k.name, f.store_fname",
            {"link": link},
        ).fetchall()


def park_files(target: Connection[TupleRow], link_id: int, troubles: Sequence[tuple[Wanted, FileError]]) -> None:
    """Writes down the files and why they are not there, in the transaction at hand; of a link that has a number."""
    if troubles and link_id:
        target.execute(
            "INSERT INTO ucrepl.parked_file AS f (link_id, store_fname, size, checksum, reason, message)"
            " SELECT %s, n.* FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[]) AS n"
            " ON CONFLICT (link_id, store_fname) DO UPDATE SET reason = excluded.reason, message = excluded.message,"
            " size = excluded.size, checksum = excluded.checksum, attempts = f.attempts + 1, tried_at = now()",
            [
                link_id,
                [file.name for file, _ in troubles],
                [file.size for file, _ in troubles],
                [file.checksum for file, _ in troubles],
                [error.reason for _, error in troubles],
                [error.message for _, error in troubles],
            ],
        )


def forget_parked(target: Connection[TupleRow], link_id: int, names: Iterable[str]) -> None:
    """Forgets parked files that have come, in the transaction at hand."""
    target.execute(
        "DELETE FROM ucrepl.parked_file WHERE link_id = %s AND store_fname = ANY (%s)", [link_id, list(names)]
    )


def still_wanted(target: Connection[TupleRow], link_id: int, most: int) -> list[Wanted]:
    """The parked files of a link that have waited longest. Those to which no attachment refers any more are forgotten.

    At the most so many.
    """
    target.execute(
        "DELETE FROM ucrepl.parked_file AS f WHERE f.link_id = %s"
        " AND NOT EXISTS (SELECT FROM public.ir_attachment AS a WHERE a.store_fname = f.store_fname)",
        [link_id],
    )
    rows = target.execute(
        "SELECT store_fname, size, checksum FROM ucrepl.parked_file WHERE link_id = %s ORDER BY tried_at LIMIT %s",
        [link_id, most],
    ).fetchall()
    return [Wanted(*row) for row in rows]
