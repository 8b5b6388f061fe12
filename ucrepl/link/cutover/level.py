"""Brings the target of a link up to a marker in the journal of its source."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from ucrepl.config import Link
from ucrepl.db.sqlfiles import query
from ucrepl.db.sqlstate import Verdict, classify
from ucrepl.errors import RefusedError
from ucrepl.link.lock import LOCK_CLASS, try_lock, unlock
from ucrepl.link.node import identify
from ucrepl.link.nodes import Nodes
from ucrepl.link.replay import LinkReplayer
from ucrepl.link.setup import open_link
from ucrepl.link.source import Source, is_before, structure_of

_LOOK_SECONDS: Final = 0.005


@dataclass(frozen=True, slots=True)
class LinkState:
    """What the target knows of a link: where it is, how much it has applied, whether somebody replays it."""

    position: str
    paused: bool
    parked: int
    applied: int
    has_daemon: bool


def link_state(target: Connection[TupleRow], link: str) -> LinkState | None:
    """The state of a link on its target; None where it was never opened."""
    with target.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query("link_state"), {"link": link, "lock_class": LOCK_CLASS}).fetchone()
    if row is None:
        return None
    rests = row["paused"] or row["seeding"]
    return LinkState(row["position"], rests, row["parked"], row["applied"], row["has_daemon"])


def mark(source: Connection[TupleRow], seq: int) -> str:
    """Stores a tick after the change with the number `seq`, and wakes the daemons. Returns its snapshot."""
    row = source.execute(query("cutover_mark"), {"seq": seq}).fetchone()
    source.execute("NOTIFY ucrepl")
    return row[0] if row else ""


class Leveller:
    """Has the target of a link reach what its source has committed: by the daemon that replays it, else by itself.

    It is ready when it is made: beside a daemon it stands by with a plan, and all that it needs when the daemon dies is
    the lock. Close it at the end, or use `with`.
    """

    def __init__(self, nodes: Nodes, link: Link) -> None:
        self.link = link
        self._target = nodes.another(link.target)
        self._to_close = ExitStack()
        self._link_id: int | None = None
        self._replayer: LinkReplayer | None = None
        self._is_at_work = False
        uuid = identify(self._target, link.target).uuid
        source = nodes.another(link.source)
        self._reader = Source(source, link.name, uuid, structure_of(source))
        known = self._target.execute("SELECT link_id FROM ucrepl.link WHERE name = %s", [link.name]).fetchone()
        if known:
            self._link_id = known[0]
            self._take_over()
            opened = open_link(nodes.config, link, nodes.another(link.source), self._target)
            self._replayer = LinkReplayer(link, opened)
            self._to_close.callback(self._replayer.stop_reading)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._to_close.close()

    def reach(self, goal: str, until: float) -> None:
        """Waits until all that is visible in the snapshot `goal` of the source is on the target, or was parked.

        Raises TimeoutError at the time `until` of the monotonic clock, RefusedError for a link that is paused.
        """
        while not self._has_reached(state := self._state(), goal):
            if time.monotonic() > until:
                raise TimeoutError(f"link {self.link.name!r} was not level in time")
            if not state.has_daemon:
                self._take_over()
            if not (self._is_at_work and self._replayer and self._replay(self._replayer)):
                time.sleep(_LOOK_SECONDS)

    def _take_over(self) -> None:
        """Replays the link itself from now on, if nobody else does."""
        if self._link_id is not None and try_lock(self._target, self._link_id):
            self._is_at_work = True
            self._to_close.callback(self._give_back, self._link_id)

    def _give_back(self, link_id: int) -> None:
        if not self._target.closed:
            unlock(self._target, link_id)

    def _state(self) -> LinkState:
        state = link_state(self._target, self.link.name)
        if state is None or state.paused:
            raise RefusedError(
                f"link {self.link.name!r} is paused", hint=f"let it go on with: ucrepl resume '{self.link.name}'"
            )
        return state

    def _has_reached(self, state: LinkState, goal: str) -> bool:
        if not is_before(state.position, goal):
            return True
        window = self._reader.window(state.position, self.link.batch_rows)
        return window.is_empty and not is_before(window.ends, goal)

    def _replay(self, replayer: LinkReplayer) -> bool:
        """Applies what comes next. Returns whether there was something, and it could be applied."""
        position, _ = replayer.position()
        window = replayer.window(position)
        if window.is_empty:
            return False
        try:
            replayer.replay(position, window)
        except psycopg.Error as error:
            if classify(error) is not Verdict.RETRY:
                raise
            return False
        return True
