"""Compares what was changed lately, while both sides stand still."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import psycopg

from ucrepl.config import Cutover, Link
from ucrepl.db.connect import limit_statements
from ucrepl.errors import RefusedError
from ucrepl.link.cutover.reasons import is_timeout
from ucrepl.link.nodes import Nodes
from ucrepl.link.verify.chunks import ChunkPass
from ucrepl.link.verify.findings import Findings
from ucrepl.link.verify.look import Look
from ucrepl.link.verify.scope import scope
from ucrepl.link.verify.session import Session, open_session
from ucrepl.link.words import listed
from ucrepl.plan.catalog import TableName
from ucrepl.plan.verify import Comparison

if TYPE_CHECKING:
    from collections.abc import Mapping

# The tables changed by transactions from `since` on, with the least and the greatest id; nulls where all may be.
_TOUCHED: Final = """
    SELECT n.schema_name, n.table_name,
        CASE WHEN bool_and(k.id IS NOT NULL) THEN min(k.id) END,
        CASE WHEN bool_and(k.id IS NOT NULL) THEN max(k.id) END
    FROM ucrepl.journal AS j
    JOIN ucrepl.table_name AS n ON n.table_id = j.table_id
    CROSS JOIN LATERAL (SELECT CASE WHEN j.key ~ '^[0-9]{1,18}$' THEN j.key::bigint END) AS k (id)
    WHERE j.xid >= %(since)s::text::xid8
    GROUP BY n.schema_name, n.table_name
"""
_SINCE: Final = """
    SELECT
        coalesce((
            SELECT t.oldest_xid FROM ucrepl.tick AS t WHERE t.at < now() - make_interval(secs => %(seconds)s)
            ORDER BY t.at DESC LIMIT 1
        ), '0')::text,
        pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text
