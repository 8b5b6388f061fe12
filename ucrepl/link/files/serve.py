"""Serves the files of a node to daemons that have asked for them in its database."""

from pathlib import Path
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.link.files.store import CHUNK_BYTES, FileError, path_of, unreadable
from ucrepl.link.files.transport import CHANNEL

SERVER_LOCK: Final = 0x7563_7265_7066
"""Held by the daemon that serves the files of a node: of several one does."""

IN_FLIGHT: Final = 16
"""So many chunks of those that one session has asked for may wait to be taken: 4 MB."""


class FileServer:
    """Serves the filestore of a node; `connection` is in autocommit mode and hears when files are asked for."""

    def __init__(self, connection: Connection[TupleRow], root: Path) -> None:
        self._connection = connection
        self._root = root
        connection.execute(f"LISTEN {CHANNEL}".encode())

    def is_mine(self) -> bool:
        """Takes the lock, if nobody has it."""
        row = self._connection.execute("SELECT pg_catalog.pg_try_advisory_lock(%s)", [SERVER_LOCK]).fetchone()
        return bool(row and row[0])

    def serve(self) -> bool:
        """Sends what there is room for. Returns whether it has sent anything."""
        waiting = self._connection.execute(query("file_next"), {"most": IN_FLIGHT}, prepare=True).fetchall()
        for request, name, chunks, size, in_flight in waiting:
            try:
                self._send(request, name, chunks, size, IN_FLIGHT - in_flight)
            except FileError as error:
                self._connection.execute(
                    "UPDATE ucrepl.file_request SET refusal = %s, message = %s WHERE request_id = %s",
                    [error.reason, error.message, request],
                )
        if waiting:
            self._connection.execute(f"NOTIFY {CHANNEL}".encode())
        return bool(waiting)

    def purge(self) -> None:
        """Deletes what sessions have asked for that are gone."""
        self._connection.execute(
            "DELETE FROM ucrepl.file_request AS r"
            " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a"
            " WHERE a.pid = r.asked_by AND (a.backend_start IS NULL OR a.backend_start <= r.asked_at))"
        )

    def _send(self, request: int, name: str, place: int, known: int | None, room: int) -> None:
        """Sends so many chunks of a file from this place on. Raises FileError where it can't be read."""
        try:
            with path_of(self._root, name).open("rb") as file:
                size = file.seek(0, 2) if known is None else known
                file.seek(place * CHUNK_BYTES)
                if not size:
                    self._connection.execute(
                        "UPDATE ucrepl.file_request SET size = 0, done = true WHERE request_id = %s", [request]
                    )
                for number in range(place, min(place + room, -(-size // CHUNK_BYTES))):
                    data = file.read(min(CHUNK_BYTES, size - number * CHUNK_BYTES))
                    if not data:
                        raise FileError("unreadable", f"{name!r} has become shorter while it was sent")
                    done = (number + 1) * CHUNK_BYTES >= size
                    values = {"request": request, "place": number, "size": size, "done": done, "data": data}
                    self._connection.execute(query("file_send"), values, prepare=True)
        except OSError as error:
            raise unreadable(name, error) from None
