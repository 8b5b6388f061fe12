"""Columns that a node has just made: what fills them then is nobody's change, and wins no conflict."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ucrepl.db.sqlfiles import query
from ucrepl.plan.catalog import TableName


@dataclass(frozen=True, slots=True)
class MadeColumn:
    """A column, the transaction that has made or altered it, and the default that all rows got with it, if they did.

    `is_new`: the journal has changes from then.
    """

    schema_name: str
    table_name: str
    column_name: str
    xid: str
    given: str | None
    is_new: bool

    @property
    def table(self) -> TableName:
        """The table."""
        return TableName(self.schema_name, self.table_name)


def made_columns(node: Connection[TupleRow]) -> list[MadeColumn]:
    """The columns of a node that are as new as its journal."""
    with node.cursor(row_factory=class_row(MadeColumn)) as cursor:
        return cursor.execute(query("made_columns")).fetchall()


def stage_made(
    target: Connection[TupleRow],
    made: Iterable[MadeColumn],
    numbers: Mapping[TableName, int],
    wanted: Container[int],
    *,
    on_source: bool,
) -> None:
    """Tells the session of the target of columns of the wanted tables, of the source or of its own."""
    rows = [
        (on_source, numbers[one.table], one.column_name, one.xid, one.given)
        for one in made
        if numbers.get(one.table) in wanted
    ]
    if rows:
        target.execute(
            "INSERT INTO pg_temp.made (on_source, table_id, column_name, xid, given)"
            " SELECT * FROM unnest(%s::boolean[], %s::integer[], %s::name[], %s::xid8[], %s::text[])",
            [list(values) for values in zip(*rows, strict=True)],
        )
