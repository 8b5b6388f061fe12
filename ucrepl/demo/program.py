"""`ucrepl`, run as a user runs it: as a program of its own, with a configuration file."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from shlex import join
from signal import SIGTERM
from typing import IO, Final, TypeVar

from ucrepl.errors import UcreplError

T = TypeVar("T")
Process = subprocess.Popen[str]

_COMMAND_SECONDS: Final = 60
_FAREWELL_SECONDS: Final = 15


class CommandFailedError(UcreplError):
    """A command of ucrepl did not end well."""


def undisturbed(work: Callable[[], T]) -> T:
    """Do the work in a thread, which Ctrl-C does not interrupt, and wait for it in any case.

    A process that is being started would otherwise be left behind, because nobody knows of it yet.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


class Program:
    """Runs `ucrepl -c FILE`. `end` sees to it that nothing of it goes on."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._processes: list[Process] = []

    def run(self, *args: str) -> str:
        """Run it and give what it prints; CommandFailedError if it ends with another code than 0."""
        process = self.start(*args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        printed, said = process.communicate(timeout=_COMMAND_SECONDS)
        if process.returncode:
            message = f"{join(['ucrepl', *args])!r} ended with {process.returncode}: {(said or printed).strip()}"
            raise CommandFailedError(message)
        return printed

    def start(self, *args: str, stdout: IO[str] | int, stderr: IO[str] | int) -> Process:
        """Start it in a session of its own, so that Ctrl-C is not for it but for the demo, which then ends it."""

        def start() -> Process:
            process = subprocess.Popen(
                [sys.executable, "-m", "ucrepl", "-c", str(self._config), *args],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                text=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
            self._processes.append(process)
            return process

        return undisturbed(start)

    def end(self) -> None:
        """Ask what still runs to end, as systemd does, and see to it that it does."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.send_signal(SIGTERM)
        for process in self._processes:
            try:
                process.wait(_FAREWELL_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
