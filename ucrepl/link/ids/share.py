"""Has the nodes of links share ids, and takes that back."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link
from ucrepl.db.sqlfiles import query
from ucrepl.errors import RefusedError, UsageError
from ucrepl.link.ids.sequences import ALL_IDS, Member, Slot, interleave, read_slot, write_slot
from ucrepl.link.install import alone
from ucrepl.link.lock import held
from ucrepl.link.node import identify
from ucrepl.link.nodes import Nodes
from ucrepl.link.seed.clones import give_own_ids, pair_alike
from ucrepl.link.seed.run import take_pairs
from ucrepl.link.setup import OpenLink, open_link, register_link
from ucrepl.link.words import counted
from ucrepl.plan import clones
from ucrepl.plan.catalog import TableName

_SHOWN = 3  # so many tables an error names
SPARE_SLOTS = 4
"""So many slots are allotted at the least: nodes can be added without changing the steps of all sequences."""

Progress = Callable[[int, int], None]


def _no_progress(_done: int, _all: int) -> None:
    """Nobody looks."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What was done: the slots of all nodes, the sequences that were interleaved, the links that share ids since.

    `paired`: so many records that a module brought to both ends of a link have been found to be the same; `apart`: so
    many have an id that another record has on the other end, and got one of their own there.
    """

    slots: Mapping[str, Slot]
    sequences: Sequence[str]
    links: Sequence[str]
    paired: int
    apart: int


def share_ids(
    config: Config,
    links: Sequence[Link],
    nodes: Nodes,
    *,
    slots: int | None = None,
    progress: Progress = _no_progress,
) -> Shared:
    """Has all nodes that these links, and others with shared ids, join hand out ids of their own slots.

    The nodes may be in use. Every node keeps the slot that it has; `slots` is how many there shall be (by default as
    many as there are, or enough). For links that share ids already, records that a module brought to both ends are
    paired where they are the same; of two others with the same id each gets another one on the other end. Raises
    RefusedError where records with the same id are not the same one, and as `interleave` does, and then the sequences
    count as before; and while a daemon replays one of the links.
    """
    together = config.sharing_with(links)
    names = sorted({name for link in together for name in (link.source, link.target)})
    ends = {name: nodes.get(name) for name in names}
    with alone_on(ends, together) as link_ids, ExitStack() as stack:
        before = {name: read_slot(end) for name, end in ends.items()}
        planned = allot(before, slots)
        opened = [(link, stack.enter_context(_opened(config, link, nodes))) for link in together]
        new = [(link, end) for link, end in opened if not _is_shared(ends[link.target], link.name)]
        _refuse_unlike(new)
        old = [end for link, end in opened if (link, end) not in new]
        paired = sum(map(pair_alike, old))
        try:
            done = _interleave(ends, planned, progress)
            _refuse_unlike(new)  # once more: from here on no id can be given twice
        except RefusedError:
            _interleave(ends, before)
            raise
        for link, _ in new:
            ends[link.target].execute(query("ids_join"), {"link": link_ids[link.name]})
        apart = sum(map(give_own_ids, old))
    return Shared(planned, done, [link.name for link, _ in new], paired, apart)


def unshare_ids(config: Config, links: Sequence[Link], nodes: Nodes) -> list[str]:
    """Lets the links, with their ways back, map ids again. Returns the nodes that hand out all ids from now on.

    These are those that no other link joins with others. They go on above all ids of the nodes of these links. Raises
    RefusedError while a daemon replays one of the links, and as `interleave` does.
    """
    pairs = {(link.source, link.target) for link in links}
    both = [link for link in config.links if {(link.source, link.target), (link.target, link.source)} & pairs]
    names = sorted({name for link in both for name in (link.source, link.target)})
    ends = {name: nodes.get(name) for name in names}
    with alone_on(ends, both):
        still = {
            name
            for link in config.links
            if link not in both
            and (joined := {link.source, link.target}) & ends.keys()
            and _is_shared(nodes.get(link.target), link.name)
            for name in joined
        }
        slots = {name: slot for name, end in ends.items() if (slot := read_slot(end))}
        released = [name for name in slots if name not in still]
        interleave(Member.of(name, ends[name], ALL_IDS if name in released else slot) for name, slot in slots.items())
        for name in released:
            write_slot(ends[name], None)
        for link in both:
            ends[link.target].execute("UPDATE ucrepl.link SET ids_shared_at = NULL WHERE name = %s", [link.name])
    return released


def allot(before: Mapping[str, Slot | None], slots: int | None = None) -> dict[str, Slot]:
    """A slot for each node: the one that it has, if nobody who has had it for longer has the same.

    Raises UsageError for fewer slots than nodes.
    """
    if slots is not None and slots < len(before):
        message = f"{slots} slots are too few for {len(before)} nodes"
        raise UsageError(message, f"give at least --slots {len(before)}; some more leave room for further nodes")
    there = max((slot.slots for slot in before.values() if slot), default=0)
    number = slots or there or SPARE_SLOTS
    while number < len(before):
        number *= 2
    wishes = sorted((slot.since, name) for name, slot in before.items() if slot and slot.since and slot.slot < number)
    given: dict[str, int] = {}
    for _, name in wishes:
        if (slot := before[name]) and slot.slot not in given.values():
            given[name] = slot.slot
    free = (slot for slot in range(number) if slot not in set(given.values()))
    return {name: Slot(given[name] if name in given else next(free), number) for name in sorted(before)}


@contextmanager
def alone_on(ends: Mapping[str, Connection[TupleRow]], links: Sequence[Link]) -> Iterator[dict[str, int]]:
    """Holds the nodes, against installations and others that share ids, and all links. Gives the links' numbers."""
    with ExitStack() as stack:
        identities = {name: identify(end, name) for name, end in ends.items()}
        for end in ends.values():
            stack.enter_context(alone(end))
        numbers = {}
        for link in links:
            _, numbers[link.name] = register_link(ends[link.target], link, identities[link.source])
            stack.enter_context(held(ends[link.target], numbers[link.name], link.name))
        yield numbers


