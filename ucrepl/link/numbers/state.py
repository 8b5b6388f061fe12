"""How the standard sequences of a node are kept apart from those of others."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ucrepl.config import Config, Rule
from ucrepl.link.ids.sequences import Slot
from ucrepl.plan.catalog import Catalog
from ucrepl.plan.numbers import RANGES, SEQUENCES

Way = Literal["interleave", "prefix"]
"""Each node hands out other numbers; or all hand out the same ones, with a prefix of their own."""


@dataclass(frozen=True, slots=True)
class Numbering:
    """What a node does with its standard sequences: a slot, or a prefix."""

    way: Way
    slot: int | None = None
    slots: int | None = None
    prefix: str | None = None
    since: datetime | None = None

    def as_slot(self) -> Slot | None:
        """The slot, where numbers are interleaved."""
        if self.slot is None or self.slots is None:
            return None
        return Slot(self.slot, self.slots, self.since)

    def __str__(self) -> str:
        return f"slot {self.slot} of {self.slots}" if self.way == "interleave" else f"prefix {self.prefix!r}"


def read_numbering(connection: Connection[TupleRow]) -> Numbering | None:
    """What an installed node does; None where it numbers as Odoo does by itself."""
    with connection.cursor(row_factory=class_row(Numbering)) as cursor:
        return cursor.execute("SELECT way, slot, slots, prefix, since FROM ucrepl.numbering").fetchone()


def is_ready(connection: Connection[TupleRow]) -> bool:
    """Whether ucrepl is there, with a schema that knows of numbers and may be read."""
    row = connection.execute(
        "SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')"
        " FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'ucrepl' AND c.relname = 'numbering'"
    ).fetchone()
    return bool(row and row[0])


def has_sequences(catalog: Catalog) -> bool:
    """Whether the database numbers documents as Odoo does."""
    table = catalog.tables.get(SEQUENCES)
    return table is not None and table.columns.keys() >= {"implementation", "number_next", "number_increment", "prefix"}


def numbering_rules(config: Config, target: Connection[TupleRow], catalog: Catalog) -> list[Rule]:
    """What a link must not overwrite on its target, where numbers are kept apart or have an owner."""
    if not (has_sequences(catalog) and is_ready(target)):
        return []
    numbering = read_numbering(target)
    if numbering is None and not config.numbers.owners:
        return []
    protect = {"number_next": 4}
    if numbering:
        protect["prefix" if numbering.way == "prefix" else "number_increment"] = 3
    rules = [Rule(table=".".join(SEQUENCES), name="numbers", protect=protect)]
    if RANGES in catalog.tables:
        rules.append(Rule(table=".".join(RANGES), name="numbers of date ranges", protect={"number_next": 4}))
    return rules
