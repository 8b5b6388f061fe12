"""What a link does now and then beside replaying: it confirms, purges, looks for drift, tries parked changes again."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

import psycopg
import structlog

from ucrepl.daemon.session import Session
from ucrepl.daemon.trouble import describe
from ucrepl.db.sqlfiles import query
from ucrepl.errors import ConfigError, RefusedError
from ucrepl.link.cutover.documents import Counter, note_counters, read_counters
from ucrepl.link.drift import capture_new
from ucrepl.link.held.modules import WAIT_HINT, at_work, modules_at_work
from ucrepl.link.held.tell import HINT, held_tables, reasons
from ucrepl.link.ids.sequences import Member, read_slot
from ucrepl.link.ids.tend import tend_ids
from ucrepl.link.nodes import Nodes
from ucrepl.link.numbers.tend import make_ranges, tend_numbers
from ucrepl.link.purge import purge_journal, purge_tombstones
from ucrepl.link.replay import LinkReplayer
from ucrepl.link.uncaptured import uncaptured

PARKED_AT_ONCE: Final = 1000
"""How many parked changes are tried again in one transaction; new changes wait meanwhile."""

CONNECT_SECONDS: Final = 3
"""How long a third node may take to answer while this link waits for it."""

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often things are done, in seconds."""

    confirm: float = 5.0
    """The source is told how far the target has come."""
    move: float = 60.0
    """The position of a link that has nothing to do follows its source."""
    purge: float = 60.0
    tombstones: float = 3600.0
    drift: float = 60.0
    modules: float = 1.0
    """The target is asked whether modules of Odoo are being installed there."""
    parked: float = 60.0
    """Parked changes are tried again after this, then after twice as long and so on ..."""
    parked_at_last: float = 900.0
    """... up to this."""
    counters: float = 10.0
    """The target is told how far the document numbers of the source are."""
    files: float = 60.0
    """Files that could not be brought are tried again."""


@dataclass
class _Chore:
    do: Callable[[], None]
    every: float
    due: float

    @property
    def name(self) -> str:
        return self.do.__name__.strip("_")


