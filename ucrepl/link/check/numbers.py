"""The checks of document numbers, where two nodes hand them out."""

from collections.abc import Iterator

from ucrepl.errors import ConfigError
from ucrepl.link.check.facts import LinkFacts, NodeFacts
from ucrepl.link.check.finding import Finding
from ucrepl.link.numbers.overview import DUE_HINT, missing_triggers, ranges_due, wrong_counters
from ucrepl.link.numbers.report import OPTIONS, Kind, Numbered, report
from ucrepl.link.numbers.state import read_numbering
from ucrepl.link.words import counted, listed

_WORDS: dict[Kind, tuple[str, str | None]] = {
    "standard": ("standard ir.sequence", "standard ir.sequence"),
    "no_gap": ("ir.sequence without gaps", "ir.sequence without gaps"),
    "journal": ("journal", None),
}


def numbers(link: LinkFacts) -> Iterator[Finding]:
    """Two nodes that are both written to must not hand out the same document numbers.

    Both ways are looked at once, with the link whose source comes first by name.
    """
    both_ways = any(
        (other.source, other.target) == (link.link.target, link.link.source) for other in link.source.config.links
    )
    if not both_ways or link.link.source > link.link.target:
        return
    try:
        found = [
            numbered
            for numbered in report(link.source.config, link.link.source, link.source.connection, link.source.catalog)
            if not numbered.safe
        ]
    except ConfigError as error:
        yield Finding("error", "numbers", error.message, error.hint or "", link=link.link.name)
        return
    for kind in _WORDS:
        yield from _collisions(link, kind, [numbered for numbered in found if numbered.kind == kind])
    for node in (link.source, link.target):
        if node.identity:
            yield from _not_as_set_up(node)


def _collisions(link: LinkFacts, kind: Kind, found: list[Numbered]) -> Iterator[Finding]:
    if found:
        names = listed([numbered.name for numbered in found])
        what = counted(len(found), *_WORDS[kind])
        message = f"both ends give the same numbers: {what}, the most used first: {names}"
        remedy = f"{OPTIONS[kind]}; all of them with: ucrepl numbers status '{link.link.name}'"
        yield Finding("warning", "numbers", message, remedy, link=link.link.name)


def _not_as_set_up(node: NodeFacts) -> Iterator[Finding]:
    numbering = read_numbering(node.connection)
    if due := ranges_due(node.connection):
        message = f"date ranges that begin soon are not there, and their first number may be given twice: {listed(due)}"
        yield Finding("warning", "numbers", message, DUE_HINT, node=node.name)
    if wrong := wrong_counters(node.connection, numbering):
        message = f"sequences give numbers of other nodes: {listed(wrong)}"
        yield Finding("warning", "numbers", message, "run again: ucrepl numbers interleave", node=node.name)
    if missing := missing_triggers(node.connection):
        message = f"triggers for document numbers are missing or disabled: {listed(missing)}"
        yield Finding("warning", "numbers", message, f"run: ucrepl install {node.name}", node=node.name)
