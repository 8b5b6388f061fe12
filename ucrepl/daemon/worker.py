"""The worker of a link: a thread that replays it until it is told to stop, whatever happens on the way."""

import random
import threading
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING, Final

import psycopg
import structlog

from ucrepl.config import Config, Link
from ucrepl.daemon.chores import Chores, Pace
from ucrepl.daemon.durations import Durations
from ucrepl.daemon.report import tell, tell_released
from ucrepl.daemon.session import Session
from ucrepl.daemon.trouble import Patience, describe, judge
from ucrepl.daemon.waker import Ears, Waker
from ucrepl.db.sqlstate import Verdict
from ucrepl.errors import UcreplError
from ucrepl.link.replay import LinkReplayer, MovedError
from ucrepl.link.source import StalePlanError, Window
from ucrepl.link.status import rows_behind

if TYPE_CHECKING:
    from ucrepl.plan.model import LinkPlan

BEAT_SECONDS: Final = 5.0
"""A worker that waits gives a sign of life this often."""

SILENCE_SECONDS: Final = 30.0
"""A worker that gives no sign of life for so long, while no server is at work for it, hangs ..."""

OPENING_SECONDS: Final = 180.0
"""... unless it is connecting, for which libpq has a time limit for each address."""

PAIRS_SECONDS: Final = 1.0
"""Pairs of ids that the source has made come along with changes; where there are none, after this."""

LOOK_SECONDS: Final = 1.0
"""How often a standby tries the lock, and a paused link looks whether it may go on."""

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class State(StrEnum):
    """What a worker is doing."""

    STARTING = "starting"
    STANDBY = "standby"
    RUNNING = "running"
    IDLE = "idle"
    PAUSED = "paused"
    WAITING = "waiting"
    TROUBLED = "in trouble"
    STOPPED = "stopped"
    ENDED = "ended"


