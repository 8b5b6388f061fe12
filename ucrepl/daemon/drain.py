"""`run --drain`: replays all links until each has what its source had committed when the command started."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any, TypeVar

from psycopg.rows import namedtuple_row

from ucrepl.config import Config, Link
from ucrepl.daemon.reach import Reach, refuse_held
from ucrepl.db.sqlfiles import query
from ucrepl.link.lock import LOCK_CLASS
from ucrepl.link.node import identify
from ucrepl.link.nodes import Nodes, explained

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Drained:
    """What became of the changes of a link during the drain; `parked`: how many are parked at its end."""

    link: str
    applied: int
    skipped: int
    parked: int
    conflicts: int


def drain(config: Config, say: Callable[[str], None]) -> list[Drained]:
    """Replay all links, each in a thread of its own, and tell what became of their changes.

    The snapshots to reach are taken of all sources first. What one link of a two-way pair applies makes no changes for
    the other, only pairs of ids. So the links of such pairs go a second round, to a snapshot taken after the first
    one: then both sides know all pairs. At the end the parked changes are tried once more; where some could be
    applied, that goes on until no more can.
    Raises RefusedError for a paused link, UnreachableError, and what else forbids to go on. `say` is told what a person
    should know.
    """
    stop = Event()
    with Nodes(config, "drain") as nodes:
        for name in sorted({name for link in config.links for name in (link.source, link.target)}):
            with explained(name):
                identify(nodes.get(name), name)
        goals = _snapshots(nodes, config.links)
        before = {link.name: _state(nodes, link) for link in config.links}
        for link in config.links:
            refuse_held(
                link,
                paused=getattr(before[link.name], "paused", False),
                seeding=getattr(before[link.name], "seeding", False),
            )
        reaches = [Reach(config, link, say, stop) for link in config.links]
        two_way = [reach for reach in reaches if _has_way_back(config, reach.link)]
        try:
            _together(reaches, partial(_reach, goals), stop)
            applied = 1
            while applied:
                goals = _snapshots(nodes, [reach.link for reach in two_way])
                _together(two_way, partial(_reach, goals), stop)
                parked = [reach for reach in reaches if getattr(_state(nodes, reach.link), "parked", 0)]
                applied = sum(_together(parked, Reach.retry_parked, stop))
        finally:
            for reach in reaches:
                reach.close()
        return [_difference(link, before[link.name], _state(nodes, link)) for link in config.links]


def _reach(goals: dict[str, str], reach: Reach) -> None:
    reach.reach(goals[reach.link.source])


def _together(reaches: Sequence[Reach], work: Callable[[Reach], T], stop: Event) -> list[T]:
    """Do the work for all of them at the same time. After the first error, the others end with their batch."""
    if not reaches:
        return []
    with ThreadPoolExecutor(len(reaches), "drain") as pool:
        futures = [pool.submit(work, reach) for reach in reaches]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            stop_early = any(future.done() and future.exception() for future in futures)
        except BaseException:  # an interrupt from the keyboard
            stop.set()
            while wait(futures, timeout=0.2).not_done:
                for reach in reaches:
                    reach.cancel()
            raise
        if stop_early:
            stop.set()
    return [future.result() for future in sorted(futures, key=lambda future: future.exception() is None)]


def _snapshots(nodes: Nodes, links: Sequence[Link]) -> dict[str, str]:
    """What each source has committed by now."""
    found = {}
    for name in sorted({link.source for link in links}):
        with explained(name):
            row = nodes.get(name).execute("SELECT pg_catalog.pg_current_snapshot()::text").fetchone()
        found[name] = row[0] if row else ""
    return found


def _state(nodes: Nodes, link: Link) -> Any:  # noqa: ANN401 - a row of the query
    """What the target knows of the link; None if it was never opened."""
    with explained(link.target), nodes.get(link.target).cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(query("link_state"), {"link": link.name, "lock_class": LOCK_CLASS}).fetchone()


def _difference(link: Link, before: Any, after: Any) -> Drained:  # noqa: ANN401 - as above
    applied, skipped, conflicts = (
        getattr(after, name, 0) - getattr(before, name, 0) for name in ("applied", "skipped", "conflicts")
    )
    return Drained(link.name, applied, skipped, getattr(after, "parked", 0), conflicts)


def _has_way_back(config: Config, link: Link) -> bool:
    return any(other.source == link.target and other.target == link.source for other in config.links)