def _is_shared(target: Connection[TupleRow], link: str) -> bool:
    row = target.execute("SELECT ids_shared_at FROM ucrepl.link WHERE name = %s", [link]).fetchone()
    return bool(row and row[0])


def _interleave(
    ends: Mapping[str, Connection[TupleRow]], slots: Mapping[str, Slot | None], progress: Progress = _no_progress
) -> list[str]:
    """Gives the nodes these slots, or none, and has their sequences keep to them. Raises as `interleave` does."""
    for name, slot in slots.items():
        write_slot(ends[name], slot)
    members = [Member.of(name, ends[name], slot or ALL_IDS) for name, slot in slots.items()]
    return interleave(members, progress=progress)


@contextmanager
def _opened(config: Config, link: Link, nodes: Nodes) -> Iterator[OpenLink]:
    """The link, with all pairs that either end knows on the target."""
    with nodes.another(link.source) as source, nodes.another(link.target) as target:
        opened = open_link(config, link, source, target, pairing=True)
        take_pairs(link, opened)
        yield opened


def _refuse_unlike(links: Iterable[tuple[Link, OpenLink]]) -> None:
    """Raises RefusedError when an id of one end is that of another record on the other end, or may be."""
    for link, opened in links:
        unlike = [*_paired_unlike(link, opened), *_taken_twice(opened)]
        if unlike and not _has_pairs(opened):
            raise RefusedError(
                f"the records of {link.source!r} and {link.target!r} are not paired yet: nothing says whether those"
                f" with the same id are the same ({counted(len(unlike), 'table')})",
                hint="for two clones run first: ucrepl seed --same-ids; for other databases write 'ids: remap'",
            )
        if unlike:
            more = f"; and {counted(len(unlike) - _SHOWN, 'more table', 'more tables')}" * (len(unlike) > _SHOWN)
            raise RefusedError(
                f"ids of {link.source!r} and {link.target!r} differ already: {'; '.join(unlike[:_SHOWN])}{more}",
                hint="only clones can share ids. If the same id still means the same record pair them first, with:"
                " ucrepl seed --same-ids; if not make the clone anew, or write 'ids: remap'",
            )


def _has_pairs(opened: OpenLink) -> bool:
    statement = "SELECT EXISTS (SELECT FROM ucrepl.identity AS i WHERE i.peer_id = %s)"
    row = opened.target.execute(statement, [opened.plan.peer_id]).fetchone()
    return bool(row and row[0])


def _paired_unlike(link: Link, opened: OpenLink) -> Iterator[str]:
    rows = opened.target.execute(query("ids_paired_unlike"), {"peer": opened.plan.peer_id}).fetchall()
    for schema, table, records, remote, local in rows:
        yield (
            f"{TableName(schema, table)}: {records} records,"
            f" the first has the id {remote} on {link.source!r} and {local} on {link.target!r}"
        )


def _taken_twice(opened: OpenLink) -> Iterator[str]:
    """The tables of which both ends have records with the same id that are not known to be the same ones."""
    source, target = opened.source.connection, opened.target
    with source.transaction():
        source.execute("CREATE TEMPORARY TABLE unpaired (id bigint PRIMARY KEY) ON COMMIT DROP")
        for table in opened.plan.tables.values():
            if not table.surrogate:
                continue
            source.execute("TRUNCATE pg_temp.unpaired")
            unpaired = clones.unpaired(table, opened.plan.peer_id)
            with (
                target.cursor() as reading,
                source.cursor() as writing,
                reading.copy(f"COPY ({unpaired}) TO STDOUT (FORMAT binary)".encode()) as out,
                writing.copy(b"COPY pg_temp.unpaired FROM STDIN (FORMAT binary)") as into,
            ):
                for block in out:
                    into.write(block)
            row = source.execute(clones.taken_twice(table).encode()).fetchone()
            if row and row[0]:
                yield f"{table.name}: {row[0]} records, the first with id {row[1]}"