class Worker:
    """Replays one link in a thread of its own, from `start` until it has ended after `stop`.

    No error ends it: it tries the same batch again, opens the link again or, where only a person can help, tries again
    seldom. What it does is in `state`; `lag` is about how many changes it is behind while it catches up; `durations`
    are those of its batches; `attempted` tells that it has tried to open the link.
    """

    def __init__(self, config: Config, link: Link, pace: Pace | None = None) -> None:
        self.link = link
        self.state = State.STARTING
        self.lag = 0
        self.durations = Durations()
        self.attempted = threading.Event()
        self._pace = pace or Pace()
        self._session = Session(config, link)
        self._waker = Waker()
        self._ears: Ears | None = None
        self._chores: Chores | None = None
        self._patience = Patience()
        self._refused_plan: LinkPlan | None = None  # that an error has shown to be out of date
        self._stopping = threading.Event()
        self._position: str | None = None  # to which the last batch has come
        self._catching_up = False
        self._has_no_error = False
        self._last_move = monotonic()
        self._last_beat = monotonic()
        self._thread = threading.Thread(target=self._run, name=link.name, daemon=True)

    # What other threads call

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask to end after the batch that is being applied."""
        self._stopping.set()
        self._waker.wake()

    def nudge(self) -> None:
        """End a wait: try again now."""
        self._waker.wake()

    def join(self, seconds: float) -> bool:
        """Wait at the most so long for the end. Returns whether it has come."""
        self._thread.join(max(0.0, seconds))
        if self._thread.is_alive():
            return False
        self._waker.close()
        return True

    def cancel(self) -> None:
        """Cancel the batch that is being applied, until the thread has ended; use after `stop`."""
        while self._thread.is_alive():
            self._session.cancel()
            self._thread.join(0.2)

    @property
    def is_opening(self) -> bool:
        """Whether it is connecting or planning: it has no batch that would have to be finished."""
        return self.state is State.STARTING

    def is_well(self) -> bool:
        """Whether the thread makes progress as far as that lies with us; ask it once in a while.

        It does when it has given a sign of life lately (it does so at every step, and while it waits), when a server
        is at work for it (a long statement, or one that waits for a lock: a restart would only begin it again), or
        when it is connecting. So what is noticed is a thread that has died or hangs in this program.
        """
        now = monotonic()
        if self._session.is_busy:
            self._last_beat = now
        patience = OPENING_SECONDS if self.is_opening else SILENCE_SECONDS
        return self._thread.is_alive() and now - self._last_beat < patience

    # What its own thread does

    def _run(self) -> None:
        structlog.contextvars.bind_contextvars(link=self.link.name)
        while not self._stopping.is_set():
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - a worker that ended would be a link that stands still
                self._recover(error)
        self._say_goodbye()
        self.state = State.ENDED

    def _turn(self) -> None:
        """One step: a batch, or a wait."""
        self._beat()
        replayer = self._session.replayer or self._open()
        chores, ears = self._chores, self._ears
        if replayer is None or chores is None or ears is None:
            self._stand_by()
            return
        replayer.signaller.send()
        chores.do_what_is_due()
        if chores.needs_new_plan:
            log.info("tables have changed: the link is opened again")
            self._session.close()
            return
        known, self._position = self._position, None
        position, paused = (known, False) if known else replayer.position()
        chores.moved(position)
        if paused or chores.waits_for_modules:
            self._set(State.PAUSED if paused else State.WAITING)
            replayer.stop_reading()
            if self._session.is_seeding():
                self._session.close()  # and with it the lock
                return
            ears.forget()  # notifications that nobody takes would pile up on the source
            self._waker.wait(LOOK_SECONDS)
            return
        if (released := replayer.release_held()) is not None:
            chores.moved(position, released.parked)
            tell_released(released)
            return
        try:
            self._follow(replayer, chores, ears, position)
        except MovedError:
            if position != known:
                raise  # it was moved since it was read
            replayer.stop_reading()

    def _follow(self, replayer: LinkReplayer, chores: Chores, ears: Ears, position: str) -> None:
        """The batch that comes next, or a wait for one."""
        has_read_ahead = self._catching_up
        if not has_read_ahead:
            ears.forget()
        window = replayer.window(position)
        idle_seconds = monotonic() - self._last_move
        if window.has_changes or window.more or (window.has_pairs and idle_seconds > PAIRS_SECONDS):
            self._replay(replayer, chores, position, window)
            return
        self._catching_up = False
        self.lag = 0
        replayer.stop_reading()
        if has_read_ahead:
            return  # it was read a while ago: look again, with open ears
        if window.ends != position and idle_seconds > self._pace.move:
            chores.moved(replayer.replay(position, window).position)
            self._last_move = monotonic()
        self._clear_error()
        poll_seconds = self.link.poll_seconds
        if self._wait_for_changes(ears, chores, min(poll_seconds, PAIRS_SECONDS) if window.has_pairs else poll_seconds):
            self._position = position

    def _open(self) -> LinkReplayer | None:
        if self.state is not State.STANDBY:
            self._set(State.STARTING)
        replayer = self._session.open()
        self.attempted.set()
        if replayer is None:
            return None
        self._ears = Ears(self._session.source, self._waker)
        self._chores = Chores(self._session, replayer, self._pace)
        if replayer.courier:
            replayer.courier.transport.beat = self._beat
        self._catching_up = self._has_no_error = False
        log.info("link opened", tables=len(replayer.applier.plan.tables))
        return replayer

    def _stand_by(self) -> None:
        if self.state is not State.STANDBY:
            seeding = self._session.waits_for_seeding
            log.info("standby: the link is being seeded" if seeding else "standby: another daemon replays this link")
            self._set(State.STANDBY)
        self._rest(LOOK_SECONDS * random.uniform(0.75, 1.25))  # noqa: S311 - it is no secret

    def _replay(self, replayer: LinkReplayer, chores: Chores, position: str, window: Window) -> None:
        self._set(State.RUNNING)
        if window.more and not self._catching_up:
            self.lag = rows_behind(self._session.source, position)
        batch = replayer.replay(position, window)
        if batch.position == position:
            return  # paused a moment ago
        self._position = batch.position
        self._last_move = monotonic()
        self._has_no_error = True
        self._refused_plan = None
        self._patience.reset()
        self._catching_up = window.more
        self.lag = max(0, self.lag - self.link.batch_rows) if window.more else 0
        chores.moved(batch.position, batch.parked, batch.held)
        tell(batch)
        self.durations.add(batch.milliseconds["total"] / 1000)

    def _wait_for_changes(self, ears: Ears, chores: Chores, seconds: float) -> bool:
        """Waits at the most so long until it is time to look again. Returns whether something was heard."""
        self._set(State.IDLE)
        until = monotonic() + min(seconds, max(0.0, chores.seconds_left))
        while not self._stopping.is_set() and (left := until - monotonic()) > 0:
            if ears.wait(min(left, BEAT_SECONDS)):
                return True
            self._beat()
        return False

    def _recover(self, error: Exception) -> None:
        """Give back what is of no more use, write the error down, and wait until it is worth trying again."""
        if self._stopping.is_set():
            log.info("the batch was cancelled", error=describe(error))
            return
        verdict = self._verdict(error)
        delay = self._patience.delay(verdict)
        text = describe(error, self._session.lost)
        known = isinstance(error, psycopg.Error | UcreplError | StalePlanError)
        say = log.warning if verdict in {Verdict.RETRY, Verdict.RECONNECT, Verdict.REPLAN} else log.error
        say("link in trouble", error=text, verdict=verdict.value, again_in=round(delay, 1), exc_info=not known)
        self._session.record_error(text)
        self._has_no_error = False
        if not (verdict is Verdict.RETRY and self._session.is_usable):
            self._session.close()
        self._set(State.STOPPED if verdict in {Verdict.STOP, Verdict.WAIT} else State.TROUBLED)
        self.attempted.set()
        self._rest(delay)

    def _verdict(self, error: Exception) -> Verdict:
        """What to do about it. A plan that is refused again after it was made anew stops the link."""
        verdict = judge(error)
        if verdict is Verdict.REPLAN:
            if self._refused_plan is not None and self._refused_plan == self._session.plan:
                return Verdict.STOP
            self._refused_plan = self._session.plan
        return verdict

    def _clear_error(self) -> None:
        """All is well: an error that was written down is over."""
        if not self._has_no_error:
            self._session.record_error(None)
            self._has_no_error = True
            self._patience.reset()

    def _rest(self, seconds: float) -> None:
        """Wait, until nudged or stopped."""
        until = monotonic() + seconds
        while not self._stopping.is_set() and (left := until - monotonic()) > 0:
            if self._waker.wait(min(left, BEAT_SECONDS)):
                return
            self._beat()

    def _say_goodbye(self) -> None:
        try:
            if self._chores and self._session.is_usable:
                self._chores.confirm()
        except psycopg.Error as error:
            log.warning("chore failed", chore="confirm", error=describe(error))
        finally:
            self._session.close()
        log.info("link closed")

    def _set(self, state: State) -> None:
        self.state = state
        self._beat()

    def _beat(self) -> None:
        self._last_beat = monotonic()
