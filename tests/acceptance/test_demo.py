"""`ucrepl demo`, as somebody runs it who sees ucrepl for the first time."""

import json
import os
import pty
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM, Signals
from tempfile import TemporaryDirectory
from uuid import uuid4

import psycopg
import pytest

from tests.support.cli import ucrepl_command, ucrepl_environment
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

ACTS = 8
EQUAL = re.compile(r"^13 tables, \d+ rows: equal on both sides \(\d+ s\)$", re.MULTILINE)
CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
INTERRUPTED = 130


class Place:
    """Where a demo runs: its temporary files are in one folder, and its processes bear a mark in their environment."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.mark = f"UCREPL_TEST_MARK={uuid4()}"
        name, _, value = self.mark.partition("=")
        self.environment = ucrepl_environment(TMPDIR=str(directory), **{name: value})

    def left(self) -> list[str]:
        """The files and processes that are there."""
        return [*map(str, self.directory.iterdir()), *(f"process {pid}" for pid in self.processes())]

    def processes(self) -> Iterator[int]:
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it is none of ours, or has just ended
                if self.mark.encode() in (process / "environ").read_bytes():
                    yield int(process.name)


@pytest.fixture
def place() -> Iterator[Place]:
    with TemporaryDirectory(prefix="demo-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)  # the servers belong to another account where the tests are run by root
        place = Place(Path(directory))
        yield place
        for pid in place.processes():
            os.kill(pid, SIGKILL)


def test_it_tells_its_acts_and_ends_with_both_sides_equal(place: Place) -> None:
    done = subprocess.run(
        ucrepl_command("demo"), env=place.environment, cwd="/", capture_output=True, text=True, timeout=120, check=False
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert re.findall(r"^(\d)\. ", done.stdout, re.MULTILINE) == [str(number) for number in range(1, ACTS + 1)]
    links = re.findall(
        r"^(\w+->\w+): \w+, [1-9]\d* applied, 0 waiting, .* [1-9] conflicts, 0 parked$", done.stdout, re.MULTILINE
    )
    assert links == ["turin->milan", "milan->turin"]
    assert EQUAL.search(done.stdout)
    assert place.left() == []


@pytest.mark.parametrize("signal", [SIGINT, pytest.param(SIGTERM, marks=pytest.mark.long)])
def test_nothing_is_left_when_it_is_interrupted_at_work(place: Place, signal: Signals) -> None:
    with subprocess.Popen(
        ucrepl_command("demo"),
        env=place.environment,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout
        for line in demo.stdout:
            if line.startswith("4. "):
                break
        demo.send_signal(signal)
        _, said = demo.communicate(timeout=60)

    assert (demo.returncode, said) == (INTERRUPTED, "interrupted\n")
    assert wait_for(lambda: not place.left(), what="the end of all that was begun")


def test_on_a_terminal_it_is_a_picture_and_what_it_keeps_can_be_looked_at(place: Place) -> None:
    code, shown = run_in_terminal(place, "demo", "--keep")

    assert code == 0, shown
    picture = shown[shown.rindex("ucrepl demo") :]
    assert re.findall(r"^✓ (\d) ", picture, re.MULTILINE) == [str(number) for number in range(1, ACTS + 1)]
    _, equal, guide = picture.partition("equal on both sides (")
    assert equal

    status, _conflicts, turin, _milan, ids, _log, end = [
        line.strip() for line in guide.splitlines() if line.startswith("  ")
    ]
    told = shell(place, status.replace("--watch", "--json"))
    assert {link["link"]: link["state"] for link in json.loads(told)["links"]}.keys() == {
        "turin->milan",
        "milan->turin",
    }
    with psycopg.connect(shlex.split(turin)[1]) as connection:
        assert connection.execute("SELECT count(*) > 12 FROM res_partner").fetchone() == (True,)
    with psycopg.connect(shlex.split(ids)[1]) as connection:
        assert connection.execute(shlex.split(ids)[3].encode()).fetchall()

    shell(place, end)
    assert wait_for(lambda: not place.left(), what="the end of all that was kept")


def shell(place: Place, line: str) -> str:
    done = subprocess.run(
        ["/bin/sh", "-c", line], env=place.environment, cwd="/", capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def run_in_terminal(place: Place, *args: str) -> tuple[int, str]:
    """The exit code, and all that was shown, without what moves the cursor and sets colours."""
    ours, theirs = pty.openpty()
    environment = place.environment | {"TERM": "xterm", "COLUMNS": "100", "LINES": "40", "PYTHONUTF8": "1"}
    with subprocess.Popen(
        ucrepl_command(*args), env=environment, cwd="/", stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # that is how the end of a terminal is told
            while read := os.read(ours, 65536):
                shown += read
    os.close(ours)
    return process.returncode, CONTROL_SEQUENCE.sub("", shown.decode()).replace("\r", "")
