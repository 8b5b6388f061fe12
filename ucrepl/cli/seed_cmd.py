"""`ucrepl seed [LINK]`: brings the target of a link to the state of its source."""

from argparse import Namespace, _SubParsersAction
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ucrepl.cli import load
from ucrepl.cli.choose import links_named
from ucrepl.cli.output import print_json, print_table, print_text, progress, progress_by_table, talk
from ucrepl.errors import Exit, UsageError

if TYPE_CHECKING:
    from ucrepl.config import Config, Link
    from ucrepl.link.seed.preview import TablePreview
    from ucrepl.link.seed.run import Seeded


_SHOWN = 3
_COLUMNS_SHOWN = 5

COLUMNS = ("table", "rows", "recognised", "create", "update", "protected", "ambiguous", "unresolved")
"""What --dry-run always shows of a table; the others only where one of them is not zero."""

_ALREADY = "seeded already; one table again: ucrepl resync"
_SOMETIMES = ("parked", "left_out", "conflicts", "delete")


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `seed`."""
    parser = subparsers.add_parser(
        "seed",
        help="bring the target of a link to the state of its source",
        description="Brings the target of a link to the state of its source, while both are in use: records that are"
        " there are recognised and updated, the others are made, and the journal goes on from there. It can be"
        " interrupted, and goes on where it was when it is run again. Exit code 3: rows were parked."
        " With --same-ids nothing is copied: all records that have the same id on both ends are paired, for two clones"
        " of one database; it refuses, and pairs nothing, when records with the same id differ in their keys."
        " With --where a part is copied, once: the rows that were asked for, what belongs to them, and all that they"
        " refer to. With --table only these tables are seeded, and go on from there; the others stay as they were until"
        " `seed` is run without it. With --dry-run nothing is changed: it says what would be done to each table, and"
        " why; exit code 3 then says that rows would be parked.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("--same-ids", action="store_true", help="the same id means the same record: pair, copy nothing")
    parser.add_argument(
        "--where",
        metavar="'TABLE: EXPRESSION'",
        action="append",
        help="copy only these rows, with all that they need, once; may be given several times",
    )
    parser.add_argument(
        "--table", metavar="TABLE", action="append", help="seed only this table; may be given several times"
    )
    parser.add_argument("--dry-run", action="store_true", help="change nothing: say what would be done, and why")
    parser.add_argument(
        "--show",
        metavar="N",
        type=int,
        default=_SHOWN,
        help=f"with --dry-run: name so many ambiguous rows of a table (default: {_SHOWN})",
    )
    parser.add_argument("--json", action="store_true", help="with --dry-run: print the result as JSON")
    parser.add_argument(
        "link",
        metavar="LINK",
        nargs="?",
        help="the link, in quotes: 'turin->milan'; with --same-ids its way back is seeded with it (default: all)",
    )


def run(args: Namespace) -> int:
    """Seed the link, or pair clones."""
    config = load(args)
    links = links_named(config, args.link)
    _check(args)
    if not args.same_ids:
        if not args.link and len(links) > 1:
            message = "there is more than one link, and it matters which is seeded first"
            raise UsageError(message, f"name one: ucrepl seed '{links[0].name}'; for clones: ucrepl seed --same-ids")
        if args.dry_run:
            return _dry_run(args, config, links[0])
        return _copy_subset(config, links[0], args.where) if args.where else _copy(config, links[0], args.table)
    if args.link:
        back = [link for link in config.links if (link.source, link.target) == (links[0].target, links[0].source)]
        for link in back:
            talk(f"{links[0].name}: its way back {link.name!r} needs the same pairs and is seeded with it")
        links += back
    for link in links:
        _pair_clones(config, link)
    return Exit.OK


def _check(args: Namespace) -> None:
    """Raises UsageError for options that do not go together."""
    if args.where and args.same_ids:
        message = "--same-ids pairs all records, --where copies some"
        raise UsageError(message, "take one of them out")
    other = "--same-ids" if args.same_ids else "--where" if args.where else None
    for option, given in (("--table", args.table), ("--dry-run", args.dry_run)):
        if given and other:
            message = f"{option} can't be used with {other}"
            raise UsageError(message, f"it is for the seeding of a link: ucrepl seed LINK {option}")
    if args.json and not args.dry_run:
        message = "--json prints what --dry-run finds"
        raise UsageError(message, "add --dry-run, or take it out")
    if args.show < 0:
        message = f"--show {args.show} is less than nothing"
        raise UsageError(message, "give a number from 0 on")


def _copy(config: "Config", link: "Link", tables: list[str] | None) -> int:
    from ucrepl.link.files.sync import lacking_files
    from ucrepl.link.nodes import Nodes, explained
    from ucrepl.link.seed.run import Told, seed_link
    from ucrepl.link.words import counted

    with Nodes(config, f"seed {link.name}") as nodes, progress_by_table(link.name) as show:
        told = Told(phase=lambda phase: talk(f"{link.name}: {phase}"), rows=show)
        with explained(link.target):
            seeded = seed_link(config, link, nodes, told, tables)
            lacking = lacking_files(config, link, nodes)
    _tell_files(f"filestore sync '{link.name}'", link, lacking)
    if seeded.already:
        talk(f"{link.name}: {_ALREADY}")
        return Exit.OK
    code = _tell(link, seeded)
    if seeded.left:
        talk(f"{link.name}: {counted(seeded.left, 'table')} not seeded yet: ucrepl seed '{link.name}'")
    return code


def _dry_run(args: Namespace, config: "Config", link: "Link") -> int:
    from ucrepl.link.nodes import Nodes, explained
    from ucrepl.link.seed.dry_run import DryRun
    from ucrepl.link.seed.run import Told

    with Nodes(config, f"seed {link.name}") as nodes, progress_by_table(link.name) as show:
        told = Told(phase=lambda phase: talk(f"{link.name}: {phase}"), rows=show)
        with explained(link.target):
            found = DryRun(config, link, nodes, told, args.table).run(args.show)
    if args.json:
        print_json({"link": link.name, "tables": found})
    else:
        _print(link, found)
    return Exit.PARKED if any(table.parked for table in found) else Exit.OK


def _print(link: "Link", found: "list[TablePreview]") -> None:
    from ucrepl.link.words import counted

    if not found:
        talk(f"{link.name}: {_ALREADY}")
        return
    rows = [asdict(table) for table in found if table.rows or table.delete]
    if rows:
        print_table(rows, [*COLUMNS, *(name for name in _SOMETIMES if any(row[name] for row in rows))])
    reasons = [line for table in found for line in _reasons(table)]
    if reasons:
        print_text("")
        print_table(reasons, ["table", "what", "why", "rows"])
    hidden = sum(table.ambiguous - len(table.doubtful) for table in found)
    if hidden:
        talk(f"{link.name}: {hidden:,} ambiguous rows more: --show {max(table.ambiguous for table in found)}")
    talk(f"{link.name}: {counted(sum(table.rows for table in found), 'row')} looked at, nothing was changed")


def _reasons(table: "TablePreview") -> Iterator[dict[str, object]]:
    """The lines that say why; the columns that change stand in one."""
    changing = [f"{reason.why} ({reason.rows:,})" for reason in table.reasons if reason.kind == "update"]
    if changing:
        more = f" and {len(changing) - _COLUMNS_SHOWN} more" if len(changing) > _COLUMNS_SHOWN else ""
        yield _line(table, "update", f"columns {', '.join(changing[:_COLUMNS_SHOWN])}{more}", table.update)
    for reason in table.reasons:
        if reason.kind != "update":
            yield _line(table, reason.kind, reason.why, reason.rows)
    for key, why in table.doubtful:
        yield _line(table, "ambiguous", f"{key}: {why}", 1)


def _line(table: "TablePreview", what: str, why: str, rows: int) -> dict[str, object]:
    return {"table": table.table, "what": what, "why": why, "rows": rows}


def _tell(link: "Link", seeded: "Seeded") -> int:
    """Says what was copied. Returns the exit code."""
    from ucrepl.link.words import counted

    talk(
        f"{link.name}: {counted(seeded.rows, 'row')} of {counted(seeded.tables, 'table')} copied,"
        f" {counted(seeded.paired, 'record')} recognised"
    )
    if seeded.conflicts:
        talk(f"{link.name}: {counted(seeded.conflicts, 'column')} had been changed here too: ucrepl conflicts list")
    if seeded.parked:
        talk(f"{link.name}: {counted(seeded.parked, 'row')} parked: ucrepl parked list")
        return Exit.PARKED
    return Exit.OK


def _tell_files(command: str, link: "Link", lacking: int) -> None:
    from ucrepl.link.words import counted

    if lacking:
        talk(f"{link.name}: {counted(lacking, 'file')} of attachments to be brought\nHINT: run: ucrepl {command}")


def _copy_subset(config: "Config", link: "Link", where: list[str]) -> int:
    from ucrepl.link.files.sync import lacking_files
    from ucrepl.link.nodes import Nodes, explained
    from ucrepl.link.seed.run import Told
    from ucrepl.link.seed.subset import Wish, copy_subset

    wishes = [Wish.of(text) for text in where]
    with Nodes(config, f"seed {link.name}") as nodes, progress_by_table(link.name) as show:
        told = Told(phase=lambda phase: talk(f"{link.name}: {phase}"), rows=show)
        with explained(link.target):
            seeded = copy_subset(config, link, nodes, wishes, told)
            lacking = lacking_files(config, link, nodes)
    _tell_files(f"filestore sync '{link.name}' --known", link, lacking)
    return _tell(link, seeded)


def _pair_clones(config: "Config", link: "Link") -> None:
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
