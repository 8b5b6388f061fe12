"""What each of several nodes is to do with its standard sequences."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ucrepl.config import Config, Link
from ucrepl.errors import ConfigError, RefusedError
from ucrepl.link.ids.share import allot, alone_on
from ucrepl.link.node import identify
from ucrepl.link.nodes import Nodes
from ucrepl.link.numbers.apart import Apart
from ucrepl.link.numbers.counters import unpaired
from ucrepl.link.numbers.state import Numbering, Way

Planned = dict[str, Numbering | None]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The nodes that links join, `joined` by them as (source, target)."""

    apart: Apart
    joined: Sequence[tuple[str, str]]

    def interleaved(self, slots: int | None = None) -> Planned:
        """Each node with a slot.

        Raises RefusedError where prefixes are used, or where it is not known which sequences are the same; UsageError
        for too few slots.
        """
        self._refuse_other_way("interleave")
        if far := next(unpaired(self.apart.ends, self.joined), None):
            raise RefusedError(
                f"it is not known which sequences of {far[0]!r} and {far[1]!r} are the same",
                hint=f"seed first: ucrepl seed '{far[0]}->{far[1]}' (clones with --same-ids)",
            )
        known = {name: numbering.as_slot() if numbering else None for name, numbering in self.apart.before.items()}
        there = max((slot.slots for slot in known.values() if slot), default=0)
        allotted = allot(known, slots or max(there, len(known)))
        return {name: Numbering("interleave", slot.slot, slot.slots) for name, slot in allotted.items()}

    def prefixed(self, prefixes: Mapping[str, str]) -> Planned:
        """Each node with its prefix. Raises RefusedError where numbers are interleaved, ConfigError for one without."""
        self._refuse_other_way("prefix")
        planned: Planned = {}
        for name, numbering in self.apart.before.items():
            if name not in prefixes:
                raise ConfigError(
                    f"node {name!r} has no prefix", hint=f"give it one under 'numbers.prefixes': {{{name}: 'X-'}}"
                )
            if numbering and numbering.prefix != prefixes[name]:
                raise RefusedError(
                    f"node {name!r} has the {numbering} already, and not {prefixes[name]!r}",
                    hint="take it back first: ucrepl numbers undo",
                )
            planned[name] = Numbering("prefix", prefix=prefixes[name])
        return planned

    def united(self) -> Planned:
        """Each node as Odoo numbers by itself."""
        return dict.fromkeys(self.apart.ends)

    def _refuse_other_way(self, way: Way) -> None:
        for name, numbering in self.apart.before.items():
            if numbering and numbering.way != way:
                raise RefusedError(
                    f"the numbers of node {name!r} are kept apart otherwise already: {numbering}",
                    hint="take that back first: ucrepl numbers undo",
                )


@contextmanager
def nodes_of(config: Config, links: Sequence[Link], nodes: Nodes, *, alone: bool = True) -> Iterator[Chosen]:
    """The nodes that these links join; with `alone` nobody else replays the links and their ways back meanwhile.

    Raises RefusedError while a daemon does, and as `identify` does.
    """
    pairs = {frozenset((link.source, link.target)) for link in links}
    both = [link for link in config.links if frozenset((link.source, link.target)) in pairs]
    names = sorted({name for link in both for name in (link.source, link.target)})
    ends = {name: nodes.get(name) for name in names}
    with ExitStack() as stack:
        if alone:
            stack.enter_context(alone_on(ends, both))
        for name, end in ends.items():
            identify(end, name)
        yield Chosen(Apart(ends), [(link.source, link.target) for link in both])
