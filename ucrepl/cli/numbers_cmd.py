"""`ucrepl numbers`: keeps the document numbers of several nodes apart, and looks whether they are."""

from argparse import Namespace, _SubParsersAction
from typing import TYPE_CHECKING, Any

from ucrepl.cli import load
from ucrepl.cli.choose import add_links, link_named, links_named
from ucrepl.cli.output import print_json, print_table, print_text, progress, talk
from ucrepl.errors import Exit

if TYPE_CHECKING:
    from ucrepl.config import Config, Link
    from ucrepl.link.nodes import Nodes
    from ucrepl.link.numbers.overview import NodeNumbers

COLUMNS = ("node", "kind", "id", "name", "prefix", "date_ranges", "used_by", "kept_apart", "two_writers")


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `numbers` and what can be done with it."""
    parser = subparsers.add_parser(
        "numbers",
        help="keep the document numbers of several nodes apart",
        description="Has the standard ir.sequence of the nodes that links join hand out numbers that never collide.",
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    interleave = actions.add_parser(
        "interleave",
        help="each node hands out other numbers: with two nodes one the even, one the odd ones",
        description="Has each standard sequence count in steps of the number of nodes, and go on above all numbers that"
        " any node has given. The nodes may be in use, the daemon must be stopped. Again it adds new nodes.",
    )
    interleave.add_argument("--slots", metavar="N", type=int, help="for how many nodes there is to be room")
    prefix = actions.add_parser(
        "prefix",
        help="each node writes a prefix of its own ('numbers.prefixes') before its numbers",
        description="Writes the node's prefix before the prefix of each standard sequence. The nodes may be in use, the"
        " daemon must be stopped.",
    )
    undo = actions.add_parser(
        "undo",
        help="take it back: sequences count as before, above all numbers that were given",
        description="Gives steps and prefixes back what they were. The daemon must be stopped.",
    )
    status = actions.add_parser(
        "status",
        help="show what happens with two writers, sequence by sequence and journal by journal",
        description="Shows each ir.sequence and each journal: what happens when two nodes number, and by what that is"
        " prevented. Exit code 1 if something is not as it was set up.",
    )
    for action in (interleave, prefix, undo):
        add_links(action)
        action.add_argument("--print", action="store_true", dest="only_print", help="print the SQL and run nothing")
    add_links(status, default="all")
    status.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: Namespace) -> int:
    """Do what `args.action` says."""
    from ucrepl.link.nodes import Nodes

    config = load(args)
    links = [link_named(config, name) for name in args.links] or links_named(config, None)
    with Nodes(config, f"numbers {args.action}") as nodes:
        return (_status if args.action == "status" else _set)(args, config, links, nodes)


def _set(args: Namespace, config: "Config", links: "list[Link]", nodes: "Nodes") -> int:
    from ucrepl.link.nodes import explained
    from ucrepl.link.numbers.choose import nodes_of
    from ucrepl.link.words import counted

    with explained(links[0].target), nodes_of(config, links, nodes, alone=not args.only_print) as chosen:
        match args.action:
            case "interleave":
                planned = chosen.interleaved(args.slots)
            case "prefix":
                planned = chosen.prefixed(config.numbers.prefixes)
            case _:
                planned = chosen.united()
        if args.only_print:
            changes = chosen.apart.changes(planned)
            print_text("\n".join(f"-- {node}\n{statement.as_string(None)};" for node, statement in changes))
            return Exit.OK
        with progress("sequences") as show:
            done = chosen.apart.run(planned, lambda so_far, total: show(so_far, total, ""))
    for node, numbering in done.nodes.items():
        talk(f"{node}: {numbering or 'numbers as Odoo does by itself'}")
    talk(f"{counted(len(done.sequences), 'sequence')} moved")
    return Exit.OK


def _status(args: Namespace, config: "Config", links: "list[Link]", nodes: "Nodes") -> int:
    from ucrepl.link.numbers.overview import numbers_of_nodes

    found = numbers_of_nodes(config, links, nodes)
    if args.json:
        print_json({"nodes": [_as_dict(of_node) for of_node in found]})
    else:
        print_table([numbered.as_dict() for of_node in found for numbered in of_node.numbered], COLUMNS)
        for of_node in found:
            _tell(of_node)
    return Exit.OK if all(of_node.is_right for of_node in found) else Exit.FINDING


def _tell(of_node: "NodeNumbers") -> None:
    from ucrepl.link.numbers.overview import DUE_HINT
    from ucrepl.link.numbers.report import OPTIONS
    from ucrepl.link.words import counted, listed

    open_kinds = {numbered.kind for numbered in of_node.numbered if not numbered.safe}
    for kind in sorted(open_kinds):
        talk(f"{of_node.node}: {kind} without anything that keeps two writers apart; sound are: {OPTIONS[kind]}")
    if of_node.noted:
        times = counted(of_node.noted, "number")
        talk(f"{of_node.node}: {times} given that another node owns, the last one for {of_node.last_noted!r}")
    if of_node.ranges_due:
        talk(f"{of_node.node}: date ranges that begin soon are not there: {listed(of_node.ranges_due)}")
        talk(f"HINT: {DUE_HINT}")
    if of_node.wrong:
        talk(f"{of_node.node}: they give numbers of other nodes: {listed(of_node.wrong)}")
        talk("HINT: stop the daemon and run again: ucrepl numbers interleave")
    if of_node.triggers:
        talk(f"{of_node.node}: triggers are missing or disabled: {listed(of_node.triggers)}")
        talk(f"HINT: a running daemon mends that within a minute; or run: ucrepl install {of_node.node}")


def _as_dict(of_node: "NodeNumbers") -> dict[str, object]:
    numbering = of_node.numbering
    return {
        "node": of_node.node,
        "way": numbering.way if numbering else None,
        "slot": numbering.slot if numbering else None,
        "slots": numbering.slots if numbering else None,
        "prefix": numbering.prefix if numbering else None,
        "since": numbering.since if numbering else None,
        "numbered": [numbered.as_dict() for numbered in of_node.numbered],
        "wrong": of_node.wrong,
        "triggers": of_node.triggers,
        "noted": of_node.noted,
        "last_noted": of_node.last_noted,
        "ranges_due": of_node.ranges_due,
    }
