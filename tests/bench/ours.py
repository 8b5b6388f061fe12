"""ucrepl, as a contestant: the daemon, run as users run it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Self

from tests.bench.arrival import Drained, wait_for_mark
from tests.bench.measure import cpu_seconds
from tests.bench.servers import Sites, connect
from tests.bench.workload import Write, mark
from tests.support.cli import two_node_config, ucrepl
from tests.support.daemon import Daemon, Line, daemon_running

LINK = "turin->milan"


class Ours:
    """Two databases with ucrepl installed, seeded as clones, and a daemon that replays the source to the target."""

    name = "ucrepl"
    policy: ClassVar[str | None] = None

    def __init__(self, sites: Sites, database: str, config: Path, daemon: Daemon) -> None:
        self.sites = sites
        self.database = database
        self.config = config
        self.daemon = daemon

    @classmethod
    @contextmanager
    def set_up(cls, sites: Sites, database: str, _tables: object = None, *, both_ways: bool = False) -> Iterator[Self]:
        """Install, seed, and start the daemon."""
        with TemporaryDirectory(prefix="ucrepl-bench-") as directory:
            config = installed(sites, database, Path(directory), both_ways=both_ways, policy=cls.policy)
            with daemon_running(config) as daemon:
                yield cls(sites, database, config, daemon)

    def drain(self, write: Write) -> Drained:
        """Writes a backlog while the link is paused, and measures from its first batch until all is visible."""
        ucrepl("pause", LINK, config=self.config)
        with connect(self.sites.source, self.database) as source, connect(self.sites.target, self.database) as target:
            write(source)
            awaited = mark(source)
            self.sites.settle(self.database)
            [(session,)] = target.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'ucrepl%' AND query_start IS NOT NULL"
                " AND datname = current_database() ORDER BY query_start DESC LIMIT 1"
            ).fetchall()
            before = cpu_seconds(session)
            known = len(self.daemon.lines("batch"))
            ucrepl("resume", LINK, config=self.config)
            ended = wait_for_mark(target, awaited)
            used = cpu_seconds(session) - before
        self.daemon.wait_for_line("batch", number=known + 1)
        batches = self.daemon.lines("batch")[known:]
        troubled = [line for line in batches if line["parked"] or line["finer"] or line["conflicts"]]
        if troubled:
            raise AssertionError(f"these batches were not replayed in the plain way: {troubled!r}")
        return Drained(ended - began(batches[0]).timestamp(), used)


class OursAsCluster(Ours):
    """The same with all that is known of Odoo: the packs, which apply wherever an Odoo is, and the policy `cluster`."""

    policy = "cluster"


def installed(sites: Sites, database: str, directory: Path, *, both_ways: bool, policy: str | None = None) -> Path:
    """Installs ucrepl on both databases and seeds the links. Returns the configuration."""
    link = {"policy": policy} if policy else {}
    dsns = sites.source.dsn(database), sites.target.dsn(database)
    config = two_node_config(directory, *dsns, both_ways=both_ways, **link)
    ucrepl("install", config=config)
    ucrepl("seed", "--same-ids", config=config)
    return config


def began(batch: Line) -> datetime:
    """When the batch of this line of the log began: the line was written at its end."""
    ended = datetime.fromisoformat(batch["timestamp"])
    return ended - timedelta(milliseconds=batch["milliseconds"]["total"])
