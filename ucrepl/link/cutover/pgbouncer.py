"""A PgBouncer in front of both sides, through its admin console."""

import os
import re
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg2
from psycopg.conninfo import conninfo_to_dict
from psycopg2 import extensions

from ucrepl.config import Node, PgBouncer
from ucrepl.dsn import redact
from ucrepl.errors import ConfigError, UnreachableError

_PLACE: Final = ("host", "port", "dbname")
_LONGEST_SECONDS: Final = 5.0
_SECTION: Final = re.compile(r"\s*\[(.*)\]\s*$")
_POLL: Final = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}

Row = dict[str, Any]


class BouncerError(Exception):
    """PgBouncer refused a command, or did not answer in time."""


class Bouncer:
    """Pauses a database of PgBouncer, leads it to another node, and lets it go on.

    Its console knows the simple query protocol only, which psycopg2 speaks. Each command has a session of its own: one
    that is given up, because it takes too long, leaves nothing behind that would have to be waited for.
    """

    def __init__(self, settings: PgBouncer, nodes: dict[str, Node]) -> None:
        self._settings = settings
        self._targets = {name: settings.targets.get(name, node.dsn) for name, node in nodes.items()}

    def pause(self, seconds: float) -> None:
        """Has clients wait from their next transaction on, and waits for those that are under way.

        Raises TimeoutError when these take longer, BouncerError.
        """
        self._run("PAUSE", seconds)

    def resume(self) -> None:
        """Lets clients go on. A database that is not paused stays as it is. Raises BouncerError."""
        if self.database()["paused"]:
            self._run("RESUME", _LONGEST_SECONDS)

    def database(self) -> Row:
        """What PgBouncer says of the database: host, port, database, paused. Raises BouncerError, UnreachableError."""
        rows = self._ask("SHOW DATABASES", _LONGEST_SECONDS)
        found = [row for row in rows if row["name"] == self._settings.database]
        if not found:
            raise BouncerError(f"PgBouncer has no database {self._settings.database!r}")
        return {**found[0], "paused": str(found[0]["paused"]) == "1"}

    def point_to(self, node: str) -> None:
        """Writes the line of the database anew, so that it leads to the node, and has PgBouncer read it.

        The other keys of the line stay. Raises ConfigError for a file without it, BouncerError where PgBouncer says
        that the database still is elsewhere.
        """
        wanted = _place(self._targets[node])
        self._write(wanted)
        self._ask("RELOAD", _LONGEST_SECONDS)
        until = time.monotonic() + _LONGEST_SECONDS
        while not self._is_at(wanted):
            if time.monotonic() > until:
                raise BouncerError(f"PgBouncer has read its configuration and still does not lead to node {node!r}")
            time.sleep(0.01)

    def check(self, nodes: tuple[str, str]) -> str | None:
        """What is wrong with it, if it is to lead from one of the nodes to the other, whichever it leads to now."""
        try:
            if not any(self.leads_to(node) for node in nodes):
                return f"its database {self._settings.database!r} leads neither to {nodes[0]!r} nor to {nodes[1]!r}"
            self._lines()
        except BouncerError as error:
            return str(error)
        except (ConfigError, UnreachableError) as error:
            return error.message
        if not os.access(self._settings.config.parent, os.W_OK):
            return f"the folder of {str(self._settings.config)!r} can't be written to"
        unknown = [node for node in nodes if not _place(self._targets[node])]
        return f"nothing says how it reaches node {unknown[0]!r}" if unknown else None

    def leads_to(self, node: str) -> bool:
        """Whether clients are led to the node now. Raises BouncerError, UnreachableError."""
        return self._is_at(_place(self._targets[node]))

    def _is_at(self, wanted: dict[str, str]) -> bool:
        found = self.database()
        told = {"host": found["host"], "port": found["port"], "dbname": found["database"]}
        return all(str(told[key] or "") == value for key, value in wanted.items())

    def _run(self, command: str, seconds: float) -> None:
        name = self._settings.database.replace('"', '""')
        self._ask(f'{command} "{name}"', seconds)

    def _ask(self, command: str, seconds: float) -> list[Row]:
        until = time.monotonic() + seconds
        with self._console(until) as console:
            try:
                cursor = console.cursor()
                cursor.execute(command)
                _wait(console, until)
                names = [column.name for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()] if names else []
            except psycopg2.Error as error:
                raise BouncerError(f"PgBouncer refuses {command!r}: {redact(str(error).strip())}") from error

    @contextmanager
    def _console(self, until: float) -> Iterator[extensions.connection]:
        try:
            console = psycopg2.connect(self._settings.dsn, async_=1, application_name="ucrepl cutover")
            _wait(console, until)
        except (psycopg2.Error, TimeoutError) as error:
            raise UnreachableError(
                f"PgBouncer's console does not answer: {redact(' '.join(str(error).split()))}",
                hint="see 'dsn' under 'pgbouncer', and that its user is one of admin_users",
            ) from error
        try:
            yield console
        finally:
            console.close()

    def _write(self, wanted: dict[str, str]) -> None:
        """Puts the place into the line of the database, in a new file that takes the place of the old one."""
        path = self._settings.config
        before, line, after = self._lines()
        name, _, given = line.partition("=")
        keys = {key: value for key, value in conninfo_to_dict(given.strip()).items() if key not in _PLACE}
        text = " ".join(f"{key}={_quoted(str(value))}" for key, value in {**wanted, **keys}.items())
        content = "".join([*before, f"{name.rstrip()} = {text}\n", *after])
        status = path.stat()
        new = path.with_name(f".{path.name}.ucrepl")
        new.write_text(content, "utf-8")
        new.chmod(status.st_mode & 0o7777)
        if os.geteuid() == 0:
            os.chown(new, status.st_uid, status.st_gid)
        new.replace(path)

    def _lines(self) -> tuple[list[str], str, list[str]]:
        """The lines of the file before that of the database, this one, and those after it. Raises ConfigError."""
        path = self._settings.config
        try:
            lines = path.read_text("utf-8").splitlines(keepends=True)
        except OSError as error:
            raise ConfigError(f"can't read {str(path)!r}: {error.strerror}", "see 'config' under 'pgbouncer'") from None
        section = "databases"  # a file that is included has none
        for number, line in enumerate(lines):
            if found := _SECTION.match(line):
                section = found[1].strip().lower()
            elif section == "databases" and line.partition("=")[0].strip().strip('"') == self._settings.database:
                return lines[:number], line, lines[number + 1 :]
        raise ConfigError(
            f"there is no line for {self._settings.database!r} in {str(path)!r}", "write it, under [databases]"
        )


def _place(target: str) -> dict[str, str]:
    given = conninfo_to_dict(target)
    return {key: str(given[key]) for key in _PLACE if given.get(key)}


def _quoted(value: str) -> str:
    return value if re.fullmatch(r"[\w./:@-]+", value) else "'" + value.replace("'", "''") + "'"


def _wait(console: extensions.connection, until: float) -> None:
    """Waits for what was sent to be done. Raises TimeoutError."""
    poll = select.poll()
    while (state := console.poll()) != extensions.POLL_OK:
        left = until - time.monotonic()
        poll.register(console.fileno(), _POLL[state])
        if left <= 0 or not poll.poll(left * 1000):
            raise TimeoutError("PgBouncer did not answer in time")
