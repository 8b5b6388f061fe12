"""What Odoo's object layer does to a database: it creates, writes, finds and deletes records."""

from typing import Final, LiteralString, TypeAlias

from psycopg import Connection, sql
from psycopg.rows import TupleRow

Value: TypeAlias = str | float | None

_NOW: Final = sql.SQL("now() AT TIME ZONE 'UTC'")
_TAGS: Final = sql.Identifier("res_partner_res_partner_category_rel")


class NotFoundError(LookupError):
    """No record meets the condition."""


class Orm:
    """The tables as one user writes to them: `uid` goes into create_uid and write_uid, as Odoo does it."""

    def __init__(self, connection: Connection[TupleRow], uid: int) -> None:
        self._connection = connection
        self._uid = uid

    def create(self, table: str, **values: Value) -> int:
        """Insert a record and give its id."""
        statement = sql.SQL(
            "INSERT INTO {table} ({columns}, create_uid, create_date, write_uid, write_date)"
            " VALUES ({values}, {uid}, {now}, {uid}, {now}) RETURNING id"
        ).format(
            table=sql.Identifier(table),
            columns=sql.SQL(", ").join(map(sql.Identifier, values)),
            values=sql.SQL(", ").join(map(sql.Placeholder, values)),
            uid=self._uid,
            now=_NOW,
        )
        for (record,) in self._connection.execute(statement, values):
            return int(record)
        raise NotFoundError(table)

    def write(self, table: str, record: int, **values: Value) -> None:
        """Update a record."""
        assignments = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(column), sql.Placeholder(column)) for column in values
        )
        statement = sql.SQL("UPDATE {} SET {}, write_uid = {}, write_date = {} WHERE id = {}").format(
            sql.Identifier(table), assignments, self._uid, _NOW, record
        )
        self._connection.execute(statement, values)

    def unlink(self, table: str, record: int) -> None:
        """Delete a record, and before it the messages about it, of which no foreign key knows."""
        model = table.replace("_", ".")
        self._connection.execute("DELETE FROM mail_message WHERE model = %s AND res_id = %s", (model, record))
        self._connection.execute(sql.SQL("DELETE FROM {} WHERE id = %s").format(sql.Identifier(table)), (record,))

    def search(self, table: str, condition: LiteralString, *values: Value) -> int:
        """The newest record that meets the condition, an SQL expression; NotFoundError if there is none."""
        statement = sql.SQL("SELECT id FROM {} WHERE {} ORDER BY id DESC LIMIT 1").format(
            sql.Identifier(table), sql.SQL(condition)
        )
        for (record,) in self._connection.execute(statement, values):
            return int(record)
        raise NotFoundError(table, condition, values)

    def tag(self, partner: int, category: int) -> None:
        """Put a customer into a category, where it may be already."""
        self._connection.execute(
            sql.SQL("INSERT INTO {} VALUES (%s, %s) ON CONFLICT DO NOTHING").format(_TAGS), (partner, category)
        )

    def untag(self, partner: int, category: int) -> None:
        """Take a customer out of a category."""
        self._connection.execute(
            sql.SQL("DELETE FROM {} WHERE partner_id = %s AND category_id = %s").format(_TAGS), (partner, category)
        )
