"""Throw-away PostgreSQL servers, for `ucrepl demo` and for the tests.

with Server() as server:
    psycopg.connect(server.dsn("postgres"))
"""

from ucrepl.throwaway.binaries import Binaries, find_binaries
from ucrepl.throwaway.server import Server

__all__ = ["Binaries", "Server", "find_binaries"]
