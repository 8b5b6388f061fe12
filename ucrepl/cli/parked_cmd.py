"""`ucrepl parked list | show | retry | skip`: the changes that could not be applied."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from typing import TYPE_CHECKING, Any

from ucrepl.cli import load
from ucrepl.cli.choose import link_named
from ucrepl.cli.output import print_json, print_record, print_table, print_text, talk
from ucrepl.cli.targets import by_ids, collect
from ucrepl.errors import Exit, UsageError

if TYPE_CHECKING:
    from ucrepl.config import Config, Link
    from ucrepl.link.nodes import Nodes
    from ucrepl.link.parked import Image, ParkedChange

COLUMNS = ("id", "link", "table", "operation", "key", "reason", "attempts", "parked_at", "message")
_WHAT = ("parked change", "ucrepl parked list")
_LIMIT = 1000


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `parked` and what can be done with it."""
    parser = subparsers.add_parser(
        "parked",
        help="look at the changes that could not be applied, try them again, or give them up",
        description="A change that can't be applied is parked with its reason; later changes of the same record queue"
        " behind it, and all others go on.",
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list them")
    listing.add_argument("link", metavar="LINK", nargs="?", help="of this link only, in quotes: 'turin->milan'")
    listing.add_argument(
        "--limit", metavar="N", type=int, default=_LIMIT, help=f"at the most so many of each node (default: {_LIMIT})"
    )
    show = actions.add_parser("show", help="show one with its images, and what to do")
    show.add_argument("id", metavar="ID", type=int)
    retry = actions.add_parser("retry", help="try them again; a daemon may be running")
    retry.add_argument("ids", metavar="ID", type=int, nargs="*")
    retry.add_argument("--all", action="store_true", help="all that are parked, or all of the link")
    skip = actions.add_parser("skip", help="give them up; they stay in the database and count as skipped")
    skip.add_argument("ids", metavar="ID", type=int, nargs="+")
    for action in (show, retry, skip):
        _add_link(action)
    for action in (listing, show, retry, skip):
        action.add_argument("--json", action="store_true", help="print the result as JSON")


def _add_link(parser: ArgumentParser) -> None:
    parser.add_argument("--link", metavar="LINK", help="the link to which they belong, in quotes: 'turin->milan'")


def run(args: Namespace) -> int:
    """Do what `args.action` says."""
    from ucrepl.link.nodes import Nodes

    config = load(args)
    link = link_named(config, args.link) if args.link else None
    action = {"list": _list, "show": _show, "retry": _retry, "skip": _skip}[args.action]
    with Nodes(config, f"parked {args.action}") as nodes:
        return action(args, nodes, link)


def _list(args: Namespace, nodes: "Nodes", link: "Link | None") -> int:
    from ucrepl.link.parked import parked_changes

    if args.limit < 1:
        raise UsageError(f"--limit {args.limit} shows nothing", "give a number from 1 on")
    name = link.name if link else None
    found, code = collect(nodes, link, lambda c: parked_changes(c, link=name, limit=args.limit), tolerant=True)
    total = sum({node: change.total for node, change in found}.values())
    if args.json:
        print_json({"parked": [_as_dict(change) for _, change in found], "total": total})
        return code
    if found:
        print_table([_as_dict(change) for _, change in found], COLUMNS)
    elif code == Exit.OK:
        talk("nothing is parked")
    if total > len(found):
        talk(f"{total - len(found):,} more: ucrepl parked list --limit {total}")
    return code


def _show(args: Namespace, nodes: "Nodes", link: "Link | None") -> int:
    from ucrepl.link.nodes import explained
    from ucrepl.link.parked import images

    ((node, change),) = _chosen(nodes, link, [args.id])
    with explained(node):
        old, new = images(nodes.get(node), change.id)
    record = _as_dict(change)
    if change.skipped_at:
        record["skipped_at"] = change.skipped_at
    what_to_do = None if change.skipped_at else change.what_to_do
    if args.json:
        print_json({**record, "old": old, "new": new, "what_to_do": what_to_do})
        return Exit.OK
    print_record(record)
    if old or new:
        print_text("")
        sides = [side for side, image in (("old", old), ("new", new)) if image is not None]
        print_table(_side_by_side(old, new), ["column", *sides])
    if what_to_do:
        talk(f"\nHINT: {what_to_do}\n      ucrepl parked retry {change.id}\n      ucrepl parked skip {change.id}")
    return Exit.OK


def _side_by_side(old: "Image | None", new: "Image | None") -> "list[Image]":
    columns = dict.fromkeys([*(new or ()), *(old or ())])
    return [{"column": c, "old": (old or {}).get(c), "new": (new or {}).get(c)} for c in columns]


def _retry(args: Namespace, nodes: "Nodes", link: "Link | None") -> int:
    from ucrepl.link.parked import parked_changes, retry

    if args.all == bool(args.ids):
        raise UsageError(
            "say which changes to try again: either their ids, or --all", "to see them: ucrepl parked list"
        )
    name = link.name if link else None
    changes = (
        [change for _, change in collect(nodes, link, lambda c: parked_changes(c, link=name))[0]]
        if args.all
        else _still_parked(_chosen(nodes, link, args.ids))
    )
    again: list[ParkedChange] = []
    for of_link in _links(nodes.config, changes):
        mine = [change for change in changes if change.link == of_link.name]
        if ids := retry(nodes, of_link, mine, everything=args.all):
            again += [change for _, change in _chosen(nodes, of_link, ids)]
    if args.json:
        print_json({"tried": len(changes), "parked": [_as_dict(change) for change in again]})
    elif again:
        print_table(map(_as_dict, again), COLUMNS)
    talk(f"{len(changes):,} tried again, {len(again):,} still parked" if changes else "nothing is parked")
    return Exit.PARKED if again else Exit.OK


def _skip(args: Namespace, nodes: "Nodes", link: "Link | None") -> int:
    from ucrepl.link.nodes import explained
    from ucrepl.link.parked import skip

    found = _chosen(nodes, link, args.ids)
    _still_parked(found)
    skipped, behind = [], []
    for node in dict.fromkeys(node for node, _ in found):
        with explained(node):
            gone, waiting = skip(nodes.get(node), [change.id for n, change in found if n == node])
        skipped += gone
        behind += waiting
    if args.json:
        print_json({"skipped": skipped, "queued_behind": behind})
    talk(f"{len(skipped):,} skipped")
    if behind:
        ids = " ".join(map(str, behind))
        talk(f"later changes of the same records are parked, too: {ids}\nHINT: try them: ucrepl parked retry {ids}")
    return Exit.OK


def _chosen(nodes: "Nodes", link: "Link | None", ids: list[int]) -> "list[tuple[str, ParkedChange]]":
    from ucrepl.link.parked import parked_changes

    name = link.name if link else None
    return by_ids(nodes, link, ids, lambda c: parked_changes(c, link=name, ids=ids), _WHAT)


def _still_parked(found: "list[tuple[str, ParkedChange]]") -> "list[ParkedChange]":
    for _, change in found:
        if change.skipped_at:
            raise UsageError(
                f"the parked change {change.id!r} was skipped on {change.skipped_at:%Y-%m-%d %H:%M} UTC",
                "to see what is parked: ucrepl parked list",
            )
    return [change for _, change in found]


def _links(config: "Config", changes: "list[ParkedChange]") -> "list[Link]":
    return [config.link(name) for name in dict.fromkeys(change.link for change in changes)]


def _as_dict(change: "ParkedChange") -> dict[str, object]:
    return {
        "id": change.id,
        "link": change.link,
        "table": change.table_name,
        "operation": change.operation,
        "key": change.key,
        "reason": change.reason,
        "sqlstate": change.sqlstate,
        "message": change.message,
        "attempts": change.attempts,
        "changed_at": change.changed_at,
        "parked_at": change.parked_at,
    }
