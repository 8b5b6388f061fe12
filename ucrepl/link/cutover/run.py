"""The cut-over itself: a row of steps, each written down on both nodes before and after it is taken.

Until the old side is closed for good it is only held: its transaction is open, whoever writes waits, and whatever
happens, to this program too, rolls it back, so that those who wait go on as if nothing had been. Then two commits
decide: the old side is closed, the new side is open. Between them neither is, and never are both.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link
from ucrepl.db.connect import limit_statements
from ucrepl.errors import RefusedError, UcreplError
from ucrepl.link.clock import clock_offset
from ucrepl.link.cutover import fence
from ucrepl.link.cutover.compare import Compared, Recent
from ucrepl.link.cutover.front import Front
from ucrepl.link.cutover.level import Leveller, link_state, mark
from ucrepl.link.cutover.numbers import NumberKeeper
from ucrepl.link.cutover.pgbouncer import BouncerError
from ucrepl.link.cutover.preflight import preflight
from ucrepl.link.cutover.reasons import is_timeout, late, reason
from ucrepl.link.cutover.record import Record, alone
from ucrepl.link.cutover.report import Report, last_change, note_first_write
from ucrepl.link.cutover.steps import Steps
from ucrepl.link.cutover.switch import SwitchError
from ucrepl.link.node import identify
from ucrepl.link.nodes import Nodes
from ucrepl.link.signals import tell_all
from ucrepl.link.source import Source, StalePlanError, structure_of
from ucrepl.link.words import listed
from ucrepl.packs import load_packs

_DECIDE_SECONDS: Final = 10.0
_CATCH_UP_SECONDS: Final = 60.0
_SOON_SECONDS: Final = 0.5
_FIRST_WRITE_SECONDS: Final = 0.25
_WITHOUT_DEADLINE: Final = frozenset({"prepare", "switch", "close"})

_EXPECTED: Final = (psycopg.Error, UcreplError, TimeoutError, BouncerError, SwitchError, StalePlanError)


@dataclass(frozen=True, slots=True)
class Options:
    """`rehearse`: take it back before the clients are led over. `deadline`: how many seconds writers may have to wait.

    `told` is called with each step before it is taken.
    """

    rehearse: bool = False
    deadline: float = 10.0
    told: Callable[[str], None] = lambda _step: None


def cut_over(config: Config, link: Link, nodes: Nodes, options: Options = Options()) -> dict[str, Any]:
    """Moves all writing from the source of a link to its target. Returns the report.

    The target is closed from the beginning on, also after it was taken back; a rehearsal leaves it as it was. Raises
    RefusedError where it can't be done, and then nothing has changed, and where it was taken back; or, with what to do
    next, where it could be neither finished nor taken back.
    """
    for name in (link.source, link.target):
        identify(nodes.get(name), name)
    ends = {name: nodes.another(name) for name in (link.source, link.target)}
    with alone(ends):
        preflight(nodes, link)
        with Nodes(config, fence.GATE) as gates:
            return _Run(config, link, nodes, gates, Record(ends), options).go()


class _Run:
    """One cut-over under way. `is_decided`: the old side was told to close for good."""

    def __init__(
        self, config: Config, link: Link, nodes: Nodes, gates: Nodes, record: Record, options: Options
    ) -> None:
        self.config, self.link, self.options = config, link, options
        self.nodes, self.gates, self.record = nodes, gates, record
        self.source, self.target = nodes.get(link.source), nodes.get(link.target)
        self.front = Front(config, link)
        self.is_decided = False
        self.was_open = not fence.read_fence(self.target).closed
        kind = "rehearsal" if options.rehearse else "cutover"
        self.report = Report(link.name, kind, link.source, link.target)
        self._until = 0.0
        self._waits_since: float | None = None
        self._steps = Steps(record, options.told, self.report.steps)

    def go(self) -> dict[str, Any]:
        """Takes all steps. Raises as `cut_over` does."""
        self.record.begin(
            self.link.name,
            "rehearsal" if self.options.rehearse else "cutover",
            {"deadline": self.options.deadline, "was_open": self.was_open},
        )
        try:
            self._cut_over()
        except _EXPECTED as error:
            self._give_up(error)
            raise self._taken_back(error) from error
        except BaseException as error:  # an interrupt from the keyboard
            self._give_up(error)
            raise
        if self.options.rehearse:
            self._take_back("it was a rehearsal")
            return self.report.as_dict()
        return self._finish()

    def _cut_over(self) -> None:
        """All steps up to the decision, and the decision."""
        with ExitStack() as stack:
            self._steps.begin("prepare")
            leveller = stack.enter_context(Leveller(self.nodes, self.link))
            recent = stack.enter_context(Recent(self.nodes, self.link, self.config.cutover_of(self.link)))
            numbers = NumberKeeper(self.source, self.target, self.link.source)
            armed = self._way_back()
            self.report.clocks = {
                name: round(clock_offset(self.nodes.get(name)), 6) for name in (self.link.source, self.link.target)
            }
            gate, other_gate = self.gates.get(self.link.source), self.gates.get(self.link.target)
            before = link_state(self.target, self.link.name)
            self._catch_up(leveller)
            self._until = time.monotonic() + self.options.deadline
            if self.front.bouncer:
                self._steps.begin("pause")
                self._waits_since = time.monotonic()
                self.front.pause(self._left())
            self._steps.begin("fence")
            self._close_target(other_gate)
            self._waits_since = self._waits_since or time.monotonic()
            with fence.held(gate, self._left(), self._idle_seconds()) as last_seq:
                fence.close(gate, fence.place_of(self.config, self.link.target), last_seq)
                self._timed_step("marker")
                goal = mark(self.source, last_seq)
                self._timed_step("level")
                leveller.reach(goal, self._until)
                self._timed_step("numbers")
                self.report.numbers = asdict(numbers.set())
                self._timed_step("compare")
                self._note_compared(recent.compare(self._until))
                self._timed_step("arm")
                armed()
                after = link_state(self.target, self.link.name)
                self.report.rows = after.applied - before.applied if after and before else 0
                last = last_change(self.source)
                self.report.last_write_at = last.isoformat() if last else None
                if self.options.rehearse:
                    self._note_wait()
                    return
                self._left()
                self._limit(0)
                self._steps.begin("switch")
                with self._opening(other_gate):
                    self.front.lead_over(identify(self.target, self.link.target).uuid)
                    self._steps.begin("close")
                    self._decide(gate, other_gate)

    def _catch_up(self, leveller: Leveller) -> None:
        """Has the target be nearly level before anybody has to wait: what is left takes a part of the deadline.

        Raises RefusedError where it does not get so far.
        """
        until, soon = time.monotonic() + _CATCH_UP_SECONDS, max(_SOON_SECONDS, self.options.deadline / 4)
        took = soon
        while took >= soon:
            since = time.monotonic()
            try:
                leveller.reach(mark(self.source, 0), until)
            except TimeoutError:
                raise RefusedError(
                    f"{self.link.name} did not catch up within {_CATCH_UP_SECONDS:g} s", hint="see: ucrepl status"
                ) from None
            took = time.monotonic() - since

    def _note_compared(self, compared: Compared) -> None:
        """Puts it into the report. Raises TimeoutError for tables that seem to differ, if there was no time to see."""
        self.report.compared, self.report.in_part = compared.tables, compared.in_part
        self.report.not_compared = compared.not_compared
        if not compared.are_known:
            self.report.notes.append("there was no time to find out which tables were changed in the last moments")
        if compared.unclear:
            raise TimeoutError(f"{listed(compared.unclear)} could not be looked at in time")

    def _close_target(self, gate: Connection[TupleRow]) -> None:
        """Closes the new side, if it is open: at no time are both."""
        if self.was_open:
            fence.shut(gate, fence.place_of(self.config, self.link.source), self._left(), self._idle_seconds())

    @contextmanager
    def _opening(self, gate: Connection[TupleRow]) -> Iterator[None]:
        """A transaction that opens the new side when it is committed. Whoever writes there meanwhile waits for that."""
        with fence.held(gate, fence.SPARE_SECONDS, self._idle_seconds()):
            fence.reopen(gate)
            yield

    def _decide(self, gate: Connection[TupleRow], other_gate: Connection[TupleRow]) -> None:
        """Closes the old side, then opens the new one."""
        self.is_decided = True
        try:
            gate.execute("COMMIT")
        except psycopg.Error:
            if not self._look_again(self.link.source).closed:
                self.is_decided = False
                raise
        with suppress(psycopg.Error):  # nothing may come between the two
            self._steps.begin("open")
        try:
            other_gate.execute("COMMIT")
        except psycopg.Error:
            if self._look_again(self.link.target).closed:
                fence.reopen(self.nodes.get(self.link.target))
        self._note_wait()

    def _look_again(self, name: str) -> fence.Fence:
        """The fence of a node to which the connection was lost. Raises RefusedError where it does not come back."""
        until = time.monotonic() + _DECIDE_SECONDS
        while True:
            with suppress(psycopg.Error, UcreplError):
                return fence.read_fence(self.nodes.get(name))
            if time.monotonic() > until:
                raise RefusedError(f"node {name!r} was lost while the fence moved, and neither side may be open")
            time.sleep(0.1)

    def _finish(self) -> dict[str, Any]:
        """What is left when the new side is open."""
        try:
            self._steps.begin("resume")
            self.front.resume()
            self._note_wait()
            self._steps.begin("caches")
            self.report.caches = tell_all(self.nodes.get(self.link.target), load_packs(tuple(self.config.packs)))
        except _EXPECTED as error:
            raise self._unfinished(error) from error
        self._steps.end()
        self.report.outcome = "done"
        report = self._with_first_write()
        report["notes"] += self._unwritten(self.record.end("done", report), "resume")
        return report

    def _with_first_write(self) -> dict[str, Any]:
        """The report, with the first change on the new side if it comes at once."""
        until = time.monotonic() + _FIRST_WRITE_SECONDS
        while True:
            report = note_first_write(self.report.as_dict(), self.nodes.get(self.link.target))
            if report["first_write_at"] or time.monotonic() > until:
                return report
            time.sleep(0.05)

    def _way_back(self) -> Callable[[], None]:
        """Readies a look whether the old side can follow the new one from its first change on."""
        back = self.config.way_back(self.link)
        if back is None or not self.config.cutover_of(self.link).reverse:
            return lambda: None
        uuid = identify(self.source, back.target).uuid
        reader = Source(self.nodes.another(back.source), back.name, uuid, structure_of(self.target))

        def look() -> None:
            state = link_state(self.source, back.name)
            if state is None or state.paused:
                raise RefusedError(f"the way back {back.name!r} is not ready", hint="see: ucrepl status")
            reader.window(state.position, back.batch_rows)

        return look

    # Taking back

    def _give_up(self, error: BaseException) -> None:
        """Takes it back, unless the old side is closed, or may be."""
        if self.is_decided:
            raise self._unfinished(error) from error
        self._take_back(self._why(error)[0])

    def _take_back(self, why: str) -> None:
        self._note_wait()
        with suppress(psycopg.Error):
            self._limit(0)
        self._steps.end()
        self.report.outcome, self.report.reason = "taken back", why
        self.report.notes += self.front.lead_back()
        if self.options.rehearse and self.was_open:
            try:
                fence.reopen(self.gates.get(self.link.target))
            except (psycopg.Error, UcreplError) as error:
                self.report.notes.append(
                    f"node {self.link.target!r} is closed and could not be opened: {reason(error)}"
                )
        failed = self.record.end("taken back", self.report.as_dict())
        self.report.notes += self._unwritten(failed, "abort")

    def _unwritten(self, failed: list[str], command: str) -> list[str]:
        """What to say of nodes on which the end is not written down, and with which command that is mended."""
        return [
            f"it could not be written down on node {name!r}: ucrepl cutover {command} '{self.link.name}'"
            for name in failed
        ]

    def _taken_back(self, error: BaseException) -> RefusedError:
        why, hint = self._why(error)
        notes = "".join(f"; {note}" for note in self.report.notes)
        return RefusedError(f"taken back, {self.link.source!r} is open as before: {why}{notes}", hint=hint)

    def _why(self, error: BaseException) -> tuple[str, str]:
        """The reason, and a hint."""
        if is_timeout(error) and self._steps.now not in _WITHOUT_DEADLINE:
            return late(self._steps.now, self.options.deadline)
        return reason(error), getattr(error, "hint", None) or "mend that, and try it with: --rehearse"

    def _unfinished(self, error: BaseException) -> RefusedError:
        name = self.link.name
        return RefusedError(
            f"{name} was cut over, and not to the end: {reason(error)}",
            hint=f"go on with: ucrepl cutover resume '{name}'; see where it is with: ucrepl cutover status",
        )

    # Time

    def _timed_step(self, name: str) -> None:
        """Begins a step whose statements must be done by the deadline."""
        self._steps.begin(name)
        self._limit(self._left())

    def _limit(self, seconds: float) -> None:
        """Has the next statements of both sides end after so long; 0: never."""
        for node in (self.source, self.target):
            limit_statements(node, seconds)

    def _left(self) -> float:
        """The seconds until the deadline. Raises TimeoutError past it."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"the deadline of {self.options.deadline:g} s has passed")
        return left

    def _idle_seconds(self) -> float:
        settings = self.config.cutover_of(self.link)
        return self.options.deadline + 2 * settings.switch_seconds + fence.SPARE_SECONDS

    def _note_wait(self) -> None:
        if self._waits_since is not None:
            self.report.waited_ms = round((time.monotonic() - self._waits_since) * 1000, 1)
