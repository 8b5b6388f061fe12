"""What is written down of a cut-over on both of its nodes, before and after each step."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from ucrepl.db.sqlfiles import query
from ucrepl.errors import RefusedError

Kind = Literal["cutover", "rehearsal", "failover", "rejoin"]
Outcome = Literal["done", "taken back"]

# The same number in every database: a node takes part in one cut-over at a time.
CUTOVER_LOCK: Final = 0x7563_6375_7400

_PATIENCE_SECONDS: Final = 2.0
"""How long the session of a program that was killed a moment ago is waited for."""

_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Entry:
    """A cut-over as a node knows it. `outcome` is None while it is under way, or was interrupted.

    `step` is the last one that was begun.
    """

    cutover_id: UUID
    link: str
    kind: Kind
    options: dict[str, Any]
    outcome: Outcome | None
    report: dict[str, Any] | None
    began_at: datetime
    ended_at: datetime | None
    step: str | None


def entries(node: Connection[TupleRow], link: str | None = None, *, unfinished: bool = False) -> list[Entry]:
    """The cut-overs that a node knows, the latest first. `unfinished`: only those that are under way or interrupted."""
    with node.cursor(row_factory=class_row(Entry)) as cursor:
        return cursor.execute(query("cutover_entries"), {"link": link, "unfinished": unfinished}).fetchall()


def is_failed_over(entry: Entry) -> bool:
    """Whether it is a failover that was not taken back, and has come so far that its target may be open."""
    has_begun = entry.outcome is None and entry.step in {"open", "caches"}
    return entry.kind == "failover" and (entry.outcome == "done" or has_begun)


def is_under_way(node: Connection[TupleRow]) -> bool:
    """Whether a program is at work on a cut-over of the node at this moment."""
    row = node.execute("SELECT pg_catalog.pg_try_advisory_xact_lock_shared(%s)", [CUTOVER_LOCK]).fetchone()
    return not (row and row[0])


@contextmanager
def alone(ends: Mapping[str, Connection[TupleRow]]) -> Iterator[None]:
    """Holds the nodes (name -> connection) against other cut-overs. Raises RefusedError while one is at work."""
    until = time.monotonic() + _PATIENCE_SECONDS
    for name, end in ends.items():
        while not _try_lock(end):
            if time.monotonic() > until:
                raise RefusedError(
                    f"another program is at work on a cut-over of node {name!r}", hint="see: ucrepl cutover status"
                )
            time.sleep(_LOOK_SECONDS)
    try:
        yield
    finally:
        for end in ends.values():
            with suppress(psycopg.Error):
                end.execute("SELECT pg_catalog.pg_advisory_unlock(%s)", [CUTOVER_LOCK])


def _try_lock(node: Connection[TupleRow]) -> bool:
    row = node.execute("SELECT pg_catalog.pg_try_advisory_lock(%s)", [CUTOVER_LOCK]).fetchone()
    return bool(row and row[0])


class Record:
    """Writes on all given nodes at the same time. `cutover_id`: an entry that is there already."""

    def __init__(self, ends: Mapping[str, Connection[TupleRow]], cutover_id: UUID | None = None) -> None:
        self.cutover_id = cutover_id or uuid4()
        self._ends = dict(ends)

    def begin(self, link: str, kind: Kind, options: Mapping[str, object]) -> None:
        """Writes down that a cut-over begins."""
        self._write("cutover_begin", link=link, kind=kind, options=Jsonb(dict(options)))

    def step(self, name: str) -> None:
        """Writes down that the step before has been taken, and that this one is about to be."""
        self._write("cutover_step", step=name)

    def end(self, outcome: Outcome, report: Mapping[str, object]) -> list[str]:
        """Writes down how it ended, wherever that is possible. Returns the nodes on which it was not."""
        return list(self._try("cutover_end", outcome=outcome, report=Jsonb(dict(report))))

    def _write(self, name: str, **values: object) -> None:
        for error in self._try(name, **values).values():
            raise error

    def _try(self, name: str, **values: object) -> dict[str, psycopg.Error]:
        """Runs the named query on all nodes at once. Returns what went wrong, by node."""
        given = {"id": self.cutover_id, **values}
        failed = {}
        with ThreadPoolExecutor(len(self._ends)) as pool:
            sent = {node: pool.submit(end.execute, query(name), given) for node, end in self._ends.items()}
            for node, result in sent.items():
                try:
                    result.result()
                except psycopg.Error as error:
                    failed[node] = error
        return failed
