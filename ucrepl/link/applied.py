"""What became of staged changes."""

from dataclasses import dataclass, field

from ucrepl.plan.model import Signal


class NeedsOrderError(Exception):
    """The changes can only be applied one after the other (TRUNCATE, updates of keys)."""


@dataclass
class Applied:
    """What became of staged changes, in numbers of changes (of conflicts: of columns).

    `tables` are the numbers of the tables of which there were any. `signals`: of what Odoo's workers are to be told.
    """

    changes: int = 0
    parked: int = 0
    held: int = 0
    conflicts: int = 0
    by_table: dict[str, int] = field(default_factory=dict)
    tables: set[int] = field(default_factory=set)
    signals: set[Signal] = field(default_factory=set)

    def add(self, other: "Applied") -> None:
        """Adds the numbers of another part of the batch."""
        self.changes += other.changes
        self.parked += other.parked
        self.held += other.held
        self.conflicts += other.conflicts
        self.signals |= other.signals
        self.tables |= other.tables
        for table, rows in other.by_table.items():
            self.by_table[table] = self.by_table.get(table, 0) + rows
