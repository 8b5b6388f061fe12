"""Two databases that are linked both ways, driven by the command line."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from tests.support.cli import two_node_config, ucrepl, ucrepl_running
from tests.support.waiting import wait_for
from ucrepl.errors import Exit

if TYPE_CHECKING:
    from subprocess import Popen


@dataclass(frozen=True)
class Pair:
    """The databases turin and milan (their DSNs), and the configuration that links them."""

    turin: str
    milan: str
    config: Path

    @classmethod
    def linked(cls, directory: Path, turin: str, milan: str, **link: object) -> "Pair":
        """Writes the configuration; `link`: keys of both links."""
        return cls(turin, milan, two_node_config(directory, turin, milan, **link))  # type: ignore[arg-type]

    def run(self, *args: str) -> str:
        """What a command prints, which must end with exit code 0."""
        return ucrepl(*args, config=self.config).stdout

    def drain(self) -> dict[str, dict[str, Any]]:
        """Replays all that is there, and nothing may be parked then. Gives the numbers of each link."""
        done = ucrepl("run", "--drain", "--json", config=self.config, check=False)
        parked = self.run("parked", "list") if done.returncode == Exit.PARKED else ""
        assert done.returncode == Exit.OK, f"{done.stdout}\n{done.stderr}\n{parked}"
        return {link["link"]: link for link in json.loads(done.stdout)["links"]}

    def assert_went_as_a_whole(self) -> None:
        """Not one batch of any link had to be applied in parts."""
        assert {name: link["finer"] for name, link in self.status().items() if link["finer"]} == {}

    def drain_all(self) -> dict[str, dict[str, Any]]:
        """The same, and sees to it that there was nothing left for a second time."""
        drained = self.drain()
        assert {link["applied"] for link in self.drain().values()} == {0}
        return drained

    def status(self) -> dict[str, dict[str, Any]]:
        """The state of each link."""
        return {link["link"]: link for link in json.loads(self.run("status", "--json"))["links"]}

    @contextmanager
    def daemon(self) -> Iterator["Popen[bytes]"]:
        """The daemon, killed at the end of the block."""
        with ucrepl_running("run", config=self.config, log=self.log) as process:
            yield process

    def wait_for_progress(self) -> None:
        """Waits until a batch of either link has been applied."""
        before = self._positions()
        wait_for(lambda: self._positions() != before, 60, "progress")

    def _positions(self) -> list[str]:
        return [value(dsn, "SELECT max(position::text) FROM ucrepl.link") for dsn in (self.turin, self.milan)]

    @property
    def log(self) -> Path:
        """What daemons of this pair have said."""
        return self.config.parent / "daemon.log"


def value(dsn: str, statement: str, *values: object) -> Any:  # noqa: ANN401 - what the database has there
    """The first value that a statement gives."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(statement.encode(), values or None).fetchone()
        return row[0] if row else None
