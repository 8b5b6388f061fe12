"""Serves the filestores that are on this host, each in a thread: other daemons ask for files in the node's database."""

import threading
from time import monotonic
from typing import Final

import psycopg
import structlog

from ucrepl.backoff import Backoff
from ucrepl.config import Config
from ucrepl.daemon.trouble import describe
from ucrepl.errors import UcreplError
from ucrepl.link.files.serve import FileServer
from ucrepl.link.files.store import sweep
from ucrepl.link.node import identify
from ucrepl.link.nodes import Nodes

POLL_SECONDS: Final = 1.0
PURGE_SECONDS: Final = 60.0

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class FileService:
    """Serves the filestore of one node in a thread of its own, from `start` until `stop`. No error ends it."""

    def __init__(self, config: Config, node: str) -> None:
        self.node = node
        self._config = config
        self._backoff = Backoff(base=0.5, cap=30.0)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"files {node}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask to end."""
        self._stopping.set()

    def join(self, seconds: float) -> bool:
        """Wait at the most so long for the end. Returns whether it has come."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        structlog.contextvars.bind_contextvars(node=self.node)
        if root := self._config.nodes[self.node].filestore:
            sweep(root)
        while not self._stopping.is_set():
            try:
                self._serve()
            except (UcreplError, psycopg.Error, OSError) as error:
                delay = self._backoff.next_delay()
                log.warning("files are not served", error=describe(error), again_in=round(delay, 1))
                self._stopping.wait(delay)
            except Exception as error:  # a service that ended would leave other nodes without files
                log.exception("files are not served", error=describe(error))
                self._stopping.wait(self._backoff.cap)

    def _serve(self) -> None:
        root = self._config.nodes[self.node].filestore
        with Nodes(self._config, f"files of {self.node}") as nodes:
            connection = nodes.get(self.node)
            identify(connection, self.node)
            if root is None:
                return
            server, purge_at = FileServer(connection, root), 0.0
            while not (self._stopping.is_set() or server.is_mine()):
                self._stopping.wait(POLL_SECONDS)
            while not self._stopping.is_set():
                if monotonic() > purge_at:
                    server.purge()
                    purge_at = monotonic() + PURGE_SECONDS
                self._backoff.reset()
                if not server.serve():
                    for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                        pass
