"""Deletes what an older seeding or replay has brought and the source has no more."""

from collections.abc import Iterable

from ucrepl.link.seed.lane import Lane
from ucrepl.link.seed.stream import ReadAhead
from ucrepl.plan import gone
from ucrepl.plan.model import TablePlan


def delete_gone(lane: Lane, tables: Iterable[TablePlan]) -> int:
    """Deletes the rows of these tables that came from the source and are not in its snapshot; returns how many.

    Rows of the target's own stay. Tables with keys of other values than ids are left alone: whose their rows are is not
    known.
    """
    wanted = {table.number for table in tables if gone.can_tell(table)}
    deleted = 0
    for members in reversed(list(lane.plan.ordered(wanted))):
        for table in members:
            deleted += _delete(lane, table)
    return deleted


def _delete(lane: Lane, table: TablePlan) -> int:
    lane.run("CREATE TEMPORARY TABLE present (key text PRIMARY KEY)")
    try:
        with ReadAhead(lane.reader, gone.keys(table.table)) as read_ahead:
            for batch in read_ahead:
                batch.copy_into(lane.target, "pg_temp.present", "key")
        lane.run("ANALYZE pg_temp.present")
        _, applied = lane.apply(lambda _plan: lane.run(gone.stage(lane.plan, table)).rowcount)
        return applied.changes
    finally:
        lane.run("DROP TABLE pg_temp.present")
