"""A PgBouncer in front of a database, where the program is installed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg2
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.waiting import wait_for
from ucrepl.throwaway.account import account

_CONFIG = """\
[databases]
shop = {target}
other = host=/nowhere

[pgbouncer]
unix_socket_dir = {folder}
listen_addr =
listen_port = 6432
auth_type = trust
auth_file = {folder}/users
admin_users = postgres
pool_mode = transaction
max_client_conn = 200
default_pool_size = 30
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""


@dataclass
class RunningBouncer:
    """PgBouncer's processes: `config` is its file, `dsn` that of the database in it, `console` its admin console."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def config(self) -> Path:
        return self.folder / "pgbouncer.ini"

    @property
    def dsn(self) -> str:
        return make_conninfo(host=str(self.folder), port=6432, user="postgres", dbname="shop")

    @property
    def console(self) -> str:
        return make_conninfo(self.dsn, dbname="pgbouncer")

    @property
    def settings(self) -> dict[str, object]:
        """The section of ucrepl's configuration."""
        return {"dsn": self.console, "database": "shop", "config": str(self.config)}

    def start(self) -> None:
        """Have it run, again after `kill`."""
        self.process = _start(self.folder)
        wait_for(self._answers, what="PgBouncer")

    def kill(self) -> None:
        """End it as an accident does."""
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        with suppress(psycopg2.OperationalError):
            psycopg2.connect(self.console).close()
            return True
        return False


@contextmanager
def bouncer_running(dsn: str) -> Iterator[RunningBouncer]:
    """Have a PgBouncer run that leads to the database. The test is skipped where there is none."""
    if find_bouncer() is None:
        pytest.skip("PgBouncer is not installed (Debian: apt-get install pgbouncer)")
    parts = conninfo_to_dict(dsn)
    target = " ".join(f"{key}='{parts[key]}'" for key in ("host", "port", "dbname"))
    with TemporaryDirectory(prefix="bouncer-", dir="/tmp") as name:
        folder = Path(name)
        owner = account()
        config = folder / "pgbouncer.ini"
        config.write_text(_CONFIG.format(target=target, folder=folder), "utf-8")
        users = folder / "users"
        users.write_text('"postgres" ""\n', "utf-8")
        for path in (folder, config, users):
            owner.own(path)
        running = RunningBouncer(folder, _start(folder))
        try:
            wait_for(running._answers, what="PgBouncer")
            yield running
        finally:
            running.kill()


def find_bouncer() -> str | None:
    """The program, None where it is not installed."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")


def _start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [find_bouncer() or "pgbouncer", str(folder / "pgbouncer.ini")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        start_new_session=True,
        **account().switch,
    )
