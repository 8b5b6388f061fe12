"""`ucrepl conflicts list | show`: where both sides changed the same, and who won."""

from argparse import Namespace, _SubParsersAction
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ucrepl.cli import load
from ucrepl.cli.choose import link_named
from ucrepl.cli.output import print_json, print_record, print_table, talk
from ucrepl.cli.targets import by_ids, collect
from ucrepl.errors import Exit, UsageError

if TYPE_CHECKING:
    from ucrepl.config import Link
    from ucrepl.link.conflicts import Conflict
    from ucrepl.link.nodes import Nodes

COLUMNS = ("id", "link", "kind", "table", "local_key", "column", "source_value", "target_value", "winner", "logged_at")
_WHAT = ("conflict", "ucrepl conflicts list")
_LIMIT = 50


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `conflicts` and what can be done with it."""
    parser = subparsers.add_parser(
        "conflicts",
        help="look at the conflicts: where both sides changed the same, and who won",
        description="A change that finds on the target another value than the one it started from is a conflict. The"
        " policy of the link decides; both values and the winner are logged.",
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list them, the latest first")
    listing.add_argument("link", metavar="LINK", nargs="?", help="of this link only, in quotes: 'turin->milan'")
    listing.add_argument(
        "--limit", metavar="N", type=int, default=_LIMIT, help=f"at the most so many of each node (default: {_LIMIT})"
    )
    show = actions.add_parser("show", help="show one with all values")
    show.add_argument("id", metavar="ID", type=int)
    show.add_argument("--link", metavar="LINK", help="the link to which it belongs, in quotes: 'turin->milan'")
    for action in (listing, show):
        action.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: Namespace) -> int:
    """Do what `args.action` says."""
    from ucrepl.link.nodes import Nodes

    config = load(args)
    link = link_named(config, args.link) if args.link else None
    with Nodes(config, f"conflicts {args.action}") as nodes:
        return _list(args, nodes, link) if args.action == "list" else _show(args, nodes, link)


def _list(args: Namespace, nodes: "Nodes", link: "Link | None") -> int:
    from ucrepl.link.conflicts import conflicts

    if args.limit < 1:
        raise UsageError(f"--limit {args.limit} shows nothing", "give a number from 1 on")
    name = link.name if link else None
    found, code = collect(nodes, link, lambda c: conflicts(c, link=name, limit=args.limit), tolerant=True)
    total = sum({node: conflict.total for node, conflict in found}.values())
    if args.json:
        print_json({"conflicts": [_as_dict(conflict) for _, conflict in found], "total": total})
        return code
    if found:
        print_table([_as_dict(conflict) for _, conflict in found], COLUMNS)
    elif code == Exit.OK:
        talk("there are no conflicts")
    if total > len(found):
        talk(f"{total - len(found):,} older ones: ucrepl conflicts list --limit {total}")
    return code


def _show(args: Namespace, nodes: "Nodes", link: "Link | None") -> int:
    from ucrepl.link.conflicts import conflicts

    name = link.name if link else None
    ((_, conflict),) = by_ids(nodes, link, [args.id], lambda c: conflicts(c, link=name, ids=[args.id]), _WHAT)
    if args.json:
        print_json(_as_dict(conflict))
    else:
        print_record(_as_dict(conflict))
    return Exit.OK


def _as_dict(conflict: "Conflict") -> dict[str, object]:
    values = asdict(conflict)
    del values["total"]
    names = {"table_name": "table", "column_name": "column"}
    return {names.get(name, name): value for name, value in values.items()}
