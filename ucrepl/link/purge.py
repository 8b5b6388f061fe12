"""Throws away what nobody needs any more: consumed parts of the journal, old ticks, tombstones.

Nobody ever waits for it: where somebody holds a part of the journal (a dump, a writer), the part stays until next time.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from psycopg import Connection, errors, sql
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query

PARTS: Final = 4
"""How many parts the ring of the journal has."""

JOURNAL_RETENTION: Final = timedelta(hours=1)
"""The conflict policy `latest` looks into the node's own journal for the time of a change."""

TOMBSTONE_RETENTION: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Purged:
    """What was thrown away: the parts of the journal that were truncated, and how many ticks.

    `busy`: parts that could be truncated, had nobody held them.
    """

    parts: tuple[int, ...] = ()
    ticks: int = 0
    busy: tuple[int, ...] = ()


def purge_journal(source: Connection[TupleRow], retention: timedelta = JOURNAL_RETENTION) -> Purged:
    """Truncates the parts of the journal, and deletes the ticks, that all links have confirmed and that are old enough.

    `source` is in autocommit mode. A node that no link reads is purged by age alone.
    """
    parts, busy = [], []
    for part in range(PARTS):
        if not _is_spent(source, part, retention):
            continue
        try:
            if _truncate(source, part, retention):
                parts.append(part)
        except errors.LockNotAvailable:
            busy.append(part)
    ticks = source.execute(query("purge_ticks"), {"retention": retention}).rowcount
    return Purged(tuple(parts), ticks, tuple(busy))


def purge_tombstones(target: Connection[TupleRow], retention: timedelta = TOMBSTONE_RETENTION) -> int:
    """Deletes the pairs of records that were deleted that long ago. Returns how many. Reads the whole identity map."""
    return target.execute(query("purge_tombstones"), {"retention": retention}).rowcount


def _is_spent(source: Connection[TupleRow], part: int, retention: timedelta) -> bool:
    row = source.execute(query("spent_part"), {"part": part, "retention": retention}, prepare=False).fetchone()
    return bool(row and row[0])


def _truncate(source: Connection[TupleRow], part: int, retention: timedelta) -> bool:
    """Truncates the part if it still is spent when nobody else can write to it; LockNotAvailable if it is held."""
    name = sql.Identifier("ucrepl", f"journal_{part}")
    with source.transaction():
        source.execute(sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE NOWAIT").format(name))
        if not _is_spent(source, part, retention):
            return False
        source.execute(
            sql.SQL(
                "UPDATE ucrepl.node SET purged_xid ="
                " greatest(purged_xid, (SELECT j.xid FROM ONLY {} AS j ORDER BY j.xid DESC LIMIT 1))"
            ).format(name)
        )
        source.execute(sql.SQL("TRUNCATE ONLY {}").format(name))
    return True
