"""`ucrepl demo`: see it work, on two throw-away databases."""

from argparse import Namespace, _SubParsersAction
from typing import Any

from ucrepl.cli.output import print_text
from ucrepl.errors import Exit


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `demo`."""
    parser = subparsers.add_parser(
        "demo",
        help="show two throw-away databases being kept in step",
        description="Starts two PostgreSQL servers with a small Odoo-shaped database each, links them both ways, works"
        " on both, stops one, provokes a conflict, and compares both sides in the end: exit code 1 if they differ."
        " It needs no configuration and leaves nothing behind.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--keep", action="store_true", help="leave servers and daemon running, and say how to look around"
    )


def run(args: Namespace) -> int:
    """Play the demo."""
    from rich.console import Console

    from ucrepl.demo.perform import perform

    equal = perform(Console(highlight=False), print_text, keep=args.keep)
    return Exit.OK if equal else Exit.FINDING
