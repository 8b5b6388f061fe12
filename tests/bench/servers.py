"""The two servers on which all is measured, and the databases on them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, LiteralString

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from ucrepl.throwaway import Server

SETTINGS: Final = {
    "wal_level": "logical",
    "shared_buffers": "512MB",
    "maintenance_work_mem": "256MB",
    "wal_buffers": "16MB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    "fsync": "off",
    "autovacuum": "off",
    "max_connections": "50",
}
# A reader of the target knows by it that all has arrived that was written before it was changed.
MARKER: Final = """\
CREATE TABLE bench_marker (id integer PRIMARY KEY, n integer NOT NULL);
INSERT INTO bench_marker VALUES (1, 0);
"""
PARTNER_TEMPLATE: Final = "template_partner"
_HAS_STRATEGIES: Final = 15
EXPLAINED: Final = (
    "two PostgreSQL servers on this machine, the same for both contestants: "
    + ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
    + "; tables are analyzed and a checkpoint is made before each measurement"
)


@dataclass(frozen=True)
class Sites:
    """The server of the source and the server of the target."""

    source: Server
    target: Server

    @property
    def both(self) -> tuple[Server, Server]:
        """The two of them, the source first."""
        return self.source, self.target

    def create(self, database: str, template: str = "template1") -> None:
        """Makes a database on both, anew where it exists."""
        for server in self.both:
            # As files, not through the WAL, which PostgreSQL's own replication would have to read.
            strategy = " STRATEGY file_copy" if server.version >= _HAS_STRATEGIES else ""
            statement: LiteralString = "CREATE DATABASE {} TEMPLATE {}" + strategy
            with connect(server, "postgres") as connection:
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
                connection.execute(sql.SQL(statement).format(sql.Identifier(database), sql.Identifier(template)))

    def drop(self, *databases: str) -> None:
        """Drops databases on both."""
        for server in self.both:
            with connect(server, "postgres") as connection:
                for database in databases:
                    connection.execute(
                        sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
                    )

    def make_partner_template(self) -> None:
        """Makes the template with the partner of 65 columns, its base data, and the marker."""
        self.create(PARTNER_TEMPLATE)
        self.run_script(PARTNER_TEMPLATE, (Path(__file__).parent / "partner.sql").read_text("utf-8") + MARKER)

    def run_script(self, database: str, script: str) -> None:
        """Runs SQL in a database of both."""
        for server in self.both:
            with connect(server, database) as connection:
                connection.execute(script.encode())

    def settle(self, database: str) -> None:
        """Analyzes a database on both and makes a checkpoint, so that every measurement starts from the same state."""
        for server in self.both:
            with connect(server, database) as connection:
                connection.execute("ANALYZE")
                connection.execute("CHECKPOINT")


def connect(server: Server, database: str) -> Connection[TupleRow]:
    """A connection of an ordinary client, in autocommit mode."""
    return psycopg.connect(server.dsn(database), autocommit=True)


@contextmanager
def two_servers(directory: Path | None = None) -> Iterator[Sites]:
    """Two servers that are gone afterwards."""
    with ExitStack() as stack:
        names = ("source", "target")
        servers = [stack.enter_context(Server(directory and directory / name, SETTINGS)) for name in names]
        yield Sites(*servers)
