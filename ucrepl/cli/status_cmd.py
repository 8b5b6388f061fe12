"""`ucrepl status`: what each link is doing, and how far it is behind."""

import sys
import time
from argparse import Namespace, _SubParsersAction
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from ucrepl.cli import load
from ucrepl.cli.output import print_json, watch_table
from ucrepl.errors import Exit

if TYPE_CHECKING:
    from ucrepl.config import Config
    from ucrepl.link.nodes import Nodes

COLUMNS = (
    "link",
    "state",
    "lag_rows",
    "lag_seconds",
    "applied",
    "skipped",
    "parked",
    "held",
    "conflicts",
)
_CONNECT_TIMEOUT_SECONDS = 3
_REFRESH_SECONDS = 1.0


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `status`."""
    parser = subparsers.add_parser(
        "status",
        help="show what each link is doing",
        description="Shows of each link: its state (running, idle, paused, waiting: modules are being installed on the"
        " target, stopped: no daemon, down: a node can't be reached or is not installed), how many changes it is behind"
        " and how old the oldest of them is, and what became of the changes so far.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--watch", action="store_true", help="show it anew every second, until Ctrl-C")


def run(args: Namespace) -> int:
    """Print the state of all links, once or until Ctrl-C."""
    from ucrepl.link.nodes import Nodes

    config = load(args)
    with Nodes(config, "status", _CONNECT_TIMEOUT_SECONDS) as nodes:
        frames = _frames(config, nodes)
        if not args.watch:
            frames = islice(frames, 1)
        try:
            if args.json:
                for frame in frames:
                    print_json({"links": frame})
                    sys.stdout.flush()
            else:
                watch_table(
                    ((frame, [*_errors(frame), *_unknown(frame), *_skipped(frame)]) for frame in frames), COLUMNS
                )
        except KeyboardInterrupt:
            if not args.watch:
                raise
    return Exit.OK


def _errors(frame: list[dict[str, Any]]) -> list[str]:
    from ucrepl.link.held.modules import WAIT_HINT
    from ucrepl.link.words import counted

    errors = [
        f"{status['link']}: {what}"
        for status in frame
        for what in (status["last_error"], *status["held_because"], *status["to_resync"])
        if what
    ]
    waiting = [f"{status['link']}: HINT: {WAIT_HINT}" for status in frame if status["state"] == "waiting"]
    return [*errors, *waiting] + [
        f"{status['link']}: {counted(status['parked_files'], 'file')} parked: ucrepl filestore parked"
        for status in frame
        if status["parked_files"]
    ]


def _unknown(frame: list[dict[str, Any]]) -> list[str]:
    from ucrepl.link.words import counted

    return [
        f"{status['link']}: {counted(status['unknown_references'], 'reference')} to records that are not known on the"
        " target: empty there, or left out, until they come"
        for status in frame
        if status["unknown_references"]
    ]


def _skipped(frame: list[dict[str, Any]]) -> list[str]:
    return [
        f"{status['link']}: {rows:,} skipped by the rule {rule!r}"
        for status in frame
        for rule, rows in sorted(status["skipped_by_rule"].items(), key=lambda item: -item[1])
    ]


def _frames(config: "Config", nodes: "Nodes") -> Iterator[list[dict[str, Any]]]:
    from ucrepl.link.status import all_status

    while True:
        yield [asdict(status) for status in all_status(config, nodes)]
        time.sleep(_REFRESH_SECONDS)
