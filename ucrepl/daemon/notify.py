"""Tells systemd how the daemon is: the protocol of sd_notify(3), without libsystemd.

Nothing in here raises: a service manager that does not listen is no reason to stop replicating.
"""

import os
import socket
import time
from collections.abc import Mapping
from typing import Final

from ucrepl.dsn import redact

_PATIENCE: Final = 1.0  # seconds for a service manager that is busy: a READY that is lost would end the start


class Notifier:
    """Sends states to the service manager; does nothing where there is none. Safe to use from any thread."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        """`environ` holds NOTIFY_SOCKET: the path of a socket, or @ and the name of an abstract one."""
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    def ready(self, status: str = "") -> bool:
        """Say that the start, or a reload, is done. `status` is what `systemctl status` shows from now on."""
        return self._send("READY=1", *_status(status))

    def reloading(self, status: str = "") -> bool:
        """Say that a reload begins; `ready` says that it is done, also when the old configuration stays in force."""
        # systemd 253 and later, with Type=notify-reload, tell by the time which signal this answers
        return self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", *_status(status))

    def stopping(self, status: str = "") -> bool:
        """Say that the daemon is about to end."""
        return self._send("STOPPING=1", *_status(status))

    def status(self, status: str) -> bool:
        """Show one line in `systemctl status`."""
        return self._send(*_status(status))

    def watchdog(self) -> bool:
        """Say that the daemon is alive; due once every `watchdog_interval`."""
        return self._send("WATCHDOG=1")

    def _send(self, *assignments: str) -> bool:
        """Send the lines as one datagram and give back whether it was taken."""
        if not (assignments and self._address):
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(_PATIENCE)
                sock.sendto("\n".join(assignments).encode(errors="replace"), self._address)
        except (OSError, ValueError):  # nobody there, or not reading; a path that is no path
            return False
        return True


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return how often to call `Notifier.watchdog`, in seconds: half of what the unit's WatchdogSec allows.

    None where no watchdog is asked for, or where it is another process that is watched.
    """
    try:
        limit = int(environ.get("WATCHDOG_USEC", "0"))
        watched = int(environ.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return None
    return limit / 2_000_000 if limit > 0 and watched == os.getpid() else None


def _status(text: str) -> list[str]:
    """One line without a password: a line feed would begin the next assignment."""
    return [f"STATUS={' '.join(redact(text).split())}"] if text else []
