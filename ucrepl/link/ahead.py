"""Reads the next batch while the last one is being applied: the two ends of a link work at the same time."""

from collections.abc import Iterator
from contextlib import suppress
from queue import Full, Queue
from threading import Event, Thread

from ucrepl.link.source import Source, Window

CHUNK_BYTES = 256 * 1024
CHUNKS_AHEAD = 96
PATIENCE_SECONDS = 0.2


class ReadAhead:
    """The batch that begins at `position`, read by a thread of its own.

    At most 24 MB are held; then the thread waits until they are taken. Until `close` the source's connection belongs
    to the thread.
    """

    def __init__(self, source: Source, position: str, rows: int) -> None:
        self.source = source
        self.position = position
        self.rows = rows
        self._window: Window | None = None
        self._pairs: list[bytes] = []
        self._ready = Event()
        self._stopped = Event()
        self._error: BaseException | None = None
        self._chunks: Queue[bytes | None] = Queue(CHUNKS_AHEAD)
        self._thread = Thread(target=self._read, name=f"read ahead {source.name}", daemon=True)
        self._thread.start()

    def window(self) -> Window:
        """The batch. Waits until it is known; raises what reading it raised."""
        self._ready.wait()
        if self._window is None:
            self._raise()
            raise AssertionError("a batch that was not read left no error")
        return self._window

    def pairs(self) -> Iterator[bytes]:
        """The pairs of ids that belong to the batch."""
        self.window()
        return iter(self._pairs)

    def changes(self) -> Iterator[bytes]:
        """The changes of the batch, once, as they arrive. Raises what reading them raised."""
        while (chunk := self._chunks.get()) is not None:
            yield chunk
        self._raise()

    def close(self) -> None:
        """Stops reading and gives the connection back."""
        self._stopped.set()
        if self._thread.is_alive() and not self._ready.is_set():
            with suppress(Exception):
                self.source.connection.cancel_safe(timeout=PATIENCE_SECONDS)
        while self._thread.is_alive():
            with suppress(Exception):
                self._chunks.get_nowait()
            self._thread.join(PATIENCE_SECONDS)

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _read(self) -> None:
        try:
            window = self.source.window(self.position, self.rows)
            self._window = window
            if window.has_pairs:
                self._pairs = list(_chunked(self.source.pairs(self.position, window.ends)))
            self._ready.set()
            if window.has_changes:
                blocks = self.source.changes(self.position, window)
                for chunk in _chunked(blocks):
                    if not self._offer(chunk):
                        blocks.close()
                        break
        except BaseException as error:  # noqa: BLE001 - whatever it is, the thread that waits has to raise it
            self._error = error
        finally:
            self._ready.set()
            self._offer(None)

    def _offer(self, chunk: bytes | None) -> bool:
        while not self._stopped.is_set():
            with suppress(Full):
                self._chunks.put(chunk, timeout=PATIENCE_SECONDS)
                return True
        return False


def _chunked(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of about 256 kB: the driver hands out a block a row."""
    piece: list[bytes] = []
    size = 0
    for block in blocks:
        piece.append(block)
        size += len(block)
        if size >= CHUNK_BYTES:
            yield b"".join(piece)
            piece.clear()
            size = 0
    if piece:
        yield b"".join(piece)
