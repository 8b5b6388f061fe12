"""Looks after shared ids: what the sequences of each node do, and whether they still do it."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ucrepl.config import Config, Link
from ucrepl.db.catalog import read_catalog
from ucrepl.errors import UnreachableError
from ucrepl.link.ids.sequences import (
    Count,
    Member,
    Slot,
    counts,
    id_sequences,
    interleave,
    read_slot,
)
from ucrepl.link.node import identify, newest_version, schema_version
from ucrepl.link.nodes import Nodes, explained
from ucrepl.link.patience import LOCK_PATIENCE_SECONDS


@dataclass(frozen=True, slots=True)
class NodeIds:
    """Which ids a node hands out: its slot, None where it shares them with nobody.

    `sequences`: how many hand out ids; `wrong` are those that do not keep to the slot.
    """

    node: str
    slot: Slot | None
    sequences: int
    wrong: list[Count]


def ids_of_nodes(config: Config, links: Sequence[Link], nodes: Nodes) -> list[NodeIds]:
    """What the nodes that these links join, and others with shared ids, hand out. Raises as `identify` does."""
    names = {name for link in (*links, *config.sharing_with(links)) for name in (link.source, link.target)}
    found = []
    for name in sorted(names):
        connection = nodes.get(name)
        with explained(name):
            identify(connection, name)
            slot = read_slot(connection)
            sequences = id_sequences(read_catalog(connection))
            wrong = [c for c in counts(connection, sequences) if slot and not c.fits(slot)]
        found.append(NodeIds(name, slot, len(sequences), wrong))
    return found


def tend_ids(
    config: Config, names: Iterable[str], nodes: Nodes, *, patience: float = LOCK_PATIENCE_SECONDS
) -> list[str]:
    """Interleaves the sequences that do not keep to the slots of these nodes, and of those that share ids with them.

    Returns these. A node that can't be reached, or where ucrepl is not up to date, is left out: its turn comes when it
    is there again. Raises as `interleave` does.
    """
    chosen = set(names)
    touching = [link for link in config.links if link.ids == "shared" and {link.source, link.target} & chosen]
    joined = {name for link in config.sharing_with(touching) for name in (link.source, link.target)}
    members = []
    for name in joined:
        with suppress(UnreachableError):
            connection = nodes.get(name)
            if schema_version(connection) == newest_version() and (slot := read_slot(connection)):
                members.append(Member.of(name, connection, slot))
    return interleave(members, patience=patience)
