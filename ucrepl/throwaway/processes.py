"""The processes of a throw-away server: one that outlives us to clean up, and an end as by accident."""

import os
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGSTOP
from time import monotonic, sleep
from typing import Final

# Waits until its standard input ends, which it does when the process that made it closes it or dies in any way, then
# ends the server whose process id it was last told, and removes the directories. It asks the file postmaster.pid
# whether the server is gone, because a process that nobody has waited for still looks alive.
_CARETAKER: Final = """
pid=
while read -r told; do pid=$told; done
if [ -n "$pid" ] && kill -QUIT "$pid" 2>/dev/null; then
    tries=0
    while [ -e "$1/data/postmaster.pid" ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
fi
tries=0
until rm -rf -- "$@" 2>/dev/null || [ $tries -ge 50 ]; do sleep 0.1; tries=$((tries + 1)); done
"""
_PATIENCE_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.005


class Caretaker:
    """A process that removes the directories when it is told to, or when this process has died.

    The first directory is the server's. `watch` tells it which server it has to end before.
    """

    def __init__(self, directories: Iterable[Path]) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _CARETAKER, "ucrepl-caretaker", *dict.fromkeys(directories)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C is not for it
        )

    def watch(self, pid: int | None) -> None:
        """From now on this is the server's process; None while there is none."""
        if stdin := self._process.stdin:
            stdin.write(b"%d\n" % pid if pid else b"\n")
            stdin.flush()

    def clean(self) -> None:
        """Remove the directories now, and wait for it."""
        self._process.communicate()

    def dismiss(self) -> None:
        """Leave all as it is."""
        self._process.kill()
        self._process.communicate()


def kill_family(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL a process and its children, and wait until they are gone."""
    children: list[int] = []
    with suppress(ProcessLookupError):
        process.send_signal(SIGSTOP)  # so that it makes no more children meanwhile
        children = _children(process.pid)
        process.kill()
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(child, SIGKILL)
    process.wait()
    deadline = monotonic() + _PATIENCE_SECONDS
    while any(map(_lives, children)) and monotonic() < deadline:
        sleep(_LOOK_SECONDS)


def _children(pid: int) -> list[int]:
    """The children of a process, where the kernel tells; elsewhere they notice by themselves that it is gone."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    except OSError:
        return []


def _lives(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be noticed by its parent doesn't."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
