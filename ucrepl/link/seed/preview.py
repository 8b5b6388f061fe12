"""What a seeding would do to each table."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["recognised", "update", "protected", "unresolved"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why rows are what they are: by what they were recognised, which of their columns change, and the like."""

    kind: Kind
    why: str
    rows: int


@dataclass
class TablePreview:
    """What a seeding would do to a table, in rows of the source.

    Each row is `recognised`, or new (`create`), or `left_out` by a rule, or can't be written and is parked. Of those
    recognised, `update` would change, and in `protected` a value stays as it is because of its protection. `ambiguous`
    rows, which could be several of the target, are parked. `unresolved`: references to records that will be on neither
    side. `parked`: rows that are parked, or one of their references. `conflicts`: columns that the target has changed
    itself. `delete`: rows of the target that came from the source, which has them no more.
    `doubtful`: the first of the ambiguous rows, each its key and why.
    """

    table: str
    rows: int = 0
    recognised: int = 0
    create: int = 0
    update: int = 0
    protected: int = 0
    ambiguous: int = 0
    unresolved: int = 0
    parked: int = 0
    left_out: int = 0
    conflicts: int = 0
    delete: int = 0
    reasons: list[Reason] = field(default_factory=list)
    doubtful: list[tuple[str, str]] = field(default_factory=list)
