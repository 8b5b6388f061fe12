"""Compares both sides of a link while they are in use."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from psycopg import Cursor, errors
from psycopg.rows import TupleRow

from ucrepl.backoff import Backoff
from ucrepl.config import Config, Link
from ucrepl.db.sqlfiles import query
from ucrepl.errors import RefusedError
from ucrepl.link.files.courier import Carried
from ucrepl.link.held.tell import held_tables
from ucrepl.link.lock import LOCK_CLASS
from ucrepl.link.nodes import Nodes
from ucrepl.link.verify.chunks import ChunkPass, Counted
from ucrepl.link.verify.findings import Findings
from ucrepl.link.verify.look import Look
from ucrepl.link.verify.repair import Repair
from ucrepl.link.verify.report import ColumnDifference, RowDifference, TableReport
from ucrepl.link.verify.scope import scope, totals_in_scope
from ucrepl.link.verify.session import Session, open_session
from ucrepl.link.verify.totals import TotalsPass
from ucrepl.plan.files import ATTACHMENTS
from ucrepl.plan.verify import Comparison

__all__ = ["ColumnDifference", "Options", "RowDifference", "TableReport", "verify_link"]

Progress = Callable[[int, int, str], None]
"""Is told how many tables are done, of how many, and the name of the next one."""

_LONGEST_PAUSE_SECONDS = 0.5
"""Between two looks at rows that are late: one that is changed all the time is the same for moments only."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to compare. `tables`: only these (None: all); `shown`: how many rows that differ to show of each table.

    `patience_seconds`: how long to look again at rows that are late. `repair`: mend what differs.
    `known`: rows of the source that the target does not know are no difference.
    """

    tables: Sequence[str] | None = None
    shown: int = 0
    patience_seconds: float = 30.0
    repair: bool = False
    known: bool = False


def verify_link(
    config: Config,
    link: Link,
    nodes: Nodes,
    options: Options = Options(),
    *,
    progress: Progress = lambda _done, _total, _table: None,
) -> list[TableReport]:
    """Compares all tables of a link, on connections of its own. Both sides may be in use, and the daemon at work.

    Raises what `Nodes.another` and `open_link` do, and UsageError for a table that is not there.
    """
    with open_session(nodes, link) as session, _of_tables_as_they_were(link):
        comparisons, left_out = scope(config, session, options.tables)
        verification = Verification(session, comparisons, options)
        verification.compare(progress)
        if options.repair:
            verification.repair()
        of_totals = TotalsPass(session, options.shown)
        return [
            *verification.reports(),
            *(of_totals.run(table, repair=options.repair) for table in totals_in_scope(session, options.tables)),
            *left_out,
        ]


@contextmanager
def _of_tables_as_they_were(link: Link) -> Iterator[None]:
    """Says so when a table is changed or dropped meanwhile."""
    try:
        yield
    except (errors.UndefinedTable, errors.UndefinedColumn) as error:
        raise RefusedError(
            f"a table of link {link.name!r} was changed while it was compared: {error.diag.message_primary}",
            hint="run the command again",
        ) from error


@dataclass
class Verification:
    """A comparison of the tables of a link that is under way."""

    session: Session
    comparisons: list[Comparison]
    options: Options
    counted: dict[int, Counted] = field(default_factory=dict)
    lagging: dict[int, int] = field(default_factory=dict)
    carried: Carried = field(default_factory=Carried)

    def compare(self, progress: Progress) -> None:
        """Compares the tables, then looks again at the rows that are late until they are not, or patience ends."""
        look = Look(self.session, known=self.options.known)
        with ThreadPoolExecutor(1, "hash") as executor:
            chunks = ChunkPass(self.session, executor, self.comparisons)
            for done, comparison in enumerate(self.comparisons):
                progress(done, len(self.comparisons), str(comparison.table.name))
                self.counted[comparison.table.number] = chunks.run(comparison)
                self._look(look, comparison)
        backoff, until = Backoff(cap=_LONGEST_PAUSE_SECONDS), time.monotonic() + self.options.patience_seconds
        while self._waits() and self._moves() and time.monotonic() < until:
            time.sleep(min(backoff.next_delay(), max(0.0, until - time.monotonic())))
            for comparison in self.comparisons:
                if self.lagging.get(comparison.table.number):
                    self._look(look, comparison)

    def repair(self) -> None:
        """Mends what was found. Files come along with attachments."""
        repair = Repair(self.session, self.comparisons, known=self.options.known)
        repair.run()
        self.carried = repair.carried

    def reports(self) -> list[TableReport]:
        """What was found, table by table."""
        findings = Findings(self.session)
        held = {table.name: table.rows for table in held_tables(self.session.target, self.session.link.name)}
        return [
            replace(
                findings.report(c, self.counted[c.table.number], self.lagging[c.table.number], self.options.shown),
                held=held.get(str(c.table.name), 0),
                files=self.carried.files if c.table.name == ATTACHMENTS else 0,
                files_parked=len(self.carried.refused) if c.table.name == ATTACHMENTS else 0,
            )
            for c in self.comparisons
        ]

    def _look(self, look: Look, comparison: Comparison) -> None:
        self.lagging[comparison.table.number] = look.at(comparison)

    def _waits(self) -> bool:
        return any(self.lagging.values())

    def _moves(self) -> bool:
        """Whether a daemon is about to replay what waits."""
        ways = [(self.session.link, self.session.on_target)]
        if self.session.back:
            ways.append((self.session.back, self.session.on_source))
        return any(self._is_replayed(way, run) for way, run in ways)

    @staticmethod
    def _is_replayed(way: Link, run: Callable[..., Cursor[TupleRow]]) -> bool:
        cursor = run(query("link_state"), {"link": way.name, "lock_class": LOCK_CLASS})
        names = [column.name for column in cursor.description or ()]
        state = dict(zip(names, cursor.fetchone() or (), strict=False))
        return bool(state.get("has_daemon")) and not state.get("paused")
