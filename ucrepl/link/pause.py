"""Pausing a link: held in its target's database, so that it outlives the daemon."""

from ucrepl.config import Link
from ucrepl.link.node import identify
from ucrepl.link.nodes import Nodes, explained
from ucrepl.link.setup import register_link


def set_paused(nodes: Nodes, link: Link, *, paused: bool) -> bool:
    """Pauses the link, or lets it go on. Returns whether that changes anything.

    Waits for the batch that is being applied; at the most one that was already being read comes after it. A link that
    was never opened is registered, for which its source must be there. Raises UnreachableError, RefusedError.
    """
    target = nodes.get(link.target)
    with explained(link.target):
        identify(target, link.target)
        known = target.execute("SELECT FROM ucrepl.link WHERE name = %s", [link.name]).fetchone() is not None
    if not known:
        if not paused:
            return False
        source = nodes.get(link.source)
        with explained(link.source):
            origin = identify(source, link.source)
        with explained(link.target), target.transaction():
            register_link(target, link, origin)
    with explained(link.target):
        changed = target.execute(
            "UPDATE ucrepl.link SET paused = %(paused)s WHERE name = %(link)s AND paused <> %(paused)s",
            {"paused": paused, "link": link.name},
        ).rowcount
    return changed > 0
