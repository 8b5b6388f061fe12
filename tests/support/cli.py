"""The command line, run as users run it, and the configuration file of two linked nodes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

import ucrepl as package

_UNSET = ("UCREPL_CONFIG", "UCREPL_DEBUG")
_TIMEOUT_SECONDS = 300


def ucrepl(
    *args: str, config: Path | None = None, check: bool = True, timeout: float = _TIMEOUT_SECONDS, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run `ucrepl` and wait for its end. `config`: the file for `-c`; `more`: variables of the environment.

    With `check`, another exit code than 0 is an AssertionError, with all that it said.
    """
    with TemporaryDirectory() as elsewhere:  # not in the checkout, which Python would import from
        done = subprocess.run(
            ucrepl_command(*args, config=config),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=elsewhere,
            env=ucrepl_environment(**more),
            timeout=timeout,
        )
    if check:
        said = f"\n{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, f"`ucrepl {' '.join(args)}` ended with {done.returncode}:{said}"
    return done


@contextmanager
def ucrepl_running(
    *args: str, config: Path | None = None, log: Path, **more: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """Have `ucrepl` run in the background, in a session of its own, with all its output added to the file `log`.

    What is still alive at the end is killed.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            ucrepl_command(*args, config=config),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=log.parent,
            env=ucrepl_environment(**more),
            start_new_session=True,
        )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ucrepl_command(*args: str, config: Path | None = None) -> list[str]:
    """The command line that runs the `ucrepl` that the tests run with."""
    return [sys.executable, "-m", "ucrepl", *(("-c", str(config)) if config else ()), *args]


def two_node_config(
    directory: Path, dsn_a: str, dsn_b: str, *, both_ways: bool = True, rules: object = None, **link: object
) -> Path:
    """Write `ucrepl.yaml` with the nodes turin (`dsn_a`) and milan (`dsn_b`), and the links between them.

    `both_ways`: also from milan to turin; `rules`: for all links; `link`: keys of each link. Gives the file's path.
    """
    ends = [("turin", "milan"), ("milan", "turin")][: 2 if both_ways else 1]
    document: dict[str, object] = {
        "nodes": {"turin": {"dsn": dsn_a}, "milan": {"dsn": dsn_b}},
        "links": [{"from": source, "to": target, **link} for source, target in ends],
    }
    if rules is not None:
        document["rules"] = rules
    path = directory / "ucrepl.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def ucrepl_environment(**more: str) -> dict[str, str]:
    """The environment in which a new Python finds the `ucrepl` that the tests run with, and no settings of the user."""
    kept = {name: value for name, value in os.environ.items() if name not in _UNSET and not name.startswith("PG")}
    return {**kept, "PYTHONPATH": str(Path(package.__file__).parents[1]), "PYTHONSAFEPATH": "1", **more}
