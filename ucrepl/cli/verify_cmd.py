"""`ucrepl verify [LINK]`: compares both sides of a link, and mends what differs."""

from argparse import Namespace, _SubParsersAction
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ucrepl.cli import load
from ucrepl.cli.choose import add_link, links_named
from ucrepl.cli.filestore_cmd import verify_files_of
from ucrepl.cli.output import print_json, print_table, print_text, progress, talk
from ucrepl.errors import Exit, UsageError

if TYPE_CHECKING:
    from ucrepl.config import Link
    from ucrepl.link.nodes import Nodes
    from ucrepl.link.verify import TableReport

COLUMNS = ("table", "source_rows", "target_rows", "own", "missing", "extra", "different", "lagging")
"""What is always shown of a table; the others only where one of them is not zero."""

_SOMETIMES = (
    *("held", "parked", "left_out", "protected_columns", "skipped_columns"),
    *("mended", "failed", "files", "files_parked"),
)
_SHOWN = 1000


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `verify`."""
    parser = subparsers.add_parser(
        "verify",
        help="compare both sides of a link, row by row, while they are in use",
        description="Compares all rows of both sides through the identity map. Rows that are only late are looked at"
        " again. Exit code 1 if anything differs. --repair takes the source's rows to the target where they differ;"
        " rows that the target has too much are deleted only where no link leads back.",
    )
    parser.set_defaults(run=run)
    add_link(parser, default="all")
    parser.add_argument("--table", metavar="T", action="append", help="only this table; may be given several times")
    parser.add_argument("--show", action="store_true", help="show the rows that differ, and their columns")
    parser.add_argument(
        "--limit", metavar="N", type=int, default=_SHOWN, help=f"show so many rows of a table (default: {_SHOWN})"
    )
    parser.add_argument(
        "--known", action="store_true", help="after seed --where: rows that the target does not know are no difference"
    )
    parser.add_argument("--repair", action="store_true", help="mend what differs")
    parser.add_argument("--print", action="store_true", help="with --repair: only show what it would do")
    parser.add_argument("--files", action="store_true", help="look at the files of the target's attachments instead")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: Namespace) -> int:
    """Compare the links, and repair them if that is asked for."""
    from ucrepl.link.nodes import Nodes

    if args.print and not args.repair:
        raise UsageError("--print shows what --repair would do", "add --repair; to see what differs: --show")
    if args.limit < 1:
        raise UsageError(f"--limit {args.limit} shows nothing", "give a number from 1 on")
    if args.files and (args.table or args.show or args.known or args.repair):
        message = "--files looks at files, not at rows"
        raise UsageError(message, "leave the other options out; what is missing comes with: ucrepl filestore sync LINK")
    config = load(args)
    links = links_named(config, args.link)
    if args.files:
        return verify_files_of(config, links, as_json=args.json, named=bool(args.link))
    found: list[tuple[Link, list[TableReport]]] = []
    with Nodes(config, "verify") as nodes:
        for link in links:
            reports = _verify(args, nodes, link)
            found.append((link, reports))
            if not args.json:
                _print(args, link, reports)
    if args.json:
        print_json(
            {"links": [{"link": link.name, "tables": [_as_dict(r) for r in reports]} for link, reports in found]}
        )
    return Exit.FINDING if any(r.differs > r.mended for _, reports in found for r in reports) else Exit.OK


def _verify(args: Namespace, nodes: "Nodes", link: "Link") -> "list[TableReport]":
    from ucrepl.link.verify import Options, verify_link

    options = Options(
        tables=args.table,
        shown=args.limit if args.show or args.repair else 0,
        repair=args.repair and not args.print,
        known=args.known,
    )
    with progress(link.name) as show:
        return verify_link(nodes.config, link, nodes, options, progress=show)


def _print(args: Namespace, link: "Link", reports: "list[TableReport]") -> None:
    compared = [r for r in reports if r.not_compared is None]
    shown = compared if args.table else [r for r in compared if _is_notable(r)]
    if shown:
        rows = [asdict(r) for r in shown]
        print_text(f"{link.name}:")
        print_table(rows, [*COLUMNS, *(name for name in _SOMETIMES if any(row[name] for row in rows))])
    if args.show or args.repair:
        lines = [line for report in compared for line in _lines(args, report)]
        if lines:
            print_text("")
            print_table(lines, _columns(args))
    _talk(args, link, reports)


def _is_notable(report: "TableReport") -> bool:
    return any((report.differs, report.lagging, report.held, report.own, report.left_out))


def _columns(args: Namespace) -> list[str]:
    columns = ["table", "key", "local_key", "what"]
    if args.repair:
        columns.append("action")
        if not args.print:
            columns.append("outcome")
    return [*columns, "column", "source", "target"] if args.show else columns


def _lines(args: Namespace, report: "TableReport") -> Iterator[dict[str, object]]:
    """A line for each row; with --show one for each of its columns that differ."""
    for row in report.rows:
        line: dict[str, object] = {
            "table": report.table,
            "key": row.key,
            "local_key": row.local_key,
            "what": f"{row.kind}, parked" if row.parked else row.kind,
            "action": row.action,
            "outcome": row.outcome,
        }
        if not args.show or not row.columns:
            yield line
            continue
        for column in row.columns:
            yield {**line, "column": column.column, "source": column.source, "target": column.target}


def _talk(args: Namespace, link: "Link", reports: "list[TableReport]") -> None:
    """What was compared, in a sentence, and what to do about it."""
    from ucrepl.link.words import counted, listed

    compared = [r for r in reports if r.not_compared is None]
    rows, differing = sum(r.source_rows for r in compared), sum(r.differs for r in compared)
    mended, lagging = sum(r.mended for r in compared), sum(r.lagging for r in compared)
    talk(
        f"{link.name}: {counted(rows, 'row')} of {counted(len(compared), 'table')} compared, {differing:,} differ"
        + (f", {mended:,} mended" if args.repair and not args.print else "")
    )
    if parked := sum(r.files_parked for r in compared):
        talk(f"{link.name}: {counted(parked, 'file')} could not be brought: ucrepl filestore parked '{link.name}'")
    if omitted := [r.table for r in reports if r.not_compared]:
        talk(f"{link.name}: not compared: {listed(omitted)}")
    if held := sum(r.held for r in reports):
        talk(f"{link.name}: {counted(held, 'row')} held back, which is no difference: ucrepl held list '{link.name}'")
    if lagging:
        talk(
            f"{link.name}: {counted(lagging, 'row')} may only be late: changes of them wait to be replayed\n"
            "HINT: see that the daemon runs (ucrepl status), then compare again"
        )
    hidden = sum(r.differs - len(r.rows) for r in compared if r.differs)
    if hidden and (args.show or args.repair):
        talk(f"{hidden:,} more: --limit {max(r.differs for r in compared)}")
    elif differing and not args.show and not args.repair:
        talk(
            f"HINT: to see them: ucrepl verify '{link.name}' --show; to mend them: ucrepl verify '{link.name}' --repair"
        )
    if args.repair and any(row.action == "leave" for r in compared for row in r.rows):
        talk(
            f"{link.name}: extra rows are left alone: they may have been made on {link.target!r}\n"
            f"HINT: to bring them to {link.source!r}: ucrepl verify '{link.target}->{link.source}' --repair"
        )


def _as_dict(report: "TableReport") -> dict[str, Any]:
    return asdict(report)
