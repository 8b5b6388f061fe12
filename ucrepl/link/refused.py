"""Changes that the target refuses for what they are, and how they are told from the rest of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import psycopg
from psycopg import Connection
from psycopg.errors import ExclusionViolation, ForeignKeyViolation, UniqueViolation
from psycopg.rows import TupleRow

from ucrepl.db.sqlstate import Verdict, classify_sqlstate
from ucrepl.link.staged import Staged
from ucrepl.plan.model import TablePlan

UNRESOLVED: Final = "UC001"
"""Our own SQLSTATE for a reference that can't be translated."""


@dataclass(frozen=True, slots=True)
class RefusedChange:
    """A change, by its number in the journal, and the error with which it was refused."""

    seq: int
    sqlstate: str
    message: str

    @classmethod
    def by(cls, error: psycopg.Error, seq: int) -> Self:
        """The change that this error is about."""
        return cls(seq, error.sqlstate or "", (error.diag.message_primary or str(error)).strip())

    @property
    def reason(self) -> str:
        """Why it is parked."""
        return "unresolved" if self.sqlstate == UNRESOLVED else "error"


class RefusedChangesError(Exception):
    """These changes were refused, each by itself; `cause` is the error of the statement that wrote all of them."""

    def __init__(self, changes: Sequence[RefusedChange], cause: psycopg.Error) -> None:
        super().__init__(f"{len(changes)} changes were refused")
        self.changes = changes
        self.cause = cause


def is_of_one_row(sqlstate: str | None, table: TablePlan, staged: Staged) -> bool:
    """Whether a row of the table is refused for what it is, and would be so without the other changes of the batch.

    A unique value may have been freed by another change, and a row of a tree need one of its own table.
    """
    if sqlstate is None or classify_sqlstate(sqlstate) is not Verdict.PARK:
        return False
    if sqlstate in {UniqueViolation.sqlstate, ExclusionViolation.sqlstate}:
        return not staged.deletes and table.number not in staged.updates
    if sqlstate == ForeignKeyViolation.sqlstate:
        return all(column.refers_to != table.name for column in table.columns)
    return True


def refused_changes(
    target: Connection[TupleRow], statement: str, table: TablePlan, ops: str, staged: Staged
) -> list[RefusedChange]:
    """The staged changes of a table on which a statement fails that writes those of these kinds, each for what it is.

    The caller has a savepoint to roll back to.
    """
    rows = target.execute(
        'SELECT * FROM ucrepl.refused_changes(%s, %s, %s::"char"[])', [statement, table.number, list(ops)]
    ).fetchall()
    found = [RefusedChange(*row) for row in rows]
    return [change for change in found if is_of_one_row(change.sqlstate, table, staged)]
