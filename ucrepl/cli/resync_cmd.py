"""`ucrepl resync LINK TABLE`: one table again, from scratch, while the rest goes on."""

from argparse import Namespace, _SubParsersAction
from typing import Any

from ucrepl.cli import load
from ucrepl.cli.choose import add_link, link_named
from ucrepl.cli.output import talk
from ucrepl.errors import Exit


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `resync`."""
    parser = subparsers.add_parser(
        "resync",
        help="bring one table of the target to the state of the source",
        description="Brings one table of the target to the state of the source, whatever it holds, while the daemon"
        " goes on with the link: all rows are compared, and those that differ are applied anew. Exit code 1 if a row"
        " was refused.",
    )
    parser.set_defaults(run=run)
    add_link(parser)
    parser.add_argument("table", metavar="TABLE", help="the table")


def run(args: Namespace) -> int:
    """Resync the table."""
    from ucrepl.link.nodes import Nodes
    from ucrepl.link.resync import resync
    from ucrepl.link.words import counted

    config = load(args)
    link = link_named(config, args.link)
    with Nodes(config, f"resync {link.name}") as nodes:
        done = resync(config, link, args.table, nodes)
    report = done.report
    talk(
        f"{link.name}: {counted(report.source_rows, 'row')} of {report.table} compared,"
        f" {report.differs:,} differed, {report.mended:,} mended"
    )
    if done.settled:
        talk(f"{link.name}: {counted(done.settled, 'parked change')} settled by that")
    if report.files or report.files_parked:
        parked = f", {report.files_parked:,} parked: ucrepl filestore parked" if report.files_parked else ""
        talk(f"{link.name}: {counted(report.files, 'file')} brought{parked}")
    if report.failed:
        talk(
            f"{link.name}: {counted(report.failed, 'row')} refused\n"
            f"HINT: see why with: ucrepl verify '{link.name}' --table {report.table} --repair"
        )
        return Exit.FINDING
    return Exit.OK
