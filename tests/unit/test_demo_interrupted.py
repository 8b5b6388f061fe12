"""Ctrl-C ends the demo, and all that it is just about to start."""

import subprocess
import sys
from signal import SIGTERM

from tests.support.cli import ucrepl_environment

START_AFTER_THE_INTERRUPT = """
import subprocess, sys
from contextlib import suppress
from ucrepl.demo.perform import _interrupt

with suppress(KeyboardInterrupt):
    _interrupt(2, None)
started = subprocess.Popen([sys.executable, "-c", "print('here', flush=True); input()"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
started.stdout.readline()
started.terminate()
print(started.wait(10))
"""


def test_what_is_started_after_the_interrupt_can_be_ended() -> None:
    done = subprocess.run(
        [sys.executable, "-c", START_AFTER_THE_INTERRUPT],
        env=ucrepl_environment(),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{-SIGTERM}\n", "")
