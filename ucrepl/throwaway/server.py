"""One throw-away server: made, started, stopped, killed, and gone without a trace."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from shlex import join
from signal import SIGINT, SIGQUIT
from time import monotonic, sleep
from types import TracebackType
from typing import IO, Final, Literal, Self

from psycopg.conninfo import make_conninfo

from ucrepl.errors import UcreplError
from ucrepl.throwaway.account import account, fits_a_socket, new_directory
from ucrepl.throwaway.binaries import find_binaries
from ucrepl.throwaway.cluster import SUPERUSER, claim, environment, make_cluster, reachable_programs
from ucrepl.throwaway.processes import Caretaker, kill_family

Mode = Literal["fast", "immediate"]

_SIGNALS: Final = {"fast": SIGINT, "immediate": SIGQUIT}
_PATIENCE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.005
_STATUS_LINE: Final = 7  # of postmaster.pid
_LOG_LINES: Final = 5
# full_page_writes and synchronous_commit stay on: they are what makes a killed server lose nothing. fsync is for a
# crash of the machine, after which there is nothing left to lose.
_SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Server:
    """A PostgreSQL server that listens on a Unix socket in a directory of its own, for the current user only.

    `directory`: where it lives, a new or empty folder; default: a new temporary one. `settings`: lines of
    postgresql.conf. `keep`: may be set at any time; it leaves server and directory in place when all else ends.

    As a context manager it is started, and at the end stopped and removed; without one, `start` and `close` do that.
    It also goes, directory and all, when the process that made it ends in another way, be it by `kill -9`.
    """

    port: Final = 5432
    directory: Path
    socket_dir: Path

    def __init__(
        self, directory: Path | None = None, settings: Mapping[str, str] | None = None, *, keep: bool = False
    ) -> None:
        self.keep = keep
        self._wanted = directory
        self._settings = {**_SETTINGS, **(settings or {})}
        self._account = account()
        self._binaries = find_binaries()
        self._programs = self._binaries.folder  # those of the server; a copy where its account can't enter
        self._caretaker: Caretaker | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def version(self) -> int:
        """The major version of PostgreSQL."""
        return self._binaries.version

    @property
    def running(self) -> bool:
        """Whether the server's main process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The server's main process; UcreplError if it doesn't run."""
        if self._process is None or not self.running:
            message = "the throw-away server doesn't run"
            raise UcreplError(message, "`start` it first")
        return self._process.pid

    @property
    def log(self) -> Path:
        """The file in which the server logs."""
        return self.directory / "server.log"

    @property
    def end_command(self) -> str:
        """A line for the shell that ends and removes the server."""
        directories = dict.fromkeys(map(str, (self.directory, self.socket_dir)))
        return f"kill -QUIT {self.pid} && {join(['rm', '-rf', *directories])}"

    def dsn(self, dbname: str = "postgres") -> str:
        """What connects the current user to a database, as its superuser."""
        return make_conninfo(host=str(self.socket_dir), port=self.port, user=SUPERUSER, dbname=dbname)

    def start(self) -> None:
        """Start the server, made first if it is new, and wait until it lets clients in."""
        if self.running:
            return
        new = self._caretaker is None
        try:
            if new:
                self._create()
            self._launch()
        except BaseException:
            self.kill()
            if new:
                self._remove()
            raise

    def stop(self, mode: Mode = "fast") -> None:
        """Stop the server and wait for its end. "fast" breaks connections, "immediate" leaves the rest to recovery."""
        if self._process is None:
            return
        self._process.send_signal(_SIGNALS[mode])
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            kill_family(self._process)
        self._watch(None)

    def kill(self) -> None:
        """End all processes of the server at once, as an accident does. `start` makes it recover."""
        if self._process is not None:
            kill_family(self._process)
            self._watch(None)

    def restart(self, mode: Mode = "fast") -> None:
        """Stop and start."""
        self.stop(mode)
        self.start()

    def close(self) -> None:
        """Stop the server and remove its directory; or, with `keep`, leave them as they are."""
        if self.keep and self._caretaker is not None:
            self._caretaker.dismiss()
            self._caretaker = None
            return
        self.stop("immediate")
        self._remove()

    def run(self, program: str, *args: str, stdin: IO[bytes] | None = None) -> str:
        """Run a client program (`psql`, `pg_dump`, ...) of the server's own version, and give what it prints.

        It connects to this server unless told otherwise. UcreplError with what it says if it fails.
        """
        done = subprocess.run(
            [self._binaries.folder / program, *args],
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=environment(PGHOST=str(self.socket_dir), PGPORT=str(self.port), PGUSER=SUPERUSER),
        )
        if done.returncode:
            message = f"{join([program, *args])!r} ended with {done.returncode}: {done.stderr.decode().strip()}"
            raise UcreplError(message)
        return done.stdout.decode()

    def _create(self) -> None:
        owner = self._account
        self.directory = new_directory(owner) if self._wanted is None else claim(self._wanted, owner)
        self.socket_dir = self.directory if fits_a_socket(self.directory) else new_directory(owner)
        self._caretaker = Caretaker((self.directory, self.socket_dir))
        self._programs = reachable_programs(self._binaries, self.directory, owner)
        sockets = {"port": str(self.port), "unix_socket_directories": str(self.socket_dir)}
        make_cluster(self._programs, self.directory / "data", owner, {**self._settings, **sockets})

    def _launch(self) -> None:
        """Start the main process, and wait for what it writes when it is ready."""
        data = self.directory / "data"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=environment(),
                start_new_session=True,  # Ctrl-C is not for it
                **self._account.switch,
            )
        self._watch(self._process.pid)
        deadline = monotonic() + _PATIENCE_SECONDS
        while not _ready(data / "postmaster.pid", self._process.pid):
            if not self.running or monotonic() > deadline:
                said = " / ".join(self.log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:])
                message = f"the throw-away server doesn't start: {said}"
                raise UcreplError(message)
            sleep(_LOOK_SECONDS)

    def _watch(self, pid: int | None) -> None:
        if self._caretaker is not None:
            self._caretaker.watch(pid)

    def _remove(self) -> None:
        if self._caretaker is not None:
            self._caretaker.clean()
            self._caretaker = None


def _ready(file: Path, pid: int) -> bool:
    """Whether the file postmaster.pid says that this process lets clients in."""
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > _STATUS_LINE and lines[0] == str(pid) and lines[_STATUS_LINE].strip() == "ready"
