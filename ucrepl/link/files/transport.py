"""Brings files from the filestore of the source: directly where it is on this host, else through its database."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link
from ucrepl.db.connect import connect
from ucrepl.db.sqlfiles import query
from ucrepl.link.files.store import FileError, Incoming, Wanted, read

CHANNEL: Final = "ucrepl_file"
PATIENCE_SECONDS: Final = 10.0
"""How long nothing may come before the daemon beside the other filestore counts as absent ..."""

ABSENT_SECONDS: Final = 60.0
"""... and how long it is not asked again then."""

ASKED_AT_ONCE: Final = 100
_TAKEN_AT_ONCE: Final = 8
_POLL_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Route:
    """The two filestores of a link; None for one that can't be reached from this host."""

    link: str
    source: str
    source_dsn: str
    origin: Path | None
    end: Path | None

    @classmethod
    def of(cls, config: Config, link: Link) -> "Route":
        """The filestores as the configuration has them."""
        source, target = config.nodes[link.source], config.nodes[link.target]
        return cls(link.name, link.source, source.dsn, source.filestore, target.filestore)


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of a file: it is there, or in `content`, or there was `trouble`."""

    wanted: Wanted
    content: bytes = b""
    trouble: FileError | None = None


class Transport:
    """Brings files. `beat` is called now and then while that takes long."""

    def __init__(self, route: Route, *, patience: float = PATIENCE_SECONDS) -> None:
        self.route = route
        self.beat: Callable[[], None] = lambda: None
        self._patience = patience
        self._absent_until = 0.0

    def bring(self, wanted: Sequence[Wanted], root: Path | None) -> Iterator[Brought]:
        """Brings the files into the filestore `root`, or gives their contents where it is None.

        Raises UnreachableError and psycopg's errors about the source's database.
        """
        if self.route.origin is not None:
            for file in wanted:
                yield self._copy(file, self.route.origin, root)
            return
        for first in range(0, len(wanted), ASKED_AT_ONCE):
            yield from self._ask(wanted[first : first + ASKED_AT_ONCE], root)

    def _copy(self, wanted: Wanted, origin: Path, root: Path | None) -> Brought:
        incoming = Incoming(wanted, root)
        try:
            for data in read(origin, wanted.name):
                incoming.write(data)
                self.beat()
            return Brought(wanted, incoming.finish())
        except FileError as error:
            return Brought(wanted, trouble=error)
        finally:
            incoming.discard()

    def _ask(self, wanted: Sequence[Wanted], root: Path | None) -> Iterator[Brought]:
        if monotonic() < self._absent_until:
            yield from map(self._unanswered, wanted)
            return
        with connect(self.route.source_dsn, application_name=f"ucrepl files {self.route.link}") as source:
            source.execute(f"LISTEN {CHANNEL}".encode())
            rows = source.execute(
                "INSERT INTO ucrepl.file_request (link, store_fname)"
                " SELECT %s, n.name FROM unnest(%s::text[]) WITH ORDINALITY AS n (name, place) ORDER BY n.place"
                " RETURNING request_id",
                [self.route.link, [file.name for file in wanted]],
            ).fetchall()
            waiting = {row[0]: Incoming(file, root) for row, file in zip(rows, wanted, strict=True)}
            try:
                yield from self._receive(source, waiting)
            finally:
                for incoming in waiting.values():
                    incoming.discard()
                if not source.closed:
                    source.execute(
                        "DELETE FROM ucrepl.file_request WHERE request_id = ANY (%s)", [[row[0] for row in rows]]
                    )

    def _receive(self, source: Connection[TupleRow], waiting: dict[int, Incoming]) -> Iterator[Brought]:
        """Takes the chunks of the files that were asked for, until all have come or nothing comes any more."""
        source.execute(f"NOTIFY {CHANNEL}".encode())
        until = monotonic() + self._patience
        while waiting:
            self.beat()
            # The state first: all chunks of a file that is done are there then.
            states = source.execute(
                "SELECT request_id, size, done, refusal, message FROM ucrepl.file_request WHERE request_id = ANY (%s)",
                [list(waiting)],
            ).fetchall()
            left = len(waiting)
            taken = yield from self._take(source, waiting)
            yield from self._close(source, waiting, states)
            if taken or len(waiting) < left:
                until = monotonic() + self._patience
                continue
            if monotonic() > until:
                self._absent_until = monotonic() + ABSENT_SECONDS
                yield from [self._unanswered(incoming.wanted) for incoming in waiting.values()]
                return
            for _ in source.notifies(timeout=min(_POLL_SECONDS, self._patience / 4), stop_after=1):
                pass

    def _take(self, source: Connection[TupleRow], waiting: dict[int, Incoming]) -> Generator[Brought, None, bool]:
        """Writes the chunks that are there. Returns whether there were any."""
        taken = source.execute(
            query("file_take"), {"requests": list(waiting), "most": _TAKEN_AT_ONCE}, binary=True
        ).fetchall()
        for number, data in taken:
            if number in waiting:
                yield from self._settle(source, waiting, number, partial(waiting[number].write, data))
        if taken:
            source.execute(f"NOTIFY {CHANNEL}".encode())
        return bool(taken)

    def _close(
        self, source: Connection[TupleRow], waiting: dict[int, Incoming], states: Sequence[TupleRow]
    ) -> Iterator[Brought]:
        """Finishes the files that have come as a whole, and gives up those that will not come."""
        for number in waiting.keys() - {row[0] for row in states}:  # the source's server has crashed meanwhile
            yield self._unanswered(waiting.pop(number).wanted)
        for number, size, done, refusal, message in states:
            if number not in waiting:
                continue
            if refusal:
                incoming = waiting.pop(number)
                incoming.discard()
                yield Brought(incoming.wanted, trouble=FileError(refusal, message))
            elif done and waiting[number].size >= size:
                yield from self._settle(source, waiting, number, None)

    def _settle(
        self,
        source: Connection[TupleRow],
        waiting: dict[int, Incoming],
        number: int,
        write: Callable[[], None] | None,
    ) -> Iterator[Brought]:
        """Writes a chunk, or finishes the file; gives what became of it where it is over."""
        incoming = waiting[number]
        try:
            if write:
                write()
                return
            brought = Brought(incoming.wanted, incoming.finish())
        except FileError as error:
            brought = Brought(incoming.wanted, trouble=error)
        incoming.discard()
        del waiting[number]
        source.execute("DELETE FROM ucrepl.file_request WHERE request_id = %s", [number])
        yield brought

    def _unanswered(self, wanted: Wanted) -> Brought:
        message = f"no daemon beside the filestore of node {self.route.source!r} has sent {wanted.name!r}"
        return Brought(wanted, trouble=FileError("unanswered", message))
