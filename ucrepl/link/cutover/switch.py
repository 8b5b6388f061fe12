"""The command that leads the clients to the other side, and the look whether it has."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from tempfile import TemporaryFile
from typing import Final
from uuid import UUID

from ucrepl.config import Cutover, Link
from ucrepl.db.connect import connect
from ucrepl.errors import UcreplError

_LOOK_SECONDS: Final = 0.05
_SHOWN_CHARACTERS: Final = 300


class SwitchError(Exception):
    """The command failed, took too long, or has not led to the new side."""


def run_switch(settings: Cutover, link: Link) -> None:
    """Runs the command for a cut-over along the link. Raises SwitchError; all that it has started is ended then."""
    values = {"{source}": link.source, "{target}": link.target, "{link}": link.name}
    command = list(settings.switch)
    for mark, value in values.items():
        command = [part.replace(mark, value) for part in command]
    environment = {"UCREPL_LINK": link.name, "UCREPL_SOURCE": link.source, "UCREPL_TARGET": link.target}
    with TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        except OSError as error:
            raise SwitchError(f"the command {command[0]!r} can't be run: {error.strerror}") from error
        try:
            code = process.wait(settings.switch_seconds)
        except subprocess.TimeoutExpired:
            raise SwitchError(f"the command {command[0]!r} took longer than {settings.switch_seconds} s") from None
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if code:
            said.seek(0)
            text = " ".join(said.read().decode(errors="replace").split())[-_SHOWN_CHARACTERS:]
            raise SwitchError(f"the command {command[0]!r} ended with {code}" + (f": {text}" if text else ""))


def look_through(settings: Cutover, new_side: UUID) -> None:
    """Sees that the way of the clients leads to the new side by now. Raises SwitchError where it does not in time."""
    if not settings.through:
        return
    until = time.monotonic() + settings.switch_seconds
    while True:
        reason = _where_it_leads(settings.through, new_side)
        if reason is None:
            return
        if time.monotonic() > until:
            raise SwitchError(f"the way of the clients, 'through', does not lead to the new side: {reason}")
        time.sleep(_LOOK_SECONDS)


def _where_it_leads(through: str, new_side: UUID) -> str | None:
    """Why it is not the new side; None where it is."""
    try:
        with connect(through, application_name="ucrepl cutover", connect_timeout=2) as connection:
            row = connection.execute("SELECT uuid, name FROM ucrepl.node").fetchone()
    except UcreplError as error:
        return error.message
    return None if row and row[0] == new_side else f"it leads to {row[1]!r}" if row else "it leads to no node"
