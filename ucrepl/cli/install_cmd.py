"""`ucrepl install` and `ucrepl uninstall`: the schema and the triggers on the nodes."""

from argparse import Namespace, _SubParsersAction
from typing import TYPE_CHECKING, Any

from ucrepl.cli import load
from ucrepl.cli.choose import nodes_named
from ucrepl.cli.output import print_text, progress, talk
from ucrepl.errors import Exit, UcreplError

if TYPE_CHECKING:
    from ucrepl.config import Config
    from ucrepl.link.install import Installed
    from ucrepl.link.nodes import Nodes


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `install` and `uninstall`."""
    install = subparsers.add_parser(
        "install",
        help="put the schema and the triggers on the nodes, or bring them up to date",
        description="Puts the schema 'ucrepl' and the triggers on the nodes, or brings them up to date. The nodes may"
        " be in use: each table is locked for a moment only. What is there already stays.",
    )
    install.set_defaults(run=run)
    install.add_argument("--print", action="store_true", dest="only_print", help="print the SQL and run nothing")
    uninstall = subparsers.add_parser(
        "uninstall",
        help="take the schema and the triggers off the nodes",
        description="Takes triggers and schema off the nodes and leaves nothing behind. Pairs of ids, positions and the"
        " journal are lost.",
    )
    uninstall.set_defaults(run=run_uninstall)
    uninstall.add_argument("--force", action="store_true", help="also when parked changes are lost with it")
    for parser in (install, uninstall):
        parser.add_argument("nodes", metavar="NODE", nargs="*", help="the nodes (default: all of the configuration)")


def run(args: Namespace) -> int:
    """Install on the nodes, one after the other, or print how."""
    from ucrepl.link.install import install_node
    from ucrepl.link.nodes import Nodes, explained
    from ucrepl.link.numbers.tend import tend_numbers
    from ucrepl.link.script import install_script

    config = load(args)
    with Nodes(config, "install") as nodes:
        for name in nodes_named(config, args.nodes):
            connection = nodes.get(name)
            if args.only_print:
                with explained(name):
                    text = install_script(connection, name, config)
                print_text(text or f"-- node {name}: nothing to do")
                continue
            with explained(name), progress(f"{name}: tables") as show:
                installed = install_node(connection, name, config, progress=lambda done, total: show(done, total, ""))
                tend_numbers(config, name, connection)
            _report(name, installed)
        if not args.only_print:
            _tend_ids(config, nodes, nodes_named(config, args.nodes))
    return Exit.OK


def _tend_ids(config: "Config", nodes: "Nodes", names: list[str]) -> None:
    """Interleaves the sequences of new tables on nodes that share ids."""
    from ucrepl.link.ids.tend import tend_ids
    from ucrepl.link.words import counted

    try:
        done = tend_ids(config, names, nodes)
    except UcreplError as error:
        talk(
            f"ids: {error.message}\nHINT: the daemon interleaves the sequences of new tables; or run: ucrepl ids share"
        )
        return
    if done:
        talk(f"ids: {counted(len(done), 'sequence')} interleaved")


def run_uninstall(args: Namespace) -> int:
    """Uninstall from the nodes."""
    from ucrepl.link.nodes import Nodes
    from ucrepl.link.uninstall import uninstall
    from ucrepl.link.words import counted

    config = load(args)
    with Nodes(config, "uninstall") as nodes:
        done = uninstall(config, nodes, nodes_named(config, args.nodes), force=args.force)
    for away in done.away:
        talk(
            f"{away.node}: {away.peer!r} can't be asked for its document numbers; those of {away.node!r} go on"
            f" {away.margin} above the last ones known\nHINT: look at the counters before {away.node!r} is used again"
        )
    for name, released in done.released.items():
        told = "not installed" if released is None else f"{counted(released, 'table')} released, nothing is left"
        talk(f"{name}: {told}")
    return Exit.OK


def _report(name: str, installed: "Installed") -> None:
    from ucrepl.link.words import counted, listed

    made = f"triggers made on {installed.made} of them" if installed.made else "all triggers were there"
    talk(f"{name}: {counted(installed.tracked, 'table')} tracked, {made}")
    without = installed.without_key
    if without:
        talk(
            f"{name}: {counted(len(without), 'table')} without a key, so that their changes are not captured:"
            f" {listed(without)}\n"
            "HINT: give them a primary key, or a unique index over columns that are NOT NULL, then run:"
            f" ucrepl install {name}"
        )
