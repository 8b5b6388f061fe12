"""`ucrepl failover LINK` and `ucrepl rejoin LINK`: when the source of a link is gone, and when it comes back."""

from argparse import Namespace, _SubParsersAction
from typing import Any

from ucrepl.cli import load
from ucrepl.cli.choose import link_named
from ucrepl.cli.output import print_json, talk
from ucrepl.errors import Exit, UsageError


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `failover` and `rejoin`."""
    failover = subparsers.add_parser(
        "failover",
        help="the source of a link is gone: open its target",
        description="Opens the target of a link whose source is gone, with all that it has received, and pauses the"
        " link. Says what may be missing. Refused while the source answers.",
    )
    failover.set_defaults(run=run, action="failover")
    failover.add_argument("--confirm", action="store_true", help="yes, the source is gone")
    rejoin = subparsers.add_parser(
        "rejoin",
        help="the lost source of a link is back: make it a peer again",
        description="After a failover: closes the node that is back, applies what it had not delivered, or parks it"
        " where both sides have changed the same, and has it follow. Exit code 3: changes were parked.",
    )
    rejoin.set_defaults(run=run, action="rejoin")
    for parser in (failover, rejoin):
        parser.add_argument("link", metavar="LINK", help="the link that begins at the lost node: 'turin->milan'")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: Namespace) -> int:
    """Take over, or take the lost node back."""
    from ucrepl.link.cutover.failover import failover, rejoin
    from ucrepl.link.nodes import Nodes, explained

    config = load(args)
    link = link_named(config, args.link)
    if args.action == "failover" and not args.confirm:
        message = f"what {link.source!r} has not delivered may be lost with it"
        raise UsageError(message, "if it is gone for good, add --confirm; if it is there: ucrepl cutover")
    with Nodes(config, args.action, connect_timeout=3) as nodes, explained(link.target):
        report = (failover if args.action == "failover" else rejoin)(link, nodes)
    if args.json:
        print_json(report)
    else:
        talk(f"{link.target}: open" if args.action == "failover" else f"{link.source}: a peer again")
        for note in report["notes"]:
            talk(f"{link.name}: {note}")
    return Exit.PARKED if report.get("parked") else Exit.OK
