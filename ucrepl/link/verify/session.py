"""The two connections of a comparison, and how statements are run on them."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from ucrepl.config import Link
from ucrepl.db.sqlfiles import query
from ucrepl.link.nodes import Nodes, explained
from ucrepl.link.setup import OpenLink, open_link
from ucrepl.plan import verify as plan

_SETTINGS = "SET work_mem = '64MB'; SET max_parallel_workers_per_gather = 0"


@dataclass(frozen=True)
class Session:
    """An open link whose target has the temporary tables of a comparison. `back` is its way back, if there is one."""

    link: Link
    back: Link | None
    opened: OpenLink

    @property
    def source(self) -> Connection[TupleRow]:
        """The connection to the source."""
        return self.opened.source.connection

    @property
    def target(self) -> Connection[TupleRow]:
        """The connection to the target."""
        return self.opened.target

    def on_source(self, statement: str, values: Mapping[str, object] | None = None) -> Cursor[TupleRow]:
        """Runs a statement on the source."""
        with explained(self.link.source):
            return self.source.execute(statement.encode(), values or {})

    def on_target(self, statement: str, values: Mapping[str, object] | None = None) -> Cursor[TupleRow]:
        """Runs a statement on the target."""
        with explained(self.link.target):
            return self.target.execute(statement.encode(), values or {})

    def bring(self, statement: str, values: Mapping[str, object], into: str) -> None:
        """Copies the rows of a COPY on the source into a temporary table of the target; they are not looked at."""
        with (
            explained(self.link.source),
            self.source.cursor() as reading,
            reading.copy(statement.encode(), values) as out,
            self.target.cursor() as writing,
            writing.copy(f"COPY pg_temp.{into} FROM STDIN (FORMAT binary)".encode()) as copy,
        ):
            for block in out:
                copy.write(block)

    def agrees(self) -> bool:
        """Whether both servers have PostgreSQL's hash of a record, and mean the same by it."""
        try:
            ours, theirs = (run(plan.probe()).fetchone() for run in (self.on_source, self.on_target))
        except psycopg.errors.UndefinedFunction:  # before PostgreSQL 14
            return False
        return ours == theirs


@contextmanager
def open_session(nodes: Nodes, link: Link) -> Iterator[Session]:
    """Opens a link on connections of its own, and makes the temporary tables."""
    ends = [(link.target, link.source)]
    back = next((other for other in nodes.config.links if (other.source, other.target) in ends), None)
    with ExitStack() as stack:
        source, target = (stack.enter_context(nodes.another(name)) for name in (link.source, link.target))
        with explained(link.target):
            session = Session(link, back, open_link(nodes.config, link, source, target))
        for connection in (source, target):
            connection.execute(_SETTINGS)
        target.execute(query("verify_staging"))
        # Of a table that has grown since then PostgreSQL would expect a single pair, and read all for each row.
        target.execute("ANALYZE (SKIP_LOCKED) ucrepl.identity")
        yield session
