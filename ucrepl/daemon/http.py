"""The HTTP server of the metrics: a thread for each client, and no patience with one that says nothing."""

import socket
import threading
from collections.abc import Callable
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

SILENCE_SECONDS: Final = 10.0
"""After so long a client that says nothing is let go: the threads of the daemon are counted."""


class _Handler(WSGIRequestHandler):
    timeout = SILENCE_SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the standard library's
        """Say nothing of requests."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Take the address without asking for its name, which can take long."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()


class _Server6(_Server):
    address_family = socket.AF_INET6


def serve(host: str, port: int, app: Callable[..., Any]) -> WSGIServer:
    """Serve a WSGI application in a thread, until `shutdown`. Raises OSError for an address that can't be had."""
    server = (_Server6 if ":" in host else _Server)((host, port), _Handler)
    server.set_app(app)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
