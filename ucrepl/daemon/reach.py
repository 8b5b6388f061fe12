"""Replays one link up to a goal and no further: what `run --drain` does with each link."""

from collections.abc import Callable
from contextlib import ExitStack
from threading import Event
from time import monotonic
from typing import Final

import psycopg
import structlog

from ucrepl.config import Config, Link
from ucrepl.daemon.report import tell, tell_released
from ucrepl.daemon.session import Session
from ucrepl.daemon.trouble import Patience, describe, judge
from ucrepl.db.sqlstate import Verdict
from ucrepl.errors import RefusedError, UcreplError, UnreachableError
from ucrepl.link.held.modules import WAIT_HINT, at_work, modules_at_work
from ucrepl.link.node import identify
from ucrepl.link.nodes import Nodes
from ucrepl.link.replay import LinkReplayer
from ucrepl.link.source import Source, StalePlanError, Window, is_before, structure_of

PATIENCE_SECONDS: Final = 60.0
"""How long a lost connection, or somebody who is in the way, is put up with."""

LOOK_SECONDS: Final = 0.1
"""How often is looked how far the daemon has come that holds the lock."""

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class Reach:
    """Keeps its connections from goal to goal. Belongs to one thread at a time; `cancel` may be called by any.

    `say` is told what a person should know; `stop` ends it between two batches.
    """

    def __init__(self, config: Config, link: Link, say: Callable[[str], None], stop: Event) -> None:
        self.link = link
        self.session = Session(config, link)
        self._say = say
        self._stop = stop
        self._has_said = False
        self._to_close = ExitStack()
        self._nodes = Nodes(config, f"drain {link.name}")
        self._to_close.enter_context(self._nodes)

    def reach(self, goal: str) -> None:
        """Replay until all that is visible in the snapshot `goal` of the source is on the target, or was parked.

        Where a daemon replays the link, wait until it has got there. Raises RefusedError for a paused link and for what
        only a person can mend, UnreachableError after a minute without a connection.
        """
        self._persist(lambda: self._step(goal))

    def retry_parked(self) -> int:
        """Try the parked changes again. Returns how many were applied; none where a daemon does that."""
        applied = 0

        def attempt() -> bool:
            nonlocal applied
            replayer = self.session.open()
            applied = replayer.retry_parked().changes if replayer else 0
            return True

        self._persist(attempt)
        return applied

    def cancel(self) -> None:
        """Cancel what the servers do for the link."""
        self.session.cancel()

    def close(self) -> None:
        """Close all connections."""
        self.session.close()
        self._to_close.close()

    def _persist(self, attempt: Callable[[], bool]) -> None:
        """Attempt until it is done, whatever passes by itself."""
        structlog.contextvars.bind_contextvars(link=self.link.name)
        patience = Patience()
        refused_plan = None
        began = monotonic()
        while not self._stop.is_set():
            try:
                if attempt():
                    return
                patience.reset()
                refused_plan = None
                began = monotonic()
                continue
            except (psycopg.Error, StalePlanError, UnreachableError) as error:
                verdict = judge(error)
                again = verdict is Verdict.REPLAN and (refused_plan is None or refused_plan != self.session.plan)
                refused_plan = self.session.plan
                text = describe(error, self.session.lost)
                if (
                    not (again or verdict in {Verdict.RETRY, Verdict.RECONNECT})
                    or monotonic() - began > PATIENCE_SECONDS
                ):
                    self.session.record_error(text)
                    raise _final(self.link, error, verdict, text) from error
            log.warning("link in trouble", error=text, verdict=verdict.value)
            if not (verdict is Verdict.RETRY and self.session.is_usable):
                self.session.close()
            self._stop.wait(patience.delay(verdict))

    def _step(self, goal: str) -> bool:
        """One batch, or one look at what a daemon does. Returns whether the goal is reached."""
        replayer = self.session.open()
        if replayer is None:
            return self._look_at_daemon(goal)
        replayer.signaller.send()
        refuse_while_installing(replayer)
        position, paused = replayer.position()
        refuse_held(self.link, paused=paused, seeding=paused and self.session.is_seeding())
        if (released := replayer.release_held()) is not None:
            tell_released(released)
            return False
        if not is_before(position, goal):
            return self._arrive(replayer, position)
        window = replayer.window(position)
        if _has_work(window):
            batch = replayer.replay(position, window)
            if batch.position != position:  # else it was paused a moment ago
                tell(batch)
            return False
        replayer.stop_reading()
        return not is_before(window.ends, goal) and self._arrive(replayer, position)

    def _arrive(self, replayer: LinkReplayer, position: str) -> bool:
        replayer.stop_reading()
        replayer.confirm(position)
        return True

    def _look_at_daemon(self, goal: str) -> bool:
        if not self._has_said:
            self._has_said = True
            self._say(f"link {self.link.name!r} is replayed by a daemon: waiting until it has got there")
        target, source = self._nodes.get(self.link.target), self._nodes.get(self.link.source)
        row = target.execute(
            "SELECT position::text, paused, seeding FROM ucrepl.link WHERE name = %s", [self.link.name]
        ).fetchone()
        if row is None:
            return False
        refuse_held(self.link, paused=row[1], seeding=row[2])
        if not is_before(row[0], goal):
            return True
        uuid = identify(target, self.link.target).uuid
        reader = Source(source, self.link.name, uuid, structure_of(source))
        window = reader.window(row[0], self.link.batch_rows)
        if not _has_work(window) and not is_before(window.ends, goal):
            return True
        self._stop.wait(LOOK_SECONDS)
        return False


def _has_work(window: Window) -> bool:
    return window.has_changes or window.has_pairs or window.more


def refuse_held(link: Link, *, paused: bool, seeding: bool) -> None:
    """Raise RefusedError for a link that is paused, or is being seeded."""
    if seeding:
        raise RefusedError(
            f"link {link.name!r} is being seeded, or its seeding was interrupted",
            hint=f"wait for it, or go on with it: ucrepl seed '{link.name}'",
        )
    if paused:
        raise RefusedError(f"link {link.name!r} is paused", hint=f"let it go on with: ucrepl resume '{link.name}'")


def refuse_while_installing(replayer: LinkReplayer) -> None:
    """Raise RefusedError for a link that has to wait until modules of Odoo are installed on its target."""
    link = replayer.link
    if names := modules_at_work(replayer.target, link, replayer.applier.plan):
        raise RefusedError(
            f"link {link.name!r} waits: {at_work(link.target, names)}",
            hint=WAIT_HINT,
        )


def _final(link: Link, error: Exception, verdict: Verdict, text: str) -> UcreplError:
    """The error that ends the command."""
    message = f"link {link.name!r}: {text}"
    if isinstance(error, UcreplError):
        return type(error)(f"link {link.name!r}: {error.message}", error.hint)
    if verdict is Verdict.RECONNECT:
        return UnreachableError(message, hint="see that both servers are up, then run the command again")
    if verdict is Verdict.RETRY:
        return RefusedError(message, hint="somebody holds what is needed (see pg_stat_activity): run the command again")
    return RefusedError(message, hint="see what is wrong with: ucrepl check")
