"""What systemd hears, on a real datagram socket."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from ucrepl.daemon.notify import Notifier, watchdog_interval


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, Notifier]]:
    """Set up a service manager that listens, and a notifier that knows its address."""
    if request.param == "abstract" and sys.platform != "linux":
        pytest.skip("abstract sockets are Linux's own")
    address = f"@ucrepl-{uuid4()}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        yield sock, Notifier({"NOTIFY_SOCKET": address})


def heard(sock: socket.socket) -> list[str]:
    return sock.recv(4096).decode().split("\n")


def test_each_state_is_one_datagram(manager: tuple[socket.socket, Notifier]) -> None:
    sock, notifier = manager
    assert notifier.ready("2 links running")
    assert heard(sock) == ["READY=1", "STATUS=2 links running"]
    assert notifier.ready()
    assert heard(sock) == ["READY=1"]
    assert notifier.stopping("finishing the batch")
    assert heard(sock) == ["STOPPING=1", "STATUS=finishing the batch"]
    assert notifier.status("turin->milan idle")
    assert heard(sock) == ["STATUS=turin->milan idle"]
    assert notifier.watchdog()
    assert heard(sock) == ["WATCHDOG=1"]


def test_a_reload_tells_its_time(manager: tuple[socket.socket, Notifier]) -> None:
    sock, notifier = manager
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert notifier.reloading()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    state, moment = heard(sock)
    assert state == "RELOADING=1"
    name, _, value = moment.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(value) <= after


def test_a_status_is_one_line_without_a_password(manager: tuple[socket.socket, Notifier]) -> None:
    sock, notifier = manager
    notifier.status("can't connect to\n'host=milan password=s3cret'\nREADY=1")
    assert heard(sock) == ["STATUS=can't connect to 'host=milan password=*** READY=1"]


def test_silent_without_a_service_manager(tmp_path: Path) -> None:
    for environ in (
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": str(tmp_path / "nobody")},
        {"NOTIFY_SOCKET": "/" + "x" * 200},
        {"NOTIFY_SOCKET": "/nul\0byte"},
    ):
        notifier = Notifier(environ)
        assert not notifier.ready("started")
        assert not notifier.watchdog()


def test_a_manager_that_does_not_read_holds_nobody_up(manager: tuple[socket.socket, Notifier]) -> None:
    _, notifier = manager
    sent = 0
    while notifier.watchdog():
        sent += 1
    assert sent > 0  # and here we are: the full queue was given up


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "500000"}, 0.25),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_asked(environ: dict[str, str], seconds: float | None) -> None:
    assert watchdog_interval(environ) == seconds
