"""Mends what differs: the source's rows are applied to the target as if they had just been written there.

Each batch holds the lock on the link's position, so that a daemon waits for it, and the locks on the target's rows. It
looks at both sides once more before it writes anything.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import psycopg

from ucrepl.backoff import Backoff
from ucrepl.db.catalog import hstore_schema
from ucrepl.db.sqlfiles import query
from ucrepl.db.sqlstate import Verdict, classify
from ucrepl.errors import RefusedError
from ucrepl.link.apply import Applier
from ucrepl.link.fetch import fetcher_of, one_state
from ucrepl.link.files.courier import Carried, Courier, courier_of, in_database
from ucrepl.link.files.sync import files_of_rows
from ucrepl.link.finer import FinerGrain
from ucrepl.link.inquire import Inquirer
from ucrepl.link.nodes import explained
from ucrepl.link.patience import brief_lock_timeout
from ucrepl.link.signals import Signaller
from ucrepl.link.verify.look import Look, Slice
from ucrepl.link.verify.session import Session
from ucrepl.plan.model import LinkPlan
from ucrepl.plan.verify import Comparison

BATCH_ROWS = 2000
PATIENCE_SECONDS = 60.0

_FLOOR = -(1 << 62)
"""The changes of a repair have the numbers from here on: they come before all others, and clash with none."""

_STILL = "it still differs"
_DONE = "outcome = 'done'"


@dataclass(frozen=True, slots=True)
class _Part:
    """Findings of one table that are mended together with those of others."""

    comparison: Comparison
    ids: list[int]


class Repair:
    """Mends the findings of a comparison. `carried` are the files that came along with attachments."""

    def __init__(self, session: Session, comparisons: Sequence[Comparison], *, known: bool = False) -> None:
        self.session = session
        self.comparisons = comparisons
        self.look = Look(session, images=hstore_schema(session.source), known=known)
        plan, link = _source_wins(session.opened.plan), session.link
        applier = Applier(session.target, plan, session.opened.link_id, link.source, link.target)
        applier.fetcher = fetcher_of(session.opened, lambda: one_state(session.source))
        applier.inquirer = Inquirer(session.target, plan, session.opened.link_id, lambda: one_state(session.source))
        self.courier = applier.courier = courier_of(session.target, plan, session.opened.link_id, session.opened.route)
        self.carried = Carried()
        self.finer = FinerGrain(session.target, applier)
        self.brief = brief_lock_timeout(session.target, link)
        self.signaller = Signaller(session.target, session.opened.link_id, session.opened.bus)

    def run(self) -> None:
        """Mends all findings that can be. What refers to a record that comes later is tried again."""
        while self._pass():
            pass

    def _pass(self) -> bool:
        """Tries all that is not mended yet, and looks at it again. Returns whether any was mended."""
        last = self._newest()
        while parts := list(self._next_parts(last)):
            self._patiently(parts)
        self._look_again(last)
        return self._value(f"SELECT count(*) FROM pg_temp.verify_finding WHERE {_DONE} AND finding_id > {last}") > 0

    def _next_parts(self, last: int) -> Iterator[_Part]:
        rows = BATCH_ROWS
        for comparison in self.comparisons:
            values = {"table": comparison.table.number, "last": last, "rows": rows}
            values["deletes"] = comparison.compared.own_rows
            found = self.session.on_target(query("verify_next_findings"), values).fetchall()
            if found:
                yield _Part(comparison, [row[0] for row in found])
                rows -= len(found)
            if rows <= 0:
                return

    def _patiently(self, parts: list[_Part]) -> None:
        """Mends a batch; where somebody holds what it needs it lets go, and tries again."""
        self._bring_files(parts)
        backoff, until = Backoff(), time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with explained(self.session.link.target), self.session.target.transaction():
                    self._mend(parts)
                break
            except RefusedError as error:
                held = isinstance(error.__cause__, psycopg.Error) and classify(error.__cause__) is Verdict.RETRY
                if not held or time.monotonic() > until:
                    raise
                time.sleep(backoff.next_delay())
        with explained(self.session.link.target):
            self.signaller.send()
            if self.courier:
                self.courier.look_again()
                self._count_files(self.courier)

    def _bring_files(self, parts: list[_Part]) -> None:
        """Brings the files of attachments before anything is locked. Those for rows of the database come with these."""
        courier, session = self.courier, self.session
        if courier is None or "store_fname" in courier.table.masks or in_database(session.target):
            return
        for ids in (part.ids for part in parts if part.comparison.table.number == courier.table.number):
            keys = session.on_target(
                "SELECT key::bigint FROM pg_temp.verify_finding WHERE finding_id = ANY (%(ids)s) AND key IS NOT NULL",
                {"ids": ids},
            ).fetchall()
            with explained(session.link.source):
                wanted = files_of_rows(session.source, [key for (key,) in keys])
            with explained(session.link.target):
                courier.carry(wanted)
            self._count_files(courier)

    def _count_files(self, courier: Courier) -> None:
        self.carried.add(courier.carried)
        courier.reset()

    def _mend(self, parts: list[_Part]) -> None:
        session, link = self.session, self.session.link
        session.on_target(
            query("begin_batch"),
            {
                "link": session.opened.link_id,
                "origin": link.source,
                "patience": f"{link.lock_timeout_ms}ms",
                "brief": self.brief,
            },
        )
        before = self._newest()
        self.finer.prepare()
        for part in parts:
            self._stage(part)
        self.signaller.note(self.finer.apply(parked=False).signals)
        session.on_target(query("verify_failed"), {"link": session.opened.link_id, "floor": _FLOOR})
        session.on_target(
            "UPDATE pg_temp.verify_finding SET outcome = 'done' WHERE finding_id > %(before)s AND outcome IS NULL",
            {"before": before},
        )

    def _stage(self, part: _Part) -> None:
        """Looks at the rows once more, under a lock, and stages what still differs."""
        run, comparison = self.session.on_target, part.comparison
        newest = "SELECT coalesce(max(candidate_id), 0) FROM pg_temp.verify_candidate"
        after = self._value(newest)
        run(query("verify_again"), {"ids": part.ids})
        slice_ = Slice(comparison, after, self._value(newest))
        run(comparison.find_local_keys(), slice_.values)
        run(comparison.lock(), slice_.values)
        before = self._newest()
        position, seen = self.look.read_target(slice_)
        self.look.judge(slice_, position, seen)
        by_key = [c.name for c in comparison.compared.columns if c.by_key]
        values = {"table": comparison.table.number, "after": before, "floor": _FLOOR, "by_key": by_key}
        run(query("verify_stage", self.session.opened.plan.hstore_schema), values)

    def _look_again(self, last: int) -> None:
        """Sees whether what was mended after that finding is the same now: a change can be dropped by a rule."""
        look = Look(self.session, known=self.look.known)
        for comparison in self.comparisons:
            values = {"table": comparison.table.number, "last": last, "newest": self._newest(), "still": _STILL}
            made = self.session.on_target(
                "INSERT INTO pg_temp.verify_candidate (table_id, key, local_key)"
                " SELECT table_id, key, local_key FROM pg_temp.verify_finding"
                f" WHERE table_id = %(table)s AND finding_id > %(last)s AND {_DONE}",
                values,
            ).rowcount
            if made:
                look.at(comparison)
                self.session.on_target(
                    "WITH still AS (DELETE FROM pg_temp.verify_finding"
                    " WHERE table_id = %(table)s AND finding_id > %(newest)s RETURNING key)"
                    " UPDATE pg_temp.verify_finding AS f SET outcome = %(still)s FROM still"
                    " WHERE f.table_id = %(table)s AND f.finding_id <= %(newest)s AND f.key = still.key",
                    values,
                )

    def _newest(self) -> int:
        return self._value("SELECT coalesce(max(finding_id), 0) FROM pg_temp.verify_finding")

    def _value(self, statement: str) -> int:
        [(value,)] = self.session.on_target(statement).fetchall()
        return int(value)


def _source_wins(plan: LinkPlan) -> LinkPlan:
    """The plan of a repair: in a conflict it is the source's value that counts."""
    tables = {
        number: replace(table, columns=tuple(replace(c, conflicts="source") for c in table.columns))
        for number, table in plan.tables.items()
    }
    return replace(plan, tables=tables)
