"""Parked changes: looking at them, trying them again, giving them up."""

import time
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ucrepl.backoff import Backoff
from ucrepl.config import Link
from ucrepl.db.catalog import hstore_schema
from ucrepl.db.sqlfiles import query
from ucrepl.db.sqlstate import Verdict, classify
from ucrepl.link.nodes import Nodes, explained
from ucrepl.link.replay import LinkReplayer
from ucrepl.link.setup import open_link

Image = dict[str, str | None]
"""Column -> value in its text form."""

PATIENCE_SECONDS = 60.0

OPERATIONS = {"I": "insert", "U": "update", "K": "update of key", "D": "delete", "T": "truncate"}

_WHAT_TO_DO = {
    "unresolved": "the change refers to a record that the target does not know: if that record is parked itself, mend"
    " that one first; if it is older than `ucrepl install`, seed the link; then try again",
    "ambiguous": "several records of the target fit: make them differ in the columns that the message names, or merge"
    " them; then try again",
    "conflict": "both sides changed the same columns: to take the source's values, give the target back the old ones"
    " and try again; to keep the target's, skip the change",
    "number": "both sides have given this number to a document of the journal: decide which of them keeps it, set the"
    " other one right where it was posted, as the law of your country wants it, then try again",
    "missing": "the record is not on the target: bring it there with `ucrepl seed`, or with `ucrepl resync` of its"
    " table, and try again; or skip the change",
    "error": "mend on the target what the message says and try again; or skip the change",
    "queued": "it waits behind an earlier change of the same record: mend or skip that one, then try both again",
}


@dataclass(frozen=True, slots=True)
class ParkedChange:
    """A change that could not be applied. `seq` is its number in the source's journal; `total` how many there are."""

    id: int
    link: str
    table_name: str
    op: str
    key: str | None
    reason: str
    sqlstate: str | None
    message: str
    attempts: int
    changed_at: datetime
    parked_at: datetime
    skipped_at: datetime | None
    seq: int
    total: int

    @property
    def operation(self) -> str:
        """What the change does, as a word."""
        return OPERATIONS[self.op]

    @property
    def what_to_do(self) -> str:
        """What mends it, by its reason."""
        return _WHAT_TO_DO[self.reason]


def parked_changes(
    target: Connection[TupleRow], *, link: str | None = None, ids: list[int] | None = None, limit: int | None = None
) -> list[ParkedChange]:
    """The parked changes of the links that end here, or of one; those with these ids, also if skipped already."""
    with target.cursor(row_factory=class_row(ParkedChange)) as cursor:
        return cursor.execute(query("parked_list"), {"link": link, "ids": ids, "limit": limit}).fetchall()


def images(target: Connection[TupleRow], parked_id: int) -> tuple[Image | None, Image | None]:
    """The old and the new image of a parked change, None for one that it has not."""
    statement = query("parked_images", hstore_schema(target))
    row = target.execute(statement, {"id": parked_id}).fetchone()
    return (row[0], row[1]) if row else (None, None)


def skip(target: Connection[TupleRow], ids: list[int]) -> tuple[list[int], list[int]]:
    """Gives the changes up. Returns the ids of those that were parked till now, and of those that wait behind them."""
    with target.transaction():
        target.execute(
            "SELECT FROM ucrepl.link WHERE link_id IN (SELECT link_id FROM ucrepl.parked WHERE parked_id = ANY (%s))"
            " ORDER BY link_id FOR UPDATE",
            [ids],
        )
        skipped = [row[0] for row in target.execute(query("parked_skip"), {"ids": ids}).fetchall()]
        behind = [row[0] for row in target.execute(query("parked_behind"), {"ids": ids}).fetchall()]
    return skipped, behind


def retry(nodes: Nodes, link: Link, changes: list[ParkedChange], *, everything: bool) -> list[int]:
    """Tries parked changes of the link again; `everything`: these are all there are.

    A daemon may be at work on the link: both take turns by the lock on its position. Returns the ids of those that
    are parked again. Raises RefusedError, UnreachableError.
    """
    source, target = nodes.another(link.source), nodes.another(link.target)
    ids = None if everything else [change.id for change in changes]
    with explained(link.target):
        replayer = LinkReplayer(link, open_link(nodes.config, link, source, target))
        backoff, until = Backoff(), time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                replayer.retry_parked(ids)
                break
            except psycopg.Error as error:
                if classify(error) is not Verdict.RETRY or time.monotonic() > until:
                    raise
                time.sleep(backoff.next_delay())
        again = target.execute(query("parked_again"), {"link": link.name, "seqs": [change.seq for change in changes]})
        return [row[0] for row in again.fetchall()]
