"""What the journal of a source lacks: changes that were not captured, or not wholly. `ucrepl resync` brings them."""

from dataclasses import dataclass
from typing import Final, Literal

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.link.words import counted, listed
from ucrepl.plan.catalog import TableName

LARGEST_CHANGE: Final = "256 MB"
"""So much text a change in the journal has at the most, the old and the new values together."""


@dataclass(frozen=True, slots=True)
class Uncaptured:
    """Changes of one table that the journal lacks, for one reason.

    `large`: of `changes` the values of `columns` were too large, in the rows with these `keys`; without columns the
    whole rows. `truncated`: rows of a partition that went with it, and were not seen. `earlier`: the table has rows
    from before its triggers.
    """

    link: str
    table: TableName
    reason: Literal["large", "truncated", "earlier"]
    changes: int
    columns: list[str]
    keys: list[str]

    def __str__(self) -> str:
        """What is lacking, in a sentence."""
        match self.reason:
            case "truncated":
                return f"a partition of {str(self.table)!r} was truncated, and not all of its rows may have been seen"
            case "earlier":
                return f"{str(self.table)!r} has rows from before its triggers, which are not replicated"
        changes = counted(self.changes, "change")
        what = f"values were left out that make a change larger than {LARGEST_CHANGE}: {changes} of {str(self.table)!r}"
        if not self.columns:
            return what
        return f"{what}, the columns {listed(self.columns)} in the rows {listed(self.keys)}"

    @property
    def remedy(self) -> str:
        """The command that brings it."""
        return f"run: ucrepl resync '{self.link}' {self.table}"


def uncaptured(link: str, source: Connection[TupleRow]) -> list[Uncaptured]:
    """What the link of this name lacks."""
    rows = source.execute(query("uncaptured"), {"link": link}).fetchall()
    return [
        Uncaptured(link, TableName(schema, table), reason, changes, columns or [], keys or [])
        for schema, table, reason, changes, columns, keys in rows
    ]


def settle(source: Connection[TupleRow], link: str, table: TableName, seen: str) -> None:
    """Have the link lack nothing of a table any more that was there in the snapshot `seen` of the source."""
    values = {"link": link, "schema": table.schema, "table": table.table, "seen": seen}
    source.execute(query("settle_uncaptured"), values)
