"""What is held for a link, and why: which module is missing where."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ucrepl.config import Link
from ucrepl.db.catalog import hstore_schema
from ucrepl.db.sqlfiles import query
from ucrepl.link.held.modules import differences, modules_of, modules_that_bring
from ucrepl.link.partners import Numbered, numbered_tables
from ucrepl.link.words import counted, listed
from ucrepl.plan.catalog import TableName

HINT = (
    "install the module there too, or make the tables and columns, or rename them as there; to leave them out: a rule"
    " with 'skip: true', or 'hold: false'; to give them up: ucrepl held drop"
)
"""What lets held changes go."""


@dataclass(frozen=True, slots=True)
class HeldTable:
    """What is held of a table: of how many rows, since when.

    `whole`: rows are held as a whole, because the table is missing, or `is_there` with another key, or they belong to
    models without a table: `models` has these, and other texts that look like them. Else values of `columns` are held.
    `remote_number` is its number on the source.
    """

    link: str
    link_id: int
    table_id: int
    schema_name: str
    table_name: str
    rows: int
    whole: bool
    is_there: bool
    columns: list[str]
    models: list[str]
    since: datetime
    remote_number: int | None

    @property
    def name(self) -> str:
        """The table's name as people call it."""
        return str(TableName(self.schema_name, self.table_name))


@dataclass(frozen=True, slots=True)
class Reason:
    """Why changes of some tables are held: a sentence without a number."""

    what: str
    tables: tuple[HeldTable, ...]

    def __str__(self) -> str:
        """The sentence with how much is held."""
        rows = sum(table.rows for table in self.tables)
        verb = "is" if rows == 1 else "are"
        return f"{self.what}: {counted(rows, 'row')} of {counted(len(self.tables), 'table')} {verb} held"


def held_tables(target: Connection[TupleRow], link: str | None = None) -> list[HeldTable]:
    """What is held on a node, for one link or for all."""
    is_any = target.execute("SELECT EXISTS (SELECT FROM ucrepl.held)").fetchone()
    if not (is_any and is_any[0]):
        return []
    with target.cursor(row_factory=class_row(HeldTable)) as cursor:
        return cursor.execute(query("held_count", hstore_schema(target)), {"link": link}).fetchall()


def reasons(
    tables: Iterable[HeldTable], link: Link, source: Connection[TupleRow], target: Connection[TupleRow]
) -> list[Reason]:
    """Why these are held, a reason for each module that the target lacks, or has in another version."""
    found = list(tables)
    if not found:
        return []
    wanted: list[tuple[str, str | None]] = [(t.table_name, None) for t in found if t.whole]
    wanted += [(t.table_name, column) for t in found for column in t.columns]
    wanted += [(model.replace(".", "_"), None) for t in found for model in t.models]
    brought = modules_that_bring(source, wanted)
    differing = differences(modules_of(source), modules_of(target), link) if brought else {}
    there = {table.number: table for table in numbered_tables(source)}
    by_reason: dict[str, list[HeldTable]] = {}
    for table in found:
        models = [model for model in table.models if model.replace(".", "_") in brought]
        lacking = [table.table_name, *(model.replace(".", "_") for model in models)]
        module = next((m for name in lacking for m in brought.get(name, ()) if m in differing), None)
        by_reason.setdefault(
            differing[module] if module else _no_place(table, models, link, there.get(table.remote_number or 0)), []
        ).append(table)
    return [Reason(what, tuple(of_reason)) for what, of_reason in by_reason.items()]


def _no_place(table: HeldTable, models: Sequence[str], link: Link, there: Numbered | None) -> str:
    if table.whole and there and there.was_dropped:
        return f"the table {table.name!r} was dropped on {link.source!r}"
    if table.whole and there and str(there.name) != table.name:
        return f"the table {table.name!r} of {link.target!r} is called {str(there.name)!r} on {link.source!r}"
    if table.whole and models:
        return f"rows of {table.name!r} belong to models without a table on {link.target!r}: {listed(models)}"
    if table.whole and table.is_there:
        return (
            f"there is no place on {link.target!r} for rows of {table.name!r} as they are on {link.source!r}: the table"
            " has another key there, or they belong to a model without a table"
        )
    if table.whole:
        return f"there is no place on {link.target!r} for the table {table.name!r}"
    columns = ", ".join(repr(f"{table.name}.{column}") for column in table.columns)
    return f"there is no place on {link.target!r} for {columns}"


def drop(target: Connection[TupleRow], tables: Sequence[HeldTable]) -> int:
    """Gives up what is held for one link of these tables. Returns how many changes."""
    values = {
        "link": tables[0].link_id,
        "numbers": [table.table_id for table in tables],
        "rules": ["held drop"] * len(tables),
    }
    with target.transaction():
        target.execute("SELECT FROM ucrepl.link WHERE link_id = %s FOR UPDATE", [tables[0].link_id])
        row = target.execute(query("held_drop"), values).fetchone()
    return row[0] if row else 0
