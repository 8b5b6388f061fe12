"""What the acts are played on: two servers, a database on each, the configuration file, and `ucrepl` itself.

`ucrepl` is run as a user runs it, as a program of its own with that file.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from shutil import rmtree
from signal import SIGTERM
from tempfile import mkdtemp
from types import TracebackType
from typing import Any, Final, LiteralString, Self

import psycopg
import yaml
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from ucrepl.demo.scene import LINKS, SITES
from ucrepl.errors import UcreplError
from ucrepl.throwaway import Server

PROTECTED: Final = {"res_partner": {"comment": 3}}
_COMMAND_SECONDS: Final = 60
_FAREWELL_SECONDS: Final = 15


class CommandFailedError(UcreplError):
    """A command of ucrepl did not end well."""


class Stage:
    """A stage that `build` builds; at the end of the `with` block it is cleared away, unless it is to be kept."""

    def __init__(self, *, keep: bool = False) -> None:
        self.keep = keep
        self.directory = Path(mkdtemp(prefix="ucrepl-demo-"))
        self.config = self.directory / "ucrepl.yaml"
        self.log = self.directory / "ucrepl.log"
        self.servers = {site: Server() for site in SITES}
        self.daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.keep = self.keep and not isinstance(error, KeyboardInterrupt)
        if not self.keep:
            self.stop_daemon()
            rmtree(self.directory)
        for server in self.servers.values():
            server.keep = self.keep
            server.close()

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
        server = self.servers[site]
        server.start()
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(site)))
        with self.connect(site) as connection:
            for script in ("schema.sql", "base.sql"):
                connection.execute(files("ucrepl.demo").joinpath(script).read_bytes())

    def dsn(self, site: str) -> str:
        """Where the database of the site is."""
        return self.servers[site].dsn(site)

    def connect(self, site: str) -> Connection[TupleRow]:
        """A connection to the site's database, in autocommit."""
        return psycopg.connect(self.dsn(site), autocommit=True, application_name="demo")

    def row(self, site: str, statement: LiteralString, *values: str) -> tuple[Any, ...]:
        """The only row that a query at a site gives."""
        with self.connect(site) as connection:
            (row,) = connection.execute(statement, values)
            return row

    def command(self, *args: str) -> list[str]:
        """The command line of ucrepl with these arguments."""
        return [sys.executable, "-m", "ucrepl", "-c", str(self.config), *args]

    def ucrepl(self, *args: str) -> str:
        """Run ucrepl and give what it prints; CommandFailedError if it ends with another code than 0."""
        # In a session of its own, so that Ctrl-C reaches the demo alone, which then ends it.
        done = subprocess.run(
            self.command(*args),
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            timeout=_COMMAND_SECONDS,
        )
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip()
            message = f"`ucrepl {' '.join(args)}` ended with {done.returncode}: {said}"
            raise CommandFailedError(message)
        return done.stdout

    def watch_status(self) -> "subprocess.Popen[str]":
        """A running `ucrepl status --watch --json`, to be read from."""
        return subprocess.Popen(
            self.command("status", "--watch", "--json"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )

    def start_daemon(self) -> None:
        """Start `ucrepl run` in the background, with its log in a file."""
        with self.log.open("ab") as log:
            self.daemon = subprocess.Popen(
                self.command("run"), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def last_log_line(self) -> str:
        """What the daemon said last."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return lines[-1] if lines else "nothing"

    def stop_daemon(self) -> None:
        """Ask the daemon to end, as systemd does, and see to it that it does."""
        daemon, self.daemon = self.daemon, None
        if daemon is None:
            return
        daemon.send_signal(SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(_FAREWELL_SECONDS)
            return
        daemon.kill()
        daemon.wait()
