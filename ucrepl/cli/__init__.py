"""The command line: one file a command.

A command is a module with `add_parser(subparsers)`, which adds its parser and ends with
`parser.set_defaults(run=run)`, and `run(args) -> exit code`; `main.COMMANDS` lists the modules.
What is heavy (psycopg, pydantic, rich) is imported inside of `run`, so that `--help` answers at once.
"""

import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ucrepl.errors import UsageError

if TYPE_CHECKING:
    from ucrepl.config import Config


def config_path(args: Namespace) -> Path:
    """The configuration file named by `-c` or else by UCREPL_CONFIG; UsageError if by neither."""
    name = getattr(args, "config", None) or os.environ.get("UCREPL_CONFIG")
    if not name:
        message = "no configuration file is given"
        raise UsageError(message, "name one with `ucrepl -c FILE …` or in the environment variable UCREPL_CONFIG")
    return Path(name)


def load(args: Namespace) -> "Config":
    """The configuration that the command line asks for; ConfigError if it is wrong."""
    from ucrepl.config import load_config

    return load_config(config_path(args))
