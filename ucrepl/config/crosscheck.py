"""Checks that look at several parts of the file at once.

They read the raw data, not the models, so that their findings come together with those about single values.
"""

from collections.abc import Iterator

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from ucrepl.config.document import Document
from ucrepl.config.problems import KeyPath, did_you_mean, format_path, quoted

_Finding = tuple[KeyPath, str, str | None]
_PLACE = ("service", "host", "hostaddr", "port", "dbname")


def crosscheck(document: Document) -> None:
    """Report what does not fit together."""
    data = document.data if isinstance(document.data, dict) else {}
    nodes = data.get("nodes")
    nodes = nodes if isinstance(nodes, dict) else {}
    links = data.get("links")
    links = [link if isinstance(link, dict) else {} for link in links] if isinstance(links, list) else []
    findings = (
        *_same_database(nodes),
        *_links(document, nodes, links),
        *_rule_names(data, links),
        *_numbers(data.get("numbers"), nodes),
    )
    for path, message, hint in findings:
        document.report(path, message, hint)


def _same_database(nodes: dict[str, object]) -> Iterator[_Finding]:
    seen: dict[object, str] = {}
    for name, node in nodes.items():
        dsn = node.get("dsn") if isinstance(node, dict) else None
        if not isinstance(dsn, str):
            continue
        try:
            parameters = conninfo_to_dict(dsn)
        except (ProgrammingError, UnicodeError):
            continue
        parameters = {"port": "5432", "dbname": parameters.get("user")} | parameters
        place = tuple(parameters.get(key) for key in _PLACE)
        if place in seen:
            yield ("nodes", name, "dsn"), f"the same database as that of the node {seen[place]!r}", None
        seen.setdefault(place, name)


def _links(document: Document, nodes: dict[str, object], links: list[dict[str, object]]) -> Iterator[_Finding]:
    seen: dict[tuple[str, str], int] = {}
    for i, link in enumerate(links):
        source, target = link.get("from"), link.get("to")
        for key, name in (("from", source), ("to", target)):
            path = ("links", i, key)
            if isinstance(name, str) and name not in nodes:
                yield path, f"unknown node {quoted(document.spot(path).text)}", did_you_mean(name, list(nodes))
        if not (isinstance(source, str) and isinstance(target, str)):
            continue
        if source == target:
            yield ("links", i, "to"), f"a link from {quoted(source)} to itself", "a link needs two nodes"
        elif (source, target) in seen:
            message = f"the same link as links[{seen[source, target]}]"
            yield ("links", i), message, "take one of them out; for two ways write one link each way"
        elif (back := seen.get((target, source))) is not None and _ids(link) != _ids(links[back]):
            message = f"shares ids otherwise than links[{back}], which leads back"
            yield ("links", i), message, "write the same 'ids' for both"
        seen.setdefault((source, target), i)


def _ids(link: dict[str, object]) -> object:
    return link.get("ids") or "remap"


def _rule_names(data: dict[str, object], links: list[dict[str, object]]) -> Iterator[_Finding]:
    seen: dict[str, KeyPath] = {}
    lists: list[tuple[KeyPath, object]] = [(("rules",), data.get("rules"))]
    lists += [(("links", i, "rules"), link.get("rules")) for i, link in enumerate(links)]
    for path, rules in lists:
        for i, rule in enumerate(rules if isinstance(rules, list) else []):
            name = rule.get("name") if isinstance(rule, dict) else None
            if isinstance(name, str) and name in seen:
                message = f"the name {quoted(name)} is already that of {format_path(seen[name])}"
                yield (*path, i, "name"), message, "counters go by the name: give each rule its own"
            elif isinstance(name, str):
                seen[name] = (*path, i)


def _numbers(numbers: object, nodes: dict[str, object]) -> Iterator[_Finding]:
    if not isinstance(numbers, dict):
        return
    owners, prefixes = numbers.get("owners"), numbers.get("prefixes")
    for i, entry in enumerate(owners if isinstance(owners, list) else []):
        owner = entry.get("owner") if isinstance(entry, dict) else None
        if isinstance(owner, str) and owner not in nodes:
            yield ("numbers", "owners", i, "owner"), f"unknown node {quoted(owner)}", did_you_mean(owner, list(nodes))
    seen: dict[str, str] = {}
    for node, prefix in prefixes.items() if isinstance(prefixes, dict) else ():
        path = ("numbers", "prefixes", node)
        if node not in nodes:
            yield path, f"unknown node {quoted(str(node))}", did_you_mean(str(node), list(nodes))
        if not isinstance(prefix, str):
            continue
        if prefix in seen:
            yield path, f"the same prefix as that of the node {seen[prefix]!r}", "give each node its own"
        elif prefix[-1:].isdecimal() or "%" in prefix:
            yield path, f"{prefix!r} can't be a prefix", "it must not end with a digit, nor have a '%' in it"
        seen.setdefault(prefix, str(node))
