"""`ucrepl filestore sync|parked|retry`: the files of attachments."""

from argparse import Namespace, _SubParsersAction
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ucrepl.cli import load
from ucrepl.cli.choose import add_link, link_named, links_named
from ucrepl.cli.output import print_json, print_table, progress, talk
from ucrepl.cli.targets import collect
from ucrepl.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ucrepl.config import Config, Link

COLUMNS = ("link", "file", "reason", "message", "attempts", "parked_at")
_FINDING = ("link", "file", "what", "message")
_SHOWN = 100


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `filestore`."""
    parser = subparsers.add_parser("filestore", help="the files of attachments: copy them all, look at parked ones")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    sync = actions.add_parser(
        "sync",
        help="copy all files that the target has not",
        description="Copies all files to which attachments of the source refer and which the target has not. It can be"
        " interrupted, and goes on where it was when it is run again. Exit code 3: some could not be copied.",
    )
    add_link(sync)
    sync.add_argument(
        "--known", action="store_true", help="after seed --where: only the files of attachments that the target has"
    )
    parked = actions.add_parser("parked", help="list the files that could not be brought")
    retry = actions.add_parser("retry", help="try them again; a daemon may be running")
    for action in (parked, retry):
        add_link(action, default="all")
    for action in (sync, parked, retry):
        action.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Do what `args.action` says."""
    config = load(args)
    return {"sync": _sync, "parked": _parked, "retry": _retry}[args.action](args, config)


def _sync(args: Namespace, config: "Config") -> int:
    from ucrepl.link.files.sync import sync_files
    from ucrepl.link.nodes import Nodes, explained
    from ucrepl.link.words import counted

    link = link_named(config, args.link)
    with Nodes(config, f"filestore {link.name}") as nodes, progress(link.name) as show, explained(link.target):
        synced = sync_files(config, link, nodes, show, known=args.known)
    if args.json:
        print_json(synced)
    talk(
        f"{link.name}: {counted(synced.files, 'file')}, {synced.copied:,} copied ({synced.bytes:,} bytes),"
        f" {synced.present:,} were there"
    )
    if not synced.parked:
        return Exit.OK
    why = next(iter(synced.parked.values()))
    talk(f"{link.name}: {counted(len(synced.parked), 'file')} could not be copied: {why}")
    return Exit.PARKED


def _parked(args: Namespace, config: "Config") -> int:
    from ucrepl.link.files.parked import parked_files
    from ucrepl.link.nodes import Nodes

    link = link_named(config, args.link) if args.link else None
    name = link.name if link else None
    with Nodes(config, "filestore parked") as nodes:
        found, code = collect(nodes, link, lambda c: parked_files(c, name), tolerant=True)
    rows = [asdict(file) for _, file in found]
    if args.json:
        print_json({"parked": rows})
    elif rows:
        print_table(rows, COLUMNS)
    elif code == Exit.OK:
        talk("no file is parked")
    return code


def _retry(args: Namespace, config: "Config") -> int:
    from ucrepl.link.files.courier import courier_of
    from ucrepl.link.nodes import Nodes, explained
    from ucrepl.link.setup import preview_link
    from ucrepl.link.words import counted

    came, parked = 0, 0
    for link in links_named(config, args.link):
        with Nodes(config, f"filestore {link.name}") as nodes, explained(link.target):
            opened = preview_link(config, link, nodes.get(link.source), nodes.get(link.target))
            if courier := courier_of(opened.target, opened.plan, opened.link_id, opened.route):
                came += courier.retry()
                parked += len(courier.carried.parked)
    if args.json:
        print_json({"came": came, "parked": parked})
    talk(f"{counted(came, 'file')} came, {parked:,} still parked" if came or parked else "no file is parked")
    return Exit.PARKED if parked else Exit.OK


def verify_files_of(config: "Config", links: "Sequence[Link]", *, as_json: bool, named: bool) -> int:
    """Compares the files of the targets that have a filestore on this host; of a link that was named it must have one.

    Prints what is wrong. Raises UsageError where there is nothing to look at.
    """
    from ucrepl.link.files.verify import verify_files
    from ucrepl.link.node import identify
    from ucrepl.link.nodes import Nodes, explained
    from ucrepl.link.words import counted

    reports = []
    with Nodes(config, "verify files") as nodes:
        for link in links:
            root = config.nodes[link.target].filestore
            if root is None:
                if named:
                    raise UsageError(_without(link.target), "run it where the filestore is, and give the node its key")
                talk(f"{link.name}: not compared: {_without(link.target)}")
                continue
            with explained(link.target), progress(link.name) as show:
                identify(nodes.get(link.target), link.target)
                reports.append(verify_files(link.name, nodes.get(link.target), root, show))
    if not reports:
        message = "no node to which a link leads has a 'filestore' in this configuration"
        raise UsageError(message, "run it where the filestore is, and give the node its key")
    if as_json:
        print_json({"links": reports})
    for report in reports:
        if report.findings and not as_json:
            print_table([{"link": report.link, **asdict(f)} for f in report.findings[:_SHOWN]], _FINDING)
            if len(report.findings) > _SHOWN:
                talk(f"{len(report.findings) - _SHOWN:,} more: --json shows all")
        talk(f"{report.link}: {counted(report.files, 'file')} compared, {len(report.findings):,} differ")
    return Exit.FINDING if any(report.findings for report in reports) else Exit.OK


def _without(node: str) -> str:
    return f"node {node!r} has no 'filestore' in this configuration"
