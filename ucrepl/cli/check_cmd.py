"""`ucrepl check`: the preflight of nodes and links."""

from argparse import Namespace, _SubParsersAction
from collections import Counter
from typing import TYPE_CHECKING, Any

from ucrepl.cli import load
from ucrepl.cli.output import print_json, print_text, progress, talk
from ucrepl.errors import Exit

if TYPE_CHECKING:
    from ucrepl.link.check import Finding


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `check`."""
    parser = subparsers.add_parser(
        "check",
        help="look at nodes and links before the start, and say what is wrong and what mends it",
        description="Looks at all nodes and links and changes nothing. An error forbids the start (exit code 1); a"
        " warning says that something will not work as one may think; a note is good to know.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: Namespace) -> int:
    """Run all checks and print what they find."""
    from ucrepl.link.check import run_checks
    from ucrepl.link.nodes import Nodes

    config = load(args)
    looked_at = 0

    with Nodes(config, "check") as nodes, progress("check") as show:

        def seen(what: str) -> None:
            nonlocal looked_at
            show(looked_at, len(config.nodes) + len(config.links), what)
            looked_at += 1

        findings = run_checks(config, nodes, seen)
    if args.json:
        print_json({"findings": [finding.as_dict() for finding in findings]})
    else:
        _print(findings)
    return Exit.FINDING if any(finding.severity == "error" for finding in findings) else Exit.OK


def _print(findings: "list[Finding]") -> None:
    for finding in findings:
        print_text(f"{finding.severity}: {finding.about}: {finding.message}\n  HINT: {finding.remedy}")
    counts = Counter(finding.severity for finding in findings)
    talk(", ".join(f"{count} {severity}{'s' * (count != 1)}" for severity, count in counts.items()) or "nothing found")
