"""Connections to the nodes of a configuration, and errors that say which node they are about."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config
from ucrepl.db.connect import connect, limit_statements
from ucrepl.db.sqlstate import Verdict, classify
from ucrepl.errors import ConfigError, RefusedError, UcreplError, UnreachableError

_READ_ONLY = "25006"
_HINTS: dict[str | Verdict | None, str] = {
    "42501": "GRANT it to the role in the node's 'dsn', or name the tables' owner there; `ucrepl check` lists all",
    _READ_ONLY: "name the primary in the node's 'dsn': a standby can't be a node",
    Verdict.RETRY: "somebody else holds what is needed: run the command again",
    Verdict.WAIT: "the server lacks something: see its log, then run the command again",
}
_NO_EXTENSION = ("0A000", "58P01", "42704", "F0000")
_CONTRIB = "install PostgreSQL's contrib modules on the server of the node (Debian: the package postgresql-contrib)"


class Nodes:
    """The nodes of a configuration, each connected when it is first asked for. Close it at the end, or use `with`."""

    def __init__(
        self, config: Config, purpose: str, connect_timeout: int = 10, *, statement_timeout: float = 0.0
    ) -> None:
        """`purpose` is what the connections are called in pg_stat_activity: `ucrepl PURPOSE`. Seconds; 0: no limit."""
        self.config = config
        self._purpose = purpose
        self._connect_timeout = connect_timeout
        self._statement_timeout = statement_timeout
        self._open: dict[str, Connection[TupleRow]] = {}
        self._all = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._all.close()

    def get(self, name: str) -> Connection[TupleRow]:
        """The connection to a node, in autocommit mode; made anew where it was lost.

        Raises UnreachableError, RefusedError for a server that is too old.
        """
        connection = self._open.get(name)
        if connection is None or connection.closed:
            connection = self._open[name] = self.another(name)
        return connection

    def another(self, name: str) -> Connection[TupleRow]:
        """A further connection to a node, which nobody else gets. Raises as `get` does."""
        try:
            connection = connect(
                self.config.nodes[name].dsn,
                application_name=f"ucrepl {self._purpose}",
                connect_timeout=self._connect_timeout,
            )
        except (ConfigError, RefusedError, UnreachableError) as error:
            raise type(error)(f"node {name!r}: {error.message}", error.hint) from None
        self._all.callback(connection.close)
        if self._statement_timeout:
            limit_statements(connection, self._statement_timeout)
        return connection


@contextmanager
def explained(node: str) -> Iterator[None]:
    """Turns what PostgreSQL refuses for a reason that a user can mend into one sentence about the node, with a hint."""
    try:
        yield
    except psycopg.Error as error:
        known = explain(node, error)
        if known is None:
            raise
        raise known from error


def explain(node: str, error: psycopg.Error) -> UcreplError | None:
    """The sentence for an error of PostgreSQL; None for one that only a bug can bring about."""
    primary = error.diag.message_primary or str(error)
    what = f"node {node!r}: {' '.join(primary.split())}"
    if "hstore" in primary and error.sqlstate in _NO_EXTENSION:
        return RefusedError(what, _CONTRIB)
    if "row-level security" in primary:
        return RefusedError(
            what, "ALTER ROLE … BYPASSRLS for the role in the node's 'dsn', or name the tables' owner there"
        )
    verdict = classify(error)
    if verdict is Verdict.RECONNECT and error.sqlstate != _READ_ONLY:
        return UnreachableError(what, "see that the server is up, then run the command again")
    hint = _HINTS.get(error.sqlstate) or _HINTS.get(verdict)
    return RefusedError(what, hint) if hint else None
