"""`ucrepl cutover`: moves all writing from one side of a link to the other, and shows or mends what was interrupted."""

import sys
from argparse import ArgumentTypeError, Namespace, _SubParsersAction
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ucrepl.cli import load
from ucrepl.cli.choose import link_named
from ucrepl.cli.output import print_error, print_json, print_record, print_table, talk
from ucrepl.errors import Exit, UsageError

if TYPE_CHECKING:
    from ucrepl.config import Config, Link
    from ucrepl.link.nodes import Nodes

_ACTIONS = ("status", "resume", "abort", "report", "release")
_DEADLINE = 10.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}
_SHOWN = ("link", "kind", "outcome", "reason", "waited_ms", "pause_ms", "last_write_at", "first_write_at", "rows")


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `cutover`."""
    parser = subparsers.add_parser(
        "cutover",
        help="move all writing from the source of a link to its target, or back",
        description="Moves all writing from the source of a link to its target: the old side is closed, all that it has"
        " is replayed, the clients are led over, the new side is opened. Past the deadline it takes itself back."
        " `cutover status` shows which side is open; `cutover resume` and `cutover abort` deal with one that was"
        " interrupted; `cutover report` shows what the last one was; `cutover release` opens both sides again.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("what", metavar="LINK|" + "|".join(_ACTIONS), help="the link, in quotes: 'turin->milan'")
    parser.add_argument("link", metavar="LINK", nargs="?", help="after one of these words: which link")
    parser.add_argument("--rehearse", action="store_true", help="take it back before the clients are led over")
    parser.add_argument("--back", action="store_true", help="the other way: from the target to the source")
    parser.add_argument(
        "--deadline", metavar="TIME", type=seconds, default=_DEADLINE, help="how long writers may wait (default: 10s)"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def seconds(text: str) -> float:
    """A time as `10s`, `500ms` or `2m`, in seconds."""
    number = text.rstrip("ms")
    try:
        value = float(number) * _UNITS[text[len(number) :]]
    except (KeyError, ValueError):
        value = 0.0
    if not 0 < value <= 3600:  # noqa: PLR2004 - an hour
        message = f"{text!r} is no time from 1ms to 60m"
        raise ArgumentTypeError(message)
    return value


def run(args: Namespace) -> int:
    """Do what `args.what` says."""
    from ucrepl.link.nodes import Nodes

    config = load(args)
    if args.what not in _ACTIONS:
        link = link_named(config, args.what)
        if args.link:
            message = f"what is {args.link!r} to be?"
            raise UsageError(message, f"name one link, or one of: {', '.join(_ACTIONS)}")
        if args.back:
            back = config.way_back(link)
            if back is None:
                message = f"no link leads back from {link.target!r} to {link.source!r}"
                raise UsageError(message, "add it to the configuration, under 'links'")
            link = back
        _ask(args, link)
        with Nodes(config, "cutover") as nodes:
            return _cut_over(args, config, link, nodes)
    with Nodes(config, "cutover") as nodes:
        if args.what == "status":
            return _status(args, config, nodes)
        link = link_named(config, args.link) if args.link else _only(config)
        if args.what == "report":
            return _report(args, config, link, nodes)
        return _mend(args, config, link, nodes)


def _ask(args: Namespace, link: "Link") -> None:
    if args.rehearse or args.yes:
        return
    if not sys.stdin.isatty():
        message = f"nobody is there to say that the work is to move to {link.target!r}"
        raise UsageError(message, "add --yes; or see what it would be with --rehearse")
    talk(f"All writing moves from {link.source!r} to {link.target!r}. Go on? [y/N] ")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        message = "not confirmed"
        raise UsageError(message, "nothing was changed")


def _only(config: "Config") -> "Link":
    """The link, where it need not be named: the first, if all links join the same two nodes."""
    pairs = {frozenset((link.source, link.target)) for link in config.links}
    if len(pairs) != 1:
        message = "it is not clear which link is meant"
        raise UsageError(message, "name it, in quotes: 'turin->milan'")
    return config.links[0]


def _cut_over(args: Namespace, config: "Config", link: "Link", nodes: "Nodes") -> int:
    from ucrepl.link.cutover.run import Options, cut_over
    from ucrepl.link.nodes import explained

    options = Options(args.rehearse, args.deadline, lambda step: talk(f"{link.name}: {step}"))
    with explained(link.target):
        _show(args, cut_over(config, link, nodes, options))
    return Exit.OK


def _mend(args: Namespace, config: "Config", link: "Link", nodes: "Nodes") -> int:
    from ucrepl.link.cutover.recover import abort, resume
    from ucrepl.link.cutover.release import release
    from ucrepl.link.nodes import explained

    with explained(link.target):
        if args.what == "release":
            for node in release(config, link, nodes):
                talk(f"{node}: open")
            return Exit.OK
        done = (
            abort(config, link, nodes)
            if args.what == "abort"
            else resume(config, link, nodes, lambda step: talk(f"{link.name}: {step}"))
        )
        _show(args, done)
    return Exit.OK


def _status(args: Namespace, config: "Config", nodes: "Nodes") -> int:
    from ucrepl.link.cutover.recover import node_states

    link = link_named(config, args.link) if args.link else None
    states = node_states(config, nodes, [link.source, link.target] if link else list(config.nodes))
    if args.json:
        print_json({"nodes": states})
    else:
        print_table([asdict(state) for state in states], ("node", "state", "moved_to", "cutover", "step", "at_work"))
        for state in states:
            if state.why:
                print_error(state.why)
    interrupted = {state.cutover for state in states if state.cutover and not state.at_work}
    for name in sorted(interrupted):
        talk(f"HINT: the cut-over {name!r} was interrupted: ucrepl cutover resume '{name}', or: cutover abort '{name}'")
    if any(state.state == "down" for state in states):
        return Exit.UNREACHABLE
    return Exit.FINDING if interrupted else Exit.OK


def _report(args: Namespace, config: "Config", link: "Link", nodes: "Nodes") -> int:
    from ucrepl.link.cutover.recover import last_report

    _show(args, last_report(config, link, nodes))
    return Exit.OK


def _show(args: Namespace, report: "dict[str, Any]") -> None:
    if args.json:
        print_json(report)
        return
    print_record({name: report[name] for name in _SHOWN if report.get(name) is not None})
    print_record({f"numbers set, {name}": number for name, number in report["numbers"].items()})
    print_record({"tables compared": report["compared"]})
    if report["in_part"]:
        print_record({"of these in part": report["in_part"]})
    if report.get("not_compared"):  # reports of earlier versions do not have it
        print_record({"not compared": report["not_compared"]})
    if report["steps"]:
        print_table(
            [{"step": step, "milliseconds": took} for step, took in report["steps"].items()], ("step", "milliseconds")
        )
    for note in report["notes"]:
        talk(f"{report['link']}: {note}")
