"""Rows as PostgreSQL's binary COPY sends them, cut into batches, read while the last ones are written."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import Full, Queue
from threading import Event, Thread
from types import TracebackType

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

BATCH_ROWS = 20_000
BATCH_BYTES = 16 * 1024 * 1024
BATCHES_AHEAD = 1
_PIECE_BLOCKS = 256
_PATIENCE_SECONDS = 0.2

# Chapter "COPY", section "Binary Format": a signature, 32 bits of flags, the length of an extension; -1 at the end.
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows in the binary format, a block each."""

    blocks: list[bytes]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.blocks)

    def copy_into(self, connection: Connection[TupleRow], table: str, columns: str) -> None:
        """Copies them into a table."""
        statement = f"COPY {table} ({columns}) FROM STDIN (FORMAT binary)"
        with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            copy.write(_HEADER)
            for first in range(0, len(self.blocks), _PIECE_BLOCKS):
                copy.write(b"".join(self.blocks[first : first + _PIECE_BLOCKS]))
            copy.write(_TRAILER)


def read(connection: Connection[TupleRow], select: str, values: Mapping[str, object] | None = None) -> Rows:
    """All rows of a query, which must be few."""
    return Rows([block for rows in _cut(connection, select, values) for block in rows.blocks])


class ReadAhead:
    """The rows of a query in batches, read by a thread of its own, to which the connection belongs until the end.

    A context manager that gives the batches, once.
    """

    def __init__(self, connection: Connection[TupleRow], select: str) -> None:
        self._connection = connection
        self._select = select
        self._batches: Queue[Rows | BaseException | None] = Queue(BATCHES_AHEAD)
        self._stopped = Event()
        self._thread = Thread(target=self._read, name="rows ahead", daemon=True)

    def __enter__(self) -> Iterator[Rows]:
        self._thread.start()
        return self._taken()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            with suppress(psycopg.Error):
                self._connection.cancel_safe(timeout=_PATIENCE_SECONDS)
        self._thread.join()

    def _taken(self) -> Iterator[Rows]:
        while (item := self._batches.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def _read(self) -> None:
        try:
            for batch in _cut(self._connection, self._select):
                if not self._offer(batch):
                    return
        except BaseException as error:  # noqa: BLE001 - whatever it is, the thread that waits has to raise it
            self._offer(error)
        else:
            self._offer(None)

    def _offer(self, item: Rows | BaseException | None) -> bool:
        while not self._stopped.is_set():
            with suppress(Full):
                self._batches.put(item, timeout=_PATIENCE_SECONDS)
                return True
        return False


def _cut(connection: Connection[TupleRow], select: str, values: Mapping[str, object] | None = None) -> Iterator[Rows]:
    """The rows in batches. PostgreSQL sends a message a row, the header before the first, the trailer as the last."""
    statement = f"COPY ({select}) TO STDOUT (FORMAT binary)"
    with connection.cursor() as cursor, cursor.copy(statement.encode(), values) as copy:
        received = iter(copy)
        blocks = [bytes(next(received))[len(_HEADER) :]]
        size = 0
        for block in received:
            if size >= BATCH_BYTES or len(blocks) >= BATCH_ROWS:
                yield Rows(blocks)
                blocks, size = [], 0
            blocks.append(bytes(block))
            size += len(block)
        if blocks[-1] == _TRAILER:
            blocks.pop()
        if blocks:
            yield Rows(blocks)
