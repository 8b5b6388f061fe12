"""What comparing a link has found."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["missing", "extra", "different"]
"""`missing`: the target lacks a row of the source; `extra`: the source lacks one of the target; `different`: columns
differ."""

Action = Literal["insert", "update", "delete", "leave"]
"""What a repair does to a row. It leaves alone an extra row that should have gone the other way."""


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """A column that differs, with its values as texts.

    References are ids of the source; `?7` is the target's record 7, which the source does not know.
    """

    column: str
    source: str | None
    target: str | None


@dataclass(frozen=True, slots=True)
class RowDifference:
    """A row that differs: its key on the source and on the target, as the journal has them.

    `parked`: a change of it is. `action` is what a repair does; `outcome` what it has done: `done`, or else why not.
    """

    kind: Kind
    key: str | None
    local_key: str | None
    parked: bool
    action: Action
    columns: tuple[ColumnDifference, ...] = ()
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class TableReport:
    """What comparing a table has found, in rows.

    `own`: rows of the target that no link brings to the source, which is no difference. `left_out`: rows of the source
    that a rule keeps from the target. `lagging`: rows that differ, and of which changes still wait to be replayed.
    `held`: rows of which something has no place on the target yet, which is no difference.
    `parked`: of those that differ, how many have a parked change. `mended`, `failed`: by a repair.
    `files`, `files_parked`: those that came along with attachments in a repair, and those that could not.
    `protected_columns`, `skipped_columns`: columns that were not compared, because of their protection, or because they
    refer to records that a rule leaves out. `not_compared`: why the table was not compared at all.
    `totals`: its rows are totals, of which the sums are compared; all numbers are of combinations then. `settled`: how
    many parked changes of such a table a repair has made void.
    `rows`: the first ones of those that differ, as many as were asked for.
    """

    table: str
    source_rows: int = 0
    target_rows: int = 0
    own: int = 0
    missing: int = 0
    extra: int = 0
    different: int = 0
    lagging: int = 0
    held: int = 0
    parked: int = 0
    left_out: int = 0
    mended: int = 0
    failed: int = 0
    files: int = 0
    files_parked: int = 0
    protected_columns: int = 0
    skipped_columns: int = 0
    not_compared: str | None = None
    totals: bool = False
    settled: int = 0
    rows: tuple[RowDifference, ...] = ()

    @property
    def differs(self) -> int:
        """How many rows differ, and not only because they are late."""
        return self.missing + self.extra + self.different
