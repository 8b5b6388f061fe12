"""The preflight: looks at all nodes and links, changes nothing, and says what is wrong and what mends it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

import psycopg

from ucrepl.config import Config
from ucrepl.errors import UcreplError
from ucrepl.link.check.facts import LinkFacts, NodeFacts, link_facts, node_facts
from ucrepl.link.check.files import files, filestore
from ucrepl.link.check.finding import Finding, Severity
from ucrepl.link.check.left_behind import left_behind
from ucrepl.link.check.links import LINK_CHECKS
from ucrepl.link.check.nodes import NODE_CHECKS
from ucrepl.link.check.numbers import numbers
from ucrepl.link.check.tables import TABLE_CHECKS
from ucrepl.link.check.totals import totals
from ucrepl.link.node import refuse_encoding
from ucrepl.link.nodes import Nodes, explain

__all__ = ["Finding", "Severity", "run_checks"]

F = TypeVar("F", NodeFacts, LinkFacts)

_ORDER = ("error", "warning", "note")


def run_checks(config: Config, nodes: Nodes, progress: Callable[[str], None] = lambda _what: None) -> list[Finding]:
    """All findings of all checks, errors first. `progress` is told what is looked at.

    A node that can't be reached is a finding; its links are left out then.
    """
    found: list[Finding] = []
    facts: dict[str, NodeFacts] = {}
    linked = {name for link in config.links for name in (link.source, link.target)}
    for name in config.nodes:
        progress(name)
        of_node = list(_node(config, nodes, name, facts))
        if name not in linked:  # it can't keep any link from starting
            of_node = [replace(f, severity="warning") if f.severity == "error" else f for f in of_node]
        found += of_node
    for link in config.links:
        if link.source in facts and link.target in facts:
            progress(link.name)
            of_link = link_facts(config, link, facts[link.source], facts[link.target])
            found += _all(TABLE_CHECKS, of_link, link.target, Finding("warning", "", "", "", link=link.name))
            checks = (*LINK_CHECKS, numbers, files, totals, left_behind)
            found += _all(checks, of_link, link.target, Finding("warning", "", "", "", link=link.name))
    return sorted(found, key=lambda finding: _ORDER.index(finding.severity))


def _node(config: Config, nodes: Nodes, name: str, facts: dict[str, NodeFacts]) -> Iterator[Finding]:
    check = "reachable"
    try:
        connection = nodes.get(name)
        check = "encoding"
        refuse_encoding(connection, name)
        facts[name] = node_facts(config, name, connection)
    except UcreplError as error:
        yield Finding("error", check, error.message, error.hint or "", node=name)
        return
    except psycopg.Error as error:
        yield _unanswered(Finding("error", "reachable", "", "", node=name), name, error)
        return
    yield from _all((*NODE_CHECKS, filestore), facts[name], name, Finding("warning", "", "", "", node=name))


def _all(checks: Iterable[Callable[[F], Iterable[Finding]]], facts: F, node: str, blank: Finding) -> Iterator[Finding]:
    for check in checks:
        try:
            yield from check(facts)
        except psycopg.Error as error:
            yield _unanswered(replace(blank, check=check.__name__), node, error)


def _unanswered(blank: Finding, node: str, error: psycopg.Error) -> Finding:
    """The finding for a check that PostgreSQL refused to answer."""
    known = explain(node, error)
    if known is None:
        raise error
    return replace(blank, message=f"could not be checked: {known.message}", remedy=known.hint or "")
