"""What the acts are played on: two servers, a database on each, the configuration file, and the daemon."""

from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from types import TracebackType
from typing import Any, Final, LiteralString, Self

import psycopg
import yaml
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from ucrepl.demo.program import Process, Program, undisturbed
from ucrepl.demo.scene import LINKS, SITES
from ucrepl.throwaway import Server

PROTECTED: Final = {"res_partner": {"comment": 3}}


class Stage:
    """A stage that `build` builds; at the end of the `with` block it is cleared away, unless it is to be kept."""

    def __init__(self, *, keep: bool = False) -> None:
        self.keep = keep
        self.directory = Path(mkdtemp(prefix="ucrepl-demo-"))
        self.config = self.directory / "ucrepl.yaml"
        self.log = self.directory / "ucrepl.log"
        self.ucrepl = Program(self.config)
        self.daemon: Process | None = None
        self._servers = {site: Server() for site in SITES}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.keep = self.keep and not isinstance(error, KeyboardInterrupt)
        if not self.keep:
            self.ucrepl.end()
            rmtree(self.directory)
        for server in self._servers.values():
            server.keep = self.keep
            server.close()

    @property
    def running_servers(self) -> list[Server]:
        """The servers that are up."""
        return [server for server in self._servers.values() if server.running]

    def build(self) -> None:
        """Start the servers, fill the databases, write the configuration."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._set_up, SITES))
        document = {
            "nodes": {site: {"dsn": self.dsn(site)} for site in SITES},
            "links": [{"from": source, "to": target, "conflicts": "latest"} for source, target in LINKS],
            "rules": [{"table": table, "protect": columns} for table, columns in PROTECTED.items()],
        }
        self.config.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def _set_up(self, site: str) -> None:
        server = self._servers[site]
        server.start()
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(site)))
        with self.connect(site) as connection:
            for script in ("schema.sql", "base.sql"):
                connection.execute(files("ucrepl.demo").joinpath(script).read_bytes())

    def stop_server(self, site: str) -> None:
        """Stop the server of the site, whoever is connected."""
        self._servers[site].stop()

    def start_server(self, site: str) -> None:
        """Start the server of the site again."""
        undisturbed(self._servers[site].start)

    def dsn(self, site: str) -> str:
        """Where the database of the site is."""
        return self._servers[site].dsn(site)

    def connect(self, site: str) -> Connection[TupleRow]:
        """A connection to the site's database, in autocommit."""
        return psycopg.connect(self.dsn(site), autocommit=True, application_name="demo")

    def row(self, site: str, statement: LiteralString, *values: str) -> tuple[Any, ...]:
        """The only row that a query at a site gives."""
        with self.connect(site) as connection:
            (row,) = connection.execute(statement, values)
            return row

    def start_daemon(self) -> None:
        """Start the daemon in the background, with its log in a file."""
        with self.log.open("a", encoding="utf-8") as log:
            self.daemon = self.ucrepl.start("run", stdout=log, stderr=log)

    @property
    def daemon_lives(self) -> bool:
        """Whether the daemon is running."""
        return self.daemon is not None and self.daemon.poll() is None

    def last_log_line(self) -> str:
        """What the daemon said last."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return lines[-1] if lines else "nothing"
