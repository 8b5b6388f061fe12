"""Writes records into an Odoo database as Odoo would store them, and remembers what references they have."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from tests.support.references.kinds import Kind
from tests.support.tables import Table, read_tables


class Made(NamedTuple):
    """A record with a reference; of a row of a many2many table `key` is None."""

    table: str
    key: int | None


@dataclass
class Maker:
    """Makes records in one database."""

    connection: Connection[TupleRow]
    tables: dict[str, Table]
    made: dict[Kind, list[Made]] = field(default_factory=dict)

    @classmethod
    def at(cls, connection: Connection[TupleRow]) -> "Maker":
        """Reads which tables there are."""
        return cls(connection, read_tables(connection))

    def has(self, table: str, column: str = "id") -> bool:
        """Whether there is such a column."""
        return table in self.tables and column in self.tables[table].columns

    def make(self, table: str, *kinds: Kind, **values: Any) -> int:  # noqa: ANN401 - of all types
        """Makes a record like the first one of the table, if there is one, but with these values. Gives its id.

        Values for columns that this version hasn't are left out. With `kinds` it is remembered.
        """
        row_id: int = self.value("SELECT nextval(%s)", _sequence(table))
        self.connection.execute(
            sql.SQL(
                "INSERT INTO {table} SELECT (jsonb_populate_record(s, %s::jsonb)).* FROM ("
                "SELECT 1 AS place, t AS s FROM ONLY {table} AS t WHERE t.id = (SELECT min(id) FROM ONLY {table})"
                " UNION ALL SELECT 2, NULL::{table} ORDER BY place LIMIT 1) AS first"
            ).format(table=sql.Identifier(table)),
            [json.dumps({**self._known(table, values), "id": row_id})],
        )
        self.remember(table, row_id, *kinds)
        return row_id

    def change(self, table: str, row_id: int, *kinds: Kind, **values: Any) -> None:  # noqa: ANN401 - as above
        """Gives a record these values; nothing happens if this version has none of the columns."""
        row = self._known(table, values)
        if not row:
            return
        sets = [sql.SQL("{0} = new.{0}").format(sql.Identifier(name)) for name in row]
        self.connection.execute(
            sql.SQL(
                "UPDATE ONLY {0} AS t SET {1} FROM jsonb_populate_record(NULL::{0}, %s::jsonb) AS new WHERE t.id = %s"
            ).format(sql.Identifier(table), sql.SQL(", ").join(sets)),
            [json.dumps(row), row_id],
        )
        self.remember(table, row_id, *kinds)

    def link(self, table: str, **ends: int) -> None:
        """Makes a row of a many2many table."""
        self.connection.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, ends)),
                sql.SQL(", ").join(map(sql.Literal, ends.values())),
            )
        )
        self.made.setdefault(Kind.MANY2MANY, []).append(Made(table, None))

    def remember(self, table: str, row_id: int, *kinds: Kind) -> None:
        """Remembers that a record has references of these kinds."""
        for kind in kinds:
            self.made.setdefault(kind, []).append(Made(table, row_id))

    def value(self, statement: str, *values: object) -> Any:  # noqa: ANN401 - whatever is asked for
        """The first value of a query, None if there is none."""
        row = self.connection.execute(statement.encode(), values or None).fetchone()
        return row[0] if row else None

    def _known(self, table: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values for columns that there are; a text for a translated column is one in English."""
        columns = self.tables[table].columns
        return {
            name: {"en_US": value} if isinstance(value, str) and columns[name].type == "jsonb" else value
            for name, value in values.items()
            if name in columns
        }


def _sequence(table: str) -> str:
    """The sequence of a table's ids: the actions share one."""
    return "ir_actions_id_seq" if table.startswith("ir_act_") and table != "ir_act_window_view" else f"{table}_id_seq"
