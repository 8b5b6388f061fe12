"""`ucrepl ids`: has clones share their ids, and looks whether they do."""

from argparse import Namespace, _SubParsersAction
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ucrepl.cli import load
from ucrepl.cli.choose import add_links, link_named, links_named
from ucrepl.cli.output import print_json, print_table, progress, talk
from ucrepl.errors import Exit, UsageError

if TYPE_CHECKING:
    from ucrepl.config import Config, Link
    from ucrepl.link.ids.tend import NodeIds
    from ucrepl.link.nodes import Nodes

COLUMNS = ("node", "slot", "slots", "since", "sequences", "wrong")


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `ids` and what can be done with it."""
    parser = subparsers.add_parser(
        "ids",
        help="have clones share their ids: the same id is the same record on all of them",
        description="Has the nodes of links with 'ids: shared' hand out different ids, by interleaving their"
        " sequences, so that a record keeps its id wherever it goes.",
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    share = actions.add_parser(
        "share",
        help="interleave the sequences, or add a node",
        description="Interleaves the sequences of all nodes that the links join. The nodes may be in use, the daemon"
        " must be stopped. Refused, and undone, where an id means different records by now. Again it adds the nodes"
        " that are new, and mends sequences that somebody has changed.",
    )
    share.add_argument("--slots", metavar="N", type=int, help="for how many nodes there is to be room (default: 4)")
    unshare = actions.add_parser(
        "unshare",
        help="take it back: every node hands out all ids again",
        description="Lets the links, with their ways back, map ids again. The daemon must be stopped.",
    )
    status = actions.add_parser(
        "status",
        help="show which ids each node hands out",
        description="Shows the slot of each node, and the sequences that do not keep to it. Exit code 1 if there are"
        " such, or a node has no slot.",
    )
    for action in (share, unshare, status):
        add_links(action, default=None if action is unshare else "all with 'ids: shared'")
        action.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: Namespace) -> int:
    """Do what `args.action` says."""
    from ucrepl.link.nodes import Nodes

    config = load(args)
    action = {"share": _share, "unshare": _unshare, "status": _status}[args.action]
    with Nodes(config, f"ids {args.action}") as nodes:
        return action(args, config, nodes)


def _share(args: Namespace, config: "Config", nodes: "Nodes") -> int:
    from ucrepl.link.ids.share import share_ids
    from ucrepl.link.nodes import explained
    from ucrepl.link.words import counted

    links = _with_shared_ids(config, args.links)
    with progress("sequences") as show, explained(links[0].target):
        shared = share_ids(config, links, nodes, slots=args.slots, progress=lambda done, total: show(done, total, ""))
    for link in shared.links:
        talk(f"{link}: ids are shared")
    talk(f"{counted(len(shared.sequences), 'sequence')} interleaved on {counted(len(shared.slots), 'node')}")
    if shared.paired:
        talk(f"{counted(shared.paired, 'record')} of new tables paired")
    if shared.apart:
        talk(f"{counted(shared.apart, 'record')} whose id is that of another one: they have an id of their own there")
    if args.json:
        return _status(args, config, nodes)
    return Exit.OK


def _unshare(args: Namespace, config: "Config", nodes: "Nodes") -> int:
    from ucrepl.link.ids.share import unshare_ids
    from ucrepl.link.nodes import explained

    links = [link_named(config, name) for name in args.links]
    with explained(links[0].target):
        released = unshare_ids(config, links, nodes)
    for node in released:
        talk(f"{node}: hands out all ids again")
    if not released:
        talk("no node hands out other ids than before")
    talk("HINT: before the daemon starts write 'ids: remap' for these links")
    if args.json:
        print_json({"released": released})
    return Exit.OK


def _status(args: Namespace, config: "Config", nodes: "Nodes") -> int:
    from ucrepl.link.ids.tend import ids_of_nodes
    from ucrepl.link.words import listed

    found = ids_of_nodes(config, _with_shared_ids(config, args.links), nodes)
    if args.json:
        print_json({"nodes": [{**_as_row(n), "wrong": [asdict(count) for count in n.wrong]} for n in found]})
    else:
        print_table([_as_row(of_node) for of_node in found], COLUMNS)
    wrong = [of_node for of_node in found if of_node.wrong]
    for of_node in wrong:
        talk(f"{of_node.node}: not as they should be: {listed([count.sequence for count in of_node.wrong])}")
    if wrong or any(of_node.slot is None for of_node in found):
        talk("HINT: a running daemon mends that within a minute, where ids were shared before; else: ucrepl ids share")
        return Exit.FINDING
    return Exit.OK


def _as_row(of_node: "NodeIds") -> dict[str, object]:
    slot = asdict(of_node.slot) if of_node.slot else dict.fromkeys(("slot", "slots", "since"))
    return {"node": of_node.node, **slot, "sequences": of_node.sequences, "wrong": len(of_node.wrong)}


def _with_shared_ids(config: "Config", names: list[str]) -> "list[Link]":
    """The links with these names, or all that share ids. Raises UsageError for one that does not."""
    links = [link_named(config, name) for name in names] or [
        link for link in links_named(config, None) if link.ids == "shared"
    ]
    for link in links:
        if link.ids != "shared":
            message = f"the configuration says 'ids: {link.ids}' for link {link.name!r}"
            raise UsageError(message, "write 'ids: shared' there, and for its way back")
    if not links:
        message = "no link has 'ids: shared'"
        raise UsageError(message, "write that for links between clones; for other databases ids are mapped")
    return links
