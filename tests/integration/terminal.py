"""The command line on two linked databases, run inside the test."""

import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import yaml

from tests.integration.links import Pair
from ucrepl.cli.main import main

FORTH, BACK = "turin->milan", "milan->turin"


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the command prints
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Terminal:
    """Runs commands with the configuration of the pair in a file, with other DSNs where given."""

    def __init__(self, pair: Pair, folder: Path, **dsns: str) -> None:
        self.path = folder / "ucrepl.yaml"
        document = pair.config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for name, dsn in dsns.items():
            document["nodes"][name] = {"dsn": dsn}
        self.path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def __call__(self, *args: str, code: int | None = 0) -> Said:
        """Run a command, which must end with this exit code; None: with any."""
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            ended = main(["-c", str(self.path), *args])
        said = Said(ended, out.getvalue(), err.getvalue())
        assert code in (said.code, None), f"`ucrepl {' '.join(args)}` ended with {said.code}:\n{said.out}\n{said.err}"
        return said

    def refused(self, *args: str, code: int) -> tuple[str, str]:
        """Run a command that must fail with this code and one error. Gives its sentence and its hint."""
        said = self(*args, code=code)
        _, begun, error = said.err.rpartition("error: ")
        sentence, _, hint = error.partition("\nHINT: ")
        assert begun, said.err
        assert hint.strip(), said.err
        assert "Traceback" not in said.err
        return sentence, hint.strip()
