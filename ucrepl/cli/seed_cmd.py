"""`ucrepl seed --same-ids [LINK]`: pairs the rows of two clones of one database."""

from argparse import Namespace, _SubParsersAction
from typing import TYPE_CHECKING, Any

from ucrepl.cli import load
from ucrepl.cli.choose import links_named
from ucrepl.cli.output import progress, talk
from ucrepl.errors import Exit, UsageError

if TYPE_CHECKING:
    from ucrepl.config import Config, Link


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `seed`."""
    parser = subparsers.add_parser(
        "seed",
        help="pair the records of two clones of one database",
        description="Pairs all records that have the same id on both ends of a link. It is for two clones of one"
        " database, after `ucrepl install` and before the first `ucrepl run`; both may be in use. It refuses, and pairs"
        " nothing, when records with the same id differ in their keys.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("--same-ids", action="store_true", help="the same id means the same record (required)")
    parser.add_argument(
        "link",
        metavar="LINK",
        nargs="?",
        help="the link, in quotes: 'turin->milan'; its way back is seeded with it (default: all)",
    )


def run(args: Namespace) -> int:
    """Seed the link and its way back, or all links."""
    if not args.same_ids:
        message = "there is no other way to seed a link than --same-ids yet"
        raise UsageError(
            message,
            "for two clones of one database: ucrepl seed --same-ids; two databases with a past of their own are"
            " not seeded, their records are recognised by their keys",
        )
    config = load(args)
    links = links_named(config, args.link)
    if args.link:
        back = [link for link in config.links if (link.source, link.target) == (links[0].target, links[0].source)]
        for link in back:
            talk(f"{links[0].name}: its way back {link.name!r} needs the same pairs and is seeded with it")
        links += back
    for link in links:
        _seed(config, link)
    return Exit.OK


def _seed(config: "Config", link: "Link") -> None:
    from ucrepl.link.lock import held
    from ucrepl.link.node import identify
    from ucrepl.link.nodes import Nodes, explained
    from ucrepl.link.seed.clones import seed_same_ids
    from ucrepl.link.setup import register_link
    from ucrepl.link.words import counted

    with Nodes(config, f"seed {link.name}") as nodes:
        source, target = nodes.get(link.source), nodes.get(link.target)
        with explained(link.source):
            origin = identify(source, link.source)
        with explained(link.target):
            identify(target, link.target)
            _, link_id = register_link(target, link, origin)
            row = target.execute("SELECT seeded_at FROM ucrepl.link WHERE link_id = %s", [link_id]).fetchone()
            if row and row[0]:
                talk(f"{link.name}: seeded already, on {row[0]:%Y-%m-%d %H:%M} UTC")
                return
            tables = 0
            with held(target, link_id, link.name), progress(link.name) as show:

                def seen(table: str, _pairs: int) -> None:
                    nonlocal tables
                    tables += 1
                    show(tables, None, table)

                seeded = seed_same_ids(config, link, source, target, progress=seen)
    talk(f"{link.name}: {counted(seeded.pairs, 'record')} of {counted(seeded.tables, 'table')} paired")
