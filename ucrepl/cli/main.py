"""The command line: finds the command, runs it, and turns what goes wrong into a sentence and an exit code."""

import os
import sys
import traceback
from argparse import SUPPRESS, ArgumentParser, Namespace, RawDescriptionHelpFormatter, _SubParsersAction
from collections.abc import Sequence
from typing import Any, NoReturn, Protocol

import ucrepl
from ucrepl.cli import (
    check_cmd,
    config_cmd,
    conflicts_cmd,
    cutover_cmd,
    demo_cmd,
    failover_cmd,
    filestore_cmd,
    held_cmd,
    ids_cmd,
    install_cmd,
    numbers_cmd,
    parked_cmd,
    pause_cmd,
    plan_cmd,
    resync_cmd,
    run_cmd,
    seed_cmd,
    status_cmd,
    verify_cmd,
)
from ucrepl.cli.output import print_error, talk
from ucrepl.errors import Exit, UcreplError, UsageError


class Command(Protocol):
    """What the module of a command has."""

    def add_parser(self, subparsers: "_SubParsersAction[Any]") -> None:
        """Add the command's parser, with `set_defaults(run=run)`."""

    def run(self, args: Namespace) -> int:
        """Do the work and give the exit code."""


COMMANDS: tuple[Command, ...] = (
    config_cmd,
    check_cmd,
    plan_cmd,
    install_cmd,
    seed_cmd,
    ids_cmd,
    numbers_cmd,
    run_cmd,
    status_cmd,
    verify_cmd,
    resync_cmd,
    pause_cmd,
    cutover_cmd,
    failover_cmd,
    parked_cmd,
    held_cmd,
    conflicts_cmd,
    filestore_cmd,
    demo_cmd,
)


class _Parser(ArgumentParser):
    """A parser, also of each command, that takes the common options and reports errors as the rest does."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - argparse passes what it likes
        super().__init__(allow_abbrev=False, **options)
        self.add_argument(
            "-c",
            "--config",
            metavar="FILE",
            default=SUPPRESS,  # a default here would wipe out what was given before the command
            help="the configuration file (default: the environment variable UCREPL_CONFIG)",
        )

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"`{self.prog} --help` shows the usage")


def build_parser() -> ArgumentParser:
    """The parser of the whole command line."""
    codes = "\n".join(f"  {code.value:<5}{code.meaning}" for code in Exit)
    parser = _Parser(
        prog="ucrepl",
        description="Keeps Odoo databases in step.",
        epilog=f"exit codes:\n{codes}\n\nUCREPL_DEBUG=1 shows the traceback of an error.",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ucrepl {ucrepl.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and give its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    try:
        return _run(argv)
    except BrokenPipeError:
        # the reader has gone (`ucrepl … | head`): say nothing more, also not when Python flushes at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.BROKEN_PIPE
    except KeyboardInterrupt:
        talk("interrupted")
        return Exit.INTERRUPTED
    except UcreplError as error:
        _show_traceback()
        print_error(error.message, error.hint)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last safety: no traceback for the user
        from ucrepl.dsn import redact

        debug = _show_traceback()
        what = redact(" ".join(str(error).split()))
        hint = "this is a bug; please report it" + ("" if debug else ", with what UCREPL_DEBUG=1 shows")
        print_error(f"unexpected {type(error).__name__}: {what}", hint)
        return Exit.BUG


def _run(argv: Sequence[str] | None) -> int:
    try:
        args = build_parser().parse_args(argv)
        code: int = args.run(args)
    finally:
        sys.stdout.flush()
    return int(code)


def _show_traceback() -> bool:
    wanted = os.environ.get("UCREPL_DEBUG", "") not in ("", "0")
    if wanted:
        traceback.print_exc()
    return wanted
