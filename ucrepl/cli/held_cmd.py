"""`ucrepl held list | drop`: changes of tables and columns that the target has not."""

from argparse import Namespace, _SubParsersAction
from typing import TYPE_CHECKING, Any

from ucrepl.cli import load
from ucrepl.cli.choose import add_link, link_named, links_named
from ucrepl.cli.output import print_json, print_table, talk
from ucrepl.cli.targets import collect
from ucrepl.errors import Exit, UsageError

if TYPE_CHECKING:
    from ucrepl.link.held.tell import HeldTable
    from ucrepl.link.nodes import Nodes

COLUMNS = ("link", "table", "rows", "columns", "since")


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `held` and what can be done with it."""
    parser = subparsers.add_parser(
        "held",
        help="look at the changes for which the target has no table or no column yet, or give them up",
        description="A change of a table that the target has not is held on the target until the table is there, and"
        " so are values of columns. They are applied then by themselves.",
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list the tables, with how many of their rows, and why")
    listing.add_argument("link", metavar="LINK", nargs="?", help="of this link only, in quotes: 'turin->milan'")
    drop = actions.add_parser("drop", help="give them up; they count as skipped")
    add_link(drop)
    drop.add_argument("--table", metavar="T", action="append", help="of this table; may be given several times")
    drop.add_argument("--all", action="store_true", help="of all tables")
    for action in (listing, drop):
        action.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: Namespace) -> int:
    """Do what `args.action` says."""
    from ucrepl.link.nodes import Nodes

    config = load(args)
    with Nodes(config, f"held {args.action}") as nodes:
        return _list(args, nodes) if args.action == "list" else _drop(args, nodes)


def _list(args: Namespace, nodes: "Nodes") -> int:
    from ucrepl.link.held.tell import HINT, held_tables, reasons

    link = link_named(nodes.config, args.link) if args.link else None
    found, code = collect(nodes, link, lambda c: held_tables(c, link.name if link else None), tolerant=True)
    tables = [table for _, table in found]
    because = []
    for of_link in links_named(nodes.config, args.link) if tables else ():
        mine = [table for table in tables if table.link == of_link.name]
        if mine:
            of_mine = reasons(mine, of_link, nodes.get(of_link.source), nodes.get(of_link.target))
            because += [f"{of_link.name}: {reason}" for reason in of_mine]
    if args.json:
        print_json({"held": [_as_dict(table) for table in tables], "because": because})
        return code
    if tables:
        print_table([_as_dict(table) for table in tables], COLUMNS)
        talk("\n".join([*because, f"HINT: {HINT}; or give them up: ucrepl held drop LINK --table T"]))
    elif code == Exit.OK:
        talk("nothing is held")
    return code


def _drop(args: Namespace, nodes: "Nodes") -> int:
    from ucrepl.config.problems import did_you_mean
    from ucrepl.link.held.tell import drop, held_tables
    from ucrepl.link.words import counted

    link = link_named(nodes.config, args.link)
    if args.all == bool(args.table):
        raise UsageError(
            "say what to give up: either --table, or --all", f"to see what there is: ucrepl held list '{link.name}'"
        )
    found, _ = collect(nodes, link, lambda c: held_tables(c, link.name))
    names = [table.name for _, table in found]
    chosen = [table for _, table in found if args.all or table.name in args.table]
    for name in args.table or ():
        if name not in names:
            raise UsageError(f"nothing is held of the table {name!r}", did_you_mean(name, names))
    dropped = drop(nodes.get(link.target), chosen) if chosen else 0
    if args.json:
        print_json({"dropped": dropped})
    talk(f"{link.name}: {counted(dropped, 'held change')} given up")
    return Exit.OK


def _as_dict(table: "HeldTable") -> dict[str, object]:
    return {
        "link": table.link,
        "table": table.name,
        "rows": table.rows,
        "columns": None if table.whole else table.columns,
        "since": table.since,
    }
