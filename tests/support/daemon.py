"""A daemon that runs as a process of its own, its log, and what it tells systemd."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM, Signals
from subprocess import Popen
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.cli import ucrepl_running
from tests.support.waiting import wait_for

Line = dict[str, Any]


@dataclass
class Daemon:
    """`ucrepl run` as it runs. `lines` are those of its log so far."""

    process: Popen[bytes]
    log: Path

    def lines(self, event: str | None = None, **fields: object) -> list[Line]:
        """The lines with this event, and with these fields."""
        complete = self.log.read_text("utf-8").split("\n")[:-1]
        lines = [json.loads(line) for line in complete]
        wanted = fields | ({"event": event} if event else {})
        return [line for line in lines if wanted.items() <= line.items()]

    def wait_for_line(self, event: str, *, number: int = 1, **fields: object) -> Line:
        """Wait until the line has been logged so many times, and give the last one."""
        return wait_for(
            lambda: dict(found[-1]) if len(found := self.lines(event, **fields)) >= number else {},
            what=f"{event!r} with {fields!r} in the log, which is\n{self.log.read_text('utf-8')}\n",
        )

    def send(self, signal: Signals) -> None:
        """Send the process a signal."""
        self.process.send_signal(signal)

    def end(self, signal: Signals = SIGTERM, timeout: float = 10.0) -> int:
        """Send a signal and wait for the end. Gives the exit code; TimeoutExpired if it takes too long."""
        self.send(signal)
        return self.process.wait(timeout)


@contextmanager
def daemon_running(config: Path, name: str = "daemon", **environment: str) -> Iterator[Daemon]:
    """Have a daemon run that has tried all links."""
    log = config.parent / f"{name}.log"
    with ucrepl_running("run", config=config, log=log, **environment) as process:
        daemon = Daemon(process, log)
        daemon.wait_for_line("ready")
        yield daemon


class Systemd:
    """Listens as systemd does. `environment` is what it gives to a service; `heard` is what the service has said."""

    def __init__(self, stack: ExitStack, watchdog_seconds: float) -> None:
        directory = stack.enter_context(TemporaryDirectory(prefix="notify-", dir="/tmp"))  # a short path
        self._socket = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._socket.bind(f"{directory}/s")
        self._socket.settimeout(0)
        self.environment = {
            "NOTIFY_SOCKET": f"{directory}/s",
            "WATCHDOG_USEC": str(int(watchdog_seconds * 1_000_000)),
        }
        self._heard: list[dict[str, str]] = []

    @property
    def heard(self) -> list[dict[str, str]]:
        """All messages so far."""
        while True:
            try:
                message = self._socket.recv(65536).decode()
            except BlockingIOError:
                return self._heard
            self._heard.append(dict(line.split("=", 1) for line in message.splitlines()))

    def wait_for(self, accept: Callable[[dict[str, str]], bool], after: int = 0) -> int:
        """Wait for a message, look at those from the number `after` on, and give the number of the one that follows."""
        return wait_for(
            lambda: next((i + 1 for i, message in enumerate(self.heard) if i >= after and accept(message)), 0),
            what=f"a message to systemd; it has heard {self._heard!r}",
        )


@contextmanager
def systemd(watchdog_seconds: float = 0.2) -> Iterator[Systemd]:
    """Be systemd, with this WatchdogSec."""
    with ExitStack() as stack:
        yield Systemd(stack, watchdog_seconds)