"""
Ranges = dict[TableName, tuple[int | None, int | None]]


@dataclass(frozen=True, slots=True)
class Compared:
    """How many tables were compared; those of which only a part was; those for which there was no time."""

    tables: int
    in_part: list[str]
    not_compared: list[str]


class Recent:
    """The tables that were changed lately. Its sessions and plans are ready when it is made. Use it with `with`."""

    def __init__(self, nodes: Nodes, link: Link, settings: Cutover) -> None:
        self._link, self._settings = link, settings
        self._to_close = ExitStack()
        self._session: Session | None = None
        self._comparisons: Mapping[TableName, Comparison] = {}
        self._ranges: Ranges = {}
        self._rows: dict[TableName, int] = {}
        self._since = "0"
        if settings.recent_minutes:
            self._session = self._to_close.enter_context(open_session(nodes, link))
            comparisons, _ = scope(nodes.config, self._session, None)
            self._comparisons = {c.table.name: c for c in comparisons}
            values = {"seconds": settings.recent_minutes * 60}
            row = self._session.on_source(_SINCE, values).fetchone() or ("0", "0")
            self._ranges = self._touched(self._session, row[0])
            self._since = row[1]
            self._warm_up(self._session)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._to_close.close()

    def compare(self, until: float) -> Compared:
        """Compares counts and hashes of what was changed, the small tables first. Both sides must stand still.

        What can't be compared within `recent_seconds` is left. Tables that seem to differ are looked at closer, until
        the time `until` of the monotonic clock. Raises RefusedError for tables that differ.
        """
        session = self._session
        if session is None:
            return Compared(0, [], [])
        agreed: list[Comparison] = []
        differing: list[Comparison] = []
        late: list[str] = []
        soon = min(until, time.monotonic() + self._settings.recent_seconds)
        with ThreadPoolExecutor(1, "hash") as executor:
            for comparison in self._changed(session, soon):
                try:
                    agrees = self._agrees(session, executor, comparison, soon)
                except psycopg.errors.QueryCanceled:
                    late.append(str(comparison.table.name))
                else:
                    (agreed if agrees else differing).append(comparison)
            if differing:
                self._look_closer(session, executor, differing, until)
        compared = [*agreed, *differing]
        return Compared(len(compared), [str(c.table.name) for c in compared if not self._is_whole(c)], late)

    def _warm_up(self, session: Session) -> None:
        """Has both servers read once what they will be asked for, and plan how: rows may well differ now."""
        until = time.monotonic() + self._settings.recent_seconds
        with ThreadPoolExecutor(1, "hash") as executor, suppress(psycopg.errors.QueryCanceled):
            for comparison in self._changed(session, until):
                self._agrees(session, executor, comparison, until)

    def _changed(self, session: Session, until: float) -> list[Comparison]:
        """What is to be compared, the smallest first, with what was changed since this was made."""
        try:
            _limit(session, until)
            for name, (low, high) in self._touched(session, self._since).items():
                first, last = self._ranges.get(name, (low, high))
                known = None not in (low, high, first, last)
                self._ranges[name] = (min(low, first), max(high, last)) if known else (None, None)  # type: ignore[type-var]
            self._count(session)
        except (psycopg.errors.QueryCanceled, RefusedError) as error:
            if not is_timeout(error):
                raise
        touched = [c for name, c in self._comparisons.items() if name in self._ranges]
        return sorted(touched, key=lambda c: self._rows.get(c.table.name, self._settings.recent_rows))

    @staticmethod
    def _touched(session: Session, since: str) -> Ranges:
        with session.source.transaction():
            session.on_source("SET LOCAL enable_seqscan = off")  # the journal is long, and its statistics are old
            rows = session.on_source(_TOUCHED, {"since": since}).fetchall()
        return {TableName(schema, table): (low, high) for schema, table, low, high in rows}

    def _count(self, session: Session) -> None:
        """Counts the rows of the changed tables, up to more than are compared."""
        most = self._settings.recent_rows + 1
        for name in self._ranges.keys() & self._comparisons.keys() - self._rows.keys():
            few = f"SELECT FROM {self._comparisons[name].only} LIMIT {most}".replace("%", "%%")
            [(self._rows[name],)] = session.on_target(f"SELECT count(*) FROM ({few}) AS few").fetchall()

    def _is_whole(self, comparison: Comparison) -> bool:
        """Whether the table is small enough; not so where there was no time to count it."""
        return self._rows.get(comparison.table.name, self._settings.recent_rows + 1) <= self._settings.recent_rows

    def _agrees(self, session: Session, executor: ThreadPoolExecutor, comparison: Comparison, until: float) -> bool:
        """Whether both sides have the same rows; of a large table those with the latest ids that were changed.

        Raises QueryCanceled where there is no time left.
        """
        _limit(session, until)
        low, high = self._ranges[comparison.table.name]
        values: dict[str, object] = {}
        if comparison.table.surrogate:
            values = {"first": -(1 << 63), "end": (1 << 63) - 1}
            if not self._is_whole(comparison):
                end = high + 1 if high is not None else 0
                values = {"first": max(low or 0, end - self._settings.recent_rows), "end": end}
        elif not self._is_whole(comparison):
            return True
        there, here = comparison.source_chunks().encode(), comparison.one_by_one().target_chunks().encode()
        sent = executor.submit(lambda: session.source.execute(there, values).fetchall())
        found = session.target.execute(here, values).fetchall()
        return sorted(sent.result()) == sorted(found)

    def _look_closer(
        self, session: Session, executor: ThreadPoolExecutor, differing: list[Comparison], until: float
    ) -> None:
        """Sees whether rows differ that should not: a rule may keep some from the target."""
        chunks, look, findings = ChunkPass(session, executor, differing), Look(session), Findings(session)
        wrong = []
        for comparison in differing:
            try:
                _limit(session, until)
                counted = chunks.run(comparison)
                waiting = look.at(comparison)
                if waiting or findings.report(comparison, counted, waiting, 0).differs:
                    wrong.append(str(comparison.table.name))
            except (psycopg.errors.QueryCanceled, RefusedError) as error:
                if not is_timeout(error):
                    raise
                wrong.append(str(comparison.table.name))
        if wrong:
            raise RefusedError(
                f"both sides differ in {listed(wrong)}",
                hint=f"see how, and mend it, with: ucrepl verify '{self._link.name}' --show; and --repair",
            )


def _limit(session: Session, until: float) -> None:
    """Has the next statements of both sides end at that time. Raises QueryCanceled past it."""
    left = until - time.monotonic()
    if left <= 0:
        raise psycopg.errors.QueryCanceled("the time is over")
    for connection in (session.source, session.target):
        limit_statements(connection, left)
