"""Compares the totals of both sides by their sums, and gives the target those of the source."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import psycopg

from ucrepl.backoff import Backoff
from ucrepl.db.catalog import hstore_schema
from ucrepl.db.sqlfiles import query
from ucrepl.db.sqlstate import Verdict, classify
from ucrepl.errors import RefusedError
from ucrepl.link.apply import Applier
from ucrepl.link.finer import FinerGrain
from ucrepl.link.nodes import explained
from ucrepl.link.sums import BegunError, Sums
from ucrepl.link.verify.report import Action, ColumnDifference, Kind, RowDifference, TableReport
from ucrepl.link.verify.session import Session
from ucrepl.plan import totals
from ucrepl.plan.model import TablePlan

PATIENCE_SECONDS = 60.0
_FLOOR = -(1 << 62)
"""The changes of a repair have the numbers from here on."""

_COUNTED = """
SELECT
    (SELECT count(*) FROM pg_temp.sums_there),
    count(*) FILTER (WHERE f.kind = 'missing'),
    count(*) FILTER (WHERE f.kind = 'extra'),
    count(*) FILTER (WHERE f.kind = 'different'),
    count(*) FILTER (WHERE f.kind = 'own')
FROM pg_temp.sums_found AS f
"""


@dataclass(frozen=True, slots=True)
class TotalsPass:
    """Compares the tables of a link whose rows are totals. `shown`: how many combinations that differ to show.

    While a table is compared the link does not move on: a daemon waits for it as for a batch.
    """

    session: Session
    shown: int = 0

    def run(self, table: TablePlan, *, repair: bool) -> TableReport:
        """Compares a table, and gives the target the sums of the source where `repair` says so.

        Combinations of which the source has nothing are left: they should have gone the other way.
        """
        backoff, until = Backoff(), time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._compare(table, repair=repair)
            except RefusedError as error:
                held = isinstance(error.__cause__, psycopg.Error) and classify(error.__cause__) is Verdict.RETRY
                if not (held or isinstance(error, BegunError)) or time.monotonic() > until:
                    raise
                time.sleep(backoff.next_delay())

    def _compare(self, table: TablePlan, *, repair: bool) -> TableReport:
        session, link = self.session, self.session.link
        patience = f"{link.lock_timeout_ms}ms"
        values = {"link": session.opened.link_id, "origin": link.source, "patience": patience, "brief": patience}
        with explained(link.target), session.target.transaction():
            row = session.on_target(query("begin_batch"), values).fetchone()
            begun = "SELECT FROM ucrepl.applied_ahead AS a WHERE a.link_id = %(link)s LIMIT 1"
            if session.on_target(begun, values).fetchone() is not None:
                raise BegunError(link.name)
            with explained(link.source), session.source.transaction():
                session.on_source("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                self._sums().compare(table, row[0] if row else None)
            report = self._report(table)
            return self._repaired(table, report) if repair and report.differs else report

    def _sums(self) -> Sums:
        session = self.session
        hstore = hstore_schema(session.source) or "ucrepl"
        back = session.back.name if session.back else None
        return Sums(session.opened.plan, session.source, session.target, hstore, back)

    def _repaired(self, table: TablePlan, report: TableReport) -> TableReport:
        session, plan, link_id = self.session, self.session.opened.plan, self.session.opened.link_id
        applier = Applier(session.target, plan, link_id, session.link.source, session.link.target)
        finer = FinerGrain(session.target, applier)
        settled = self._settle(table)
        finer.prepare()
        staged = self._sums().stage(table, "received", f"{_FLOOR} + row_number() OVER ()")
        finer.apply(parked=False)
        failed = session.on_target(
            "DELETE FROM ucrepl.parked WHERE link_id = %(link)s AND seq >= %(floor)s AND seq < %(floor)s / 2",
            {"link": link_id, "floor": _FLOOR},
        ).rowcount
        done = "done" if not failed else None
        rows = tuple(row if row.kind == "extra" else replace(row, outcome=done) for row in report.rows)
        return replace(report, mended=staged - failed, failed=failed, settled=settled, rows=rows)

    def _settle(self, table: TablePlan) -> int:
        """Forgets the parked changes that the sums are about to hold; not those that belong to unknown records."""
        session, values = self.session, {"link": self.session.opened.link_id, "table": table.number}
        taken = session.on_target(query("settle_totals"), values).rowcount
        session.on_target(totals.note_untold(session.opened.plan, table).replace("%", "%%"))
        session.on_target("DELETE FROM pg_temp.trouble WHERE reason = 'missing'")
        kept = session.on_target(query("park_trouble"), values).rowcount
        session.on_target("DELETE FROM pg_temp.change")
        return taken - kept

    def _report(self, table: TablePlan) -> TableReport:
        run = self.session.on_target
        [(known, missing, extra, different, own)] = run(_COUNTED).fetchall()
        values = {"link": self.session.opened.link_id, "table": table.number}
        parked = "SELECT count(*) FROM ucrepl.parked WHERE link_id = %(link)s AND table_id = %(table)s"
        [(waiting,)] = run(f"{parked} AND skipped_at IS NULL", values).fetchall()
        return TableReport(
            table=str(table.name),
            source_rows=known,
            target_rows=known - missing + extra + own,
            own=own,
            missing=missing,
            extra=extra,
            different=different,
            parked=waiting,
            totals=True,
            rows=tuple(self._rows(table)),
        )

    def _rows(self, table: TablePlan) -> Sequence[RowDifference]:
        found = self.session.on_target(
            "SELECT kind, key, local_key, there::text[], here::text[] FROM pg_temp.sums_found"
            " WHERE kind <> 'own' ORDER BY key, local_key LIMIT %(limit)s",
            {"limit": self.shown},
        ).fetchall()
        names = [column.name for column in totals.sums_of(table)]
        return [
            RowDifference(
                kind=kind,
                key=key,
                local_key=local_key,
                parked=False,
                action=_action(kind),
                columns=tuple(
                    ColumnDifference(*values)
                    for values in zip(names, there, here, strict=True)
                    if values[1] != values[2]
                ),
            )
            for kind, key, local_key, there, here in found
        ]


def _action(kind: Kind) -> Action:
    return "leave" if kind == "extra" else "insert" if kind == "missing" else "update"