class Chores:
    """The chores of a link that is open, done by its worker between two batches."""

    def __init__(self, session: Session, replayer: LinkReplayer, pace: Pace) -> None:
        self._session = session
        self._replayer = replayer
        self._pace = pace
        self._position = ""
        self._confirmed = ""
        self._findings: object = None
        self.needs_new_plan = False
        self.waits_for_modules = False
        self._held_because: list[str] = []
        self._uncaptured: list[str] = []
        self._members: list[Member] = []
        self._counters: set[Counter] = set()
        now = monotonic()
        self._parked = _Chore(self._retry_parked, pace.parked, now + pace.parked)
        self._held = _Chore(self._tell_what_is_held, pace.drift, now)
        self._chores = (
            _Chore(self._look_at_modules, pace.modules if session.link.wait_for_modules else pace.drift, now),
            _Chore(self._confirm, pace.confirm, now + pace.confirm),
            _Chore(self._look_for_drift, pace.drift, now),
            _Chore(self._tell_what_is_uncaptured, pace.drift, now),
            self._held,
            _Chore(self._tend_ids, pace.drift, now),
            _Chore(self._tend_numbers, pace.drift, now),
            _Chore(self._note_counters, pace.counters, now),
            # several links may have one source: not all at the same time
            _Chore(self._purge, pace.purge, now + pace.purge * random.uniform(0.2, 1)),  # noqa: S311
            _Chore(self._purge_tombstones, pace.tombstones, now + pace.tombstones * random.uniform(0.2, 1)),  # noqa: S311
            self._parked,
            _Chore(self._retry_files, pace.files, now + pace.files),
        )

    def moved(self, position: str, parked: int = 0, held: int = 0) -> None:
        """Tell of the position that is reached, and of changes parked and held on the way."""
        self._position = position
        if parked:
            self._retry_parked_soon()
        if held and not self._held_because:
            self._held.due = monotonic()

    @property
    def seconds_left(self) -> float:
        """How long until something is due."""
        return min(chore.due for chore in self._chores) - monotonic()

    def do_what_is_due(self) -> None:
        """Do it. Raises what means that the link has to be opened again; other errors are logged."""
        for chore in self._chores:
            if chore.due > monotonic():
                continue
            try:
                chore.do()
            except psycopg.Error as error:
                if not self._session.is_usable:
                    raise
                log.warning("chore failed", chore=chore.name, error=describe(error))
            chore.due = monotonic() + chore.every

    def confirm(self) -> None:
        """Tell the source how far the target has come, at once."""
        self._confirm()

    def _confirm(self) -> None:
        if self._position != self._confirmed:
            self._replayer.confirm(self._position)
            self._confirmed = self._position

    def _purge(self) -> None:
        purged = purge_journal(self._session.source)
        if purged.parts or purged.busy:
            log.info("journal purged", parts=purged.parts, busy=purged.busy, ticks=purged.ticks)

    def _purge_tombstones(self) -> None:
        purge_tombstones(self._session.target)

    def _look_for_drift(self) -> None:
        if self._session.has_other_tables():
            self.needs_new_plan = True
        found = self._session.source.execute(query("drift")).fetchall()
        if any(what != "asleep" for what, _ in found) and self._capture_new():
            found = self._session.source.execute(query("drift")).fetchall()
        if found == self._findings or not (found or self._findings):
            return
        self._findings = found
        for finding, event in (
            ("missing", "triggers are missing or disabled: changes of these tables are not replicated"),
            ("new", "tables are new: their changes are not replicated"),
            ("unguarded", "triggers for document numbers are missing or disabled"),
        ):
            if tables := [table for what, table in found if what == finding]:
                log.warning(event, node=self._session.link.source, tables=tables, hint="run: ucrepl install")
        if asleep := [link for what, link in found if what == "asleep"]:
            log.warning(
                "the journal grows: links that read it have not done so for a day",
                node=self._session.link.source,
                links=asleep,
                hint="run their daemon, or resume them with: ucrepl resume LINK",
            )
        if not found:
            log.info("all tables are captured again", node=self._session.link.source)

    def _tell_what_is_uncaptured(self) -> None:
        session = self._session
        found = uncaptured(session.link.name, session.source)
        sentences = [str(changes) for changes in found]
        if sentences and sentences != self._uncaptured:
            hint = "; ".join(dict.fromkeys(changes.remedy for changes in found))
            log.warning("the journal lacks changes", node=session.link.source, changes=sentences, hint=hint)
        self._uncaptured = sentences

    def _capture_new(self) -> bool:
        """Has tables captured that are new on the source. Returns whether there were any."""
        session = self._session
        rules = [rule for rule in session.config.rules_for(session.link) if rule.skip]
        captured = capture_new(
            session.config,
            session.link,
            session.source,
            session.target,
            lambda name: not any(rule.matches(*name) for rule in rules),
        )
        if captured:
            log.info(
                "tables are new: their changes are captured from now on",
                node=session.link.source,
                tables=[str(name) for name in captured],
                rows=sum(captured.values()),
            )
        return bool(captured)

    def _look_at_modules(self) -> None:
        """See whether the link has to wait, and whether there are other tables now that it has not."""
        session = self._session
        names = modules_at_work(session.target, session.link, self._replayer.applier.plan)
        waits_for = at_work(session.link.target, names) if names else None
        session.record_waiting(waits_for)
        if waits_for and not self.waits_for_modules:
            log.info("nothing is replayed for a while", reason=waits_for, hint=WAIT_HINT)
        if self.waits_for_modules and not waits_for:
            log.info("replayed again: no module is being installed any more", node=session.link.target)
            self.needs_new_plan |= session.has_other_tables()
        self.waits_for_modules = bool(waits_for)

    def _tell_what_is_held(self) -> None:
        session = self._session
        held = held_tables(session.target, session.link.name)
        found = reasons(held, session.link, session.source, session.target) if held else []
        because = [reason.what for reason in found]
        if because and because != self._held_because:
            log.warning("changes are held", node=session.link.target, reasons=[str(r) for r in found], hint=HINT)
        elif self._held_because and not because:
            log.info("nothing is held any more", node=session.link.target)
        self._held_because = because

    def _tend_ids(self) -> None:
        """See that the sequences of both ends keep to their slots, where they share ids."""
        session = self._session
        if session.link.ids != "shared":
            return
        ends = {session.link.source: session.source, session.link.target: session.target}
        if not self._members:
            slots = {name: slot for name, end in ends.items() if (slot := read_slot(end))}
            self._members = [Member.of(name, ends[name], slot) for name, slot in slots.items()]
        wrong = {member.name: unfit for member in self._members if (unfit := member.unfit())}
        if not wrong:
            return
        try:
            with Nodes(session.config, "ids", CONNECT_SECONDS) as nodes:
                tend_ids(session.config, ends, nodes, patience=0)
        except RefusedError as error:
            log.warning("sequences do not keep to their slots", error=error.message, hint=error.hint)
            return
        for node, unfit in wrong.items():
            log.warning("sequences interleaved again", node=node, sequences=[count.sequence for count in unfit])

    def _tend_numbers(self) -> None:
        """See that document numbers are given where the configuration says so, on both ends."""
        session = self._session
        for node, end in ((session.link.source, session.source), (session.link.target, session.target)):
            try:
                if tend_numbers(session.config, node, end, patience=0):
                    log.info("owners of document numbers, and their triggers, brought up to date", node=node)
                if made := make_ranges(end):
                    log.info("date ranges of the next year made", node=node, ranges=made)
            except (ConfigError, RefusedError) as error:
                log.warning("document numbers can't be looked after", node=node, error=error.message, hint=error.hint)

    def _note_counters(self) -> None:
        """Have the target know how far document numbers are, for the day on which the source is gone."""
        counters = set(read_counters(self._session.source))
        if new := counters - self._counters:
            note_counters(self._session.target, self._replayer.link_id, new)
        self._counters = counters

    def _retry_parked(self) -> None:
        rows = self._session.target.execute(
            "SELECT parked_id FROM ucrepl.parked WHERE link_id = %s AND skipped_at IS NULL"
            " ORDER BY attempts, seq LIMIT %s",
            [self._replayer.link_id, PARKED_AT_ONCE],
        ).fetchall()
        if not rows:
            self._retry_parked_soon()
            return
        result = self._replayer.retry_parked([row[0] for row in rows])
        log.info("parked changes tried again", rows=result.changes, parked=result.parked, conflicts=result.conflicts)
        if result.changes:
            self._retry_parked_soon()
        else:
            self._parked.every = min(self._parked.every * 2, self._pace.parked_at_last)

    def _retry_files(self) -> None:
        courier = self._replayer.courier
        row = self._session.target.execute(
            "SELECT EXISTS (SELECT FROM ucrepl.parked_file WHERE link_id = %s)", [self._replayer.link_id]
        ).fetchone()
        if courier and row and row[0]:
            came = courier.retry()
            log.info("parked files tried again", files=came, parked=len(courier.carried.parked))

    def _retry_parked_soon(self) -> None:
        self._parked.every = self._pace.parked
        self._parked.due = min(self._parked.due, monotonic() + self._pace.parked)
