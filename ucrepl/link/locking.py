"""Locks the rows of a batch before the first of them is written, so that nobody waits for a batch that waits."""

from collections.abc import Callable
from time import monotonic

from psycopg import Connection, Rollback
from psycopg.errors import LockNotAvailable
from psycopg.rows import TupleRow

from ucrepl.link.staged import Staged
from ucrepl.plan import locks
from ucrepl.plan.model import LinkPlan, TablePlan

Compile = Callable[..., str]
"""Compiles a statement for a table, or takes it from those that are compiled: (kind, make, table, details)."""


def lock_rows(target: Connection[TupleRow], plan: LinkPlan, compile_: Compile, staged: Staged, patience: float) -> None:
    """Locks the rows of the target that the staged changes will be written to.

    A row that somebody holds is waited for while nothing else is locked, at the most so many seconds in all. Raises
    LockNotAvailable when these are over.
    """
    tables = [
        (table, _strength(table, staged))
        for number in sorted(staged.updates.keys() | staged.deletes.keys() | staged.inserts.keys())
        if (table := plan.tables.get(number))
    ]
    until = monotonic() + patience
    awaited: tuple[TablePlan, str, int] | None = None
    while True:
        with target.transaction():  # it gives back what it has locked, where not all can be had
            if awaited:
                _wait(target, compile_, awaited, until - monotonic())
            for table, strength in tables:
                statement = compile_(("lock free", strength), locks.lock_free, table, strength)
                [(seq,)] = target.execute(statement.encode(), prepare=True).fetchall()
                if seq is not None:
                    awaited = table, strength, seq
                    raise Rollback
            return
        if monotonic() >= until and awaited:
            raise LockNotAvailable(f"somebody holds a row of {str(awaited[0].name)!r} that is to be written")


def _wait(target: Connection[TupleRow], compile_: Compile, awaited: tuple[TablePlan, str, int], seconds: float) -> None:
    table, strength, seq = awaited
    [(brief, _, _)] = target.execute(
        "SELECT current_setting('lock_timeout'), set_config('lock_timeout', %s, true), set_config(%s, %s, true)",
        [f"{max(1, round(seconds * 1000))}ms", locks.AWAITED, str(seq)],
    ).fetchall()
    target.execute(compile_(("lock awaited", strength), locks.lock_awaited, table, strength).encode())
    target.execute("SELECT set_config('lock_timeout', %s, true)", [brief])


def _strength(table: TablePlan, staged: Staged) -> str:
    """What PostgreSQL itself locks a row with for these changes."""
    names = staged.updates.get(table.number, (0, (), False))[1]
    keys = {name for key in table.table.unique_keys for name in key}
    return "UPDATE" if table.number in staged.deletes or not keys.isdisjoint(names) else "NO KEY UPDATE"
