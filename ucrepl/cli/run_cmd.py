"""`ucrepl run`: the daemon; with `--drain` a single pass that ends when all links are level."""

from argparse import Namespace, RawDescriptionHelpFormatter, _SubParsersAction
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ucrepl.cli import load
from ucrepl.cli.output import print_json, print_table, talk
from ucrepl.errors import ConfigError, Exit, UsageError

if TYPE_CHECKING:
    from ucrepl.config import Config

_DESCRIPTION = """\
Replays all links until SIGTERM or SIGINT. It then finishes the batch that it is applying and ends within 10 s; a
second signal ends it at once. SIGHUP reads the configuration again: links that have changed are started anew, the
others go on; if the file is wrong, the old one stays in force and the log tells all that is wrong with it.

A second daemon for a link, on this machine or another one, waits as a standby and takes over.

--drain replays all links until each has what its source had committed when the command started. Parked changes are
tried once more at the end. A link that a daemon replays is waited for, a paused one is refused."""


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `run`."""
    parser = subparsers.add_parser(
        "run", help="the daemon", description=_DESCRIPTION, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--drain", action="store_true", help="end when all links have caught up; exit 3 if changes are parked"
    )
    parser.add_argument("--json", action="store_true", help="with --drain: print the result as JSON")
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Run the daemon, or drain the links."""
    if args.json and not args.drain:
        raise UsageError("--json goes with --drain only", "the daemon logs JSON when it does not run on a terminal")
    from ucrepl.daemon import logs

    config = _load(args)
    logs.configure(config.daemon.log_level)
    if args.drain:
        return _drain(config, as_json=args.json)
    from ucrepl.daemon.supervisor import Supervisor

    return Supervisor(config, lambda: _load(args)).run()


def _load(args: Namespace) -> "Config":
    config = load(args)
    serves_files = not args.drain and any(node.filestore for node in config.nodes.values())
    if not (config.links or serves_files):
        raise ConfigError("the configuration has no links", "add one under 'links', as `ucrepl config sample` shows")
    return config


def _drain(config: "Config", *, as_json: bool) -> int:
    from ucrepl.daemon.drain import drain

    rows = [asdict(link) for link in drain(config, talk)]
    if as_json:
        print_json({"links": rows})
    else:
        print_table(rows, ("link", "applied", "skipped", "parked", "conflicts"))
    parked = sum(row["parked"] for row in rows)
    if parked:
        talk(f"{parked} changes are parked: see why with: ucrepl parked list")
    return Exit.PARKED if parked else Exit.OK
