"""`ucrepl pause LINK` and `ucrepl resume LINK`."""

from argparse import Namespace, _SubParsersAction
from typing import Any

from ucrepl.cli import load
from ucrepl.cli.choose import add_link, link_named
from ucrepl.cli.output import talk
from ucrepl.errors import Exit


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `pause` and `resume`."""
    for name, paused, what in (("pause", True, "let a link rest"), ("resume", False, "let a paused link go on")):
        parser = subparsers.add_parser(
            name,
            help=f"{what}; held in the database of its target, so that it outlives the daemon",
            description=f"{what.capitalize()}. This is held in the database of its target and needs no daemon.",
        )
        parser.set_defaults(run=run, paused=paused)
        add_link(parser)


def run(args: Namespace) -> int:
    """Pause the link, or let it go on."""
    from ucrepl.link.nodes import Nodes
    from ucrepl.link.pause import set_paused

    config = load(args)
    link = link_named(config, args.link)
    with Nodes(config, "pause" if args.paused else "resume") as nodes:
        changed = set_paused(nodes, link, paused=args.paused)
    state = "paused" if args.paused else "not paused"
    talk(f"{link.name}: {'now' if changed else 'was'} {state}{'' if changed else ' already'}")
    return Exit.OK
