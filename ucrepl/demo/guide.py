"""How to look around on a stage that is kept, and how to clear it away."""

import shutil
import sys
from pathlib import Path
from shlex import join, quote

from ucrepl.demo.scene import MILAN, TURIN
from ucrepl.demo.stage import Stage
from ucrepl.throwaway import find_binaries

_MAP = "SELECT * FROM ucrepl.identity_map WHERE local_id <> remote_id LIMIT 9"


def guide(stage: Stage) -> str:
    """The text, with commands that can be pasted into a shell."""
    ucrepl = join([*_program(), "-c", str(stage.config)])
    psql = "psql" if shutil.which("psql") else quote(str(find_binaries().folder / "psql"))
    return f"""
Servers and daemon go on. Look around:

  {ucrepl} status --watch
  {ucrepl} conflicts list
  {psql} {quote(stage.dsn(TURIN))}
  {psql} {quote(stage.dsn(MILAN))}
  {psql} {quote(stage.dsn(MILAN))} -c {quote(_MAP)}
  less {quote(str(stage.log))}

Stop it all:

  {_the_end(stage)}
"""


def _program() -> list[str]:
    """What calls ucrepl from a shell."""
    if shutil.which("ucrepl"):
        return ["ucrepl"]
    script = Path(sys.executable).with_name("ucrepl")
    return [str(script)] if script.exists() else [sys.executable, "-m", "ucrepl"]


def _the_end(stage: Stage) -> str:
    steps = [f"kill {stage.daemon.pid}"] if stage.daemon_lives and stage.daemon else []
    steps += [server.end_command for server in stage.running_servers]
    steps.append(join(["rm", "-rf", str(stage.directory)]))
    return "; ".join(steps)
