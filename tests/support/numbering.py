"""Document numbers as Odoo makes them: rows of ir_sequence, their PostgreSQL sequences, posted entries."""

from typing import Final

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

TABLES: Final = """
    CREATE TABLE ir_sequence (
        id serial PRIMARY KEY, name varchar NOT NULL, code varchar, implementation varchar NOT NULL DEFAULT 'standard',
        active boolean DEFAULT true, prefix varchar, suffix varchar, number_next int NOT NULL DEFAULT 1,
        number_increment int NOT NULL DEFAULT 1, padding int NOT NULL DEFAULT 0, use_date_range boolean
    );
    CREATE TABLE ir_sequence_date_range (
        id serial PRIMARY KEY, date_from date NOT NULL, date_to date NOT NULL,
        sequence_id int NOT NULL REFERENCES ir_sequence ON DELETE CASCADE, number_next int NOT NULL DEFAULT 1
    );
    CREATE TABLE account_journal (
        id serial PRIMARY KEY, code varchar NOT NULL, secure_sequence_id int REFERENCES ir_sequence
    );
    CREATE TABLE account_move (
        id serial PRIMARY KEY, name varchar DEFAULT '/', state varchar NOT NULL DEFAULT 'draft',
        journal_id int NOT NULL REFERENCES account_journal, create_date timestamp DEFAULT now(), ref varchar
    );
    CREATE TABLE account_move_line (id serial PRIMARY KEY, move_id int NOT NULL REFERENCES account_move, name varchar);
    CREATE INDEX account_move_name_index ON account_move (name);
    INSERT INTO account_journal (code) VALUES ('INV'), ('BNK1');
"""
UNIQUE_NAME: Final = """
    CREATE UNIQUE INDEX account_move_unique_name ON account_move (name, journal_id)
    WHERE state = 'posted' AND name <> '/'
"""
"""What Odoo has from version 17 on."""


def padded(number: int) -> str:
    return f"{number:03d}"


class Writer:
    """An Odoo at work on a database: every call is one transaction."""

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self.connection = connection

    def make_sequence(self, name: str, *, prefix: str = "", draw: int = 0, **values: object) -> int:
        """Make an ir.sequence, and draw so many numbers in the same transaction. Gives its id."""
        values = {"name": name, "prefix": prefix, **values}
        with self.connection.transaction():
            number = self._insert("ir_sequence", values)
            if values.get("implementation", "standard") == "standard":
                self._create(f"ir_sequence_{padded(number)}", values.get("number_increment", 1))
            for _ in range(draw):
                self._draw(number)
        return number

    def make_range(self, sequence: int, year: int, *, draw: int = 0) -> int:
        """Make a date range of a year, and draw so many numbers in the same transaction. Gives its id."""
        with self.connection.transaction():
            values = {"sequence_id": sequence, "date_from": f"{year}-01-01", "date_to": f"{year}-12-31"}
            number = self._insert("ir_sequence_date_range", values)
            [increment] = self._one("SELECT number_increment FROM ir_sequence WHERE id = %s", sequence)
            self._create(f"ir_sequence_{padded(sequence)}_{padded(number)}", increment)
            for _ in range(draw):
                self._draw(sequence, number)
        return number

    def draw(self, sequence: int, in_range: int | None = None) -> str:
        """The next number of a standard sequence, with its prefix."""
        with self.connection.transaction():
            return self._draw(sequence, in_range)

    def draw_without_gap(self, sequence: int) -> int:
        """The next number of a sequence without gaps."""
        with self.connection.transaction():
            [number] = self._one("SELECT number_next FROM ir_sequence WHERE id = %s FOR UPDATE NOWAIT", sequence)
            self.connection.execute(
                "UPDATE ir_sequence SET number_next = number_next + number_increment WHERE id = %s", [sequence]
            )
            return int(number)

    def draft(self, journal: str = "INV") -> int:
        """A draft of an entry, with a line. Gives its id."""
        with self.connection.transaction():
            [move] = self._one(
                "INSERT INTO account_move (journal_id) SELECT id FROM account_journal WHERE code = %s RETURNING id",
                journal,
            )
            self.connection.execute("INSERT INTO account_move_line (move_id, name) VALUES (%s, 'line')", [move])
            return int(move)

    def post(self, move: int, name: str) -> None:
        """Post an entry."""
        self.connection.execute("UPDATE account_move SET state = 'posted', name = %s WHERE id = %s", [name, move])

    def post_new(self, name: str, journal: str = "INV") -> int:
        """A new entry, posted at once. Gives its id."""
        with self.connection.transaction():
            move = self.draft(journal)
            self.post(move, name)
        return move

    def delete_sequence(self, sequence: int) -> None:
        """Delete an ir.sequence with all its ranges."""
        with self.connection.transaction():
            ranges = self.connection.execute(
                "SELECT id FROM ir_sequence_date_range WHERE sequence_id = %s", [sequence]
            ).fetchall()
            for name in (padded(sequence), *(f"{padded(sequence)}_{padded(r)}" for (r,) in ranges)):
                self.connection.execute(
                    sql.SQL("DROP SEQUENCE IF EXISTS {}").format(sql.Identifier(f"ir_sequence_{name}"))
                )
            self.connection.execute("DELETE FROM ir_sequence WHERE id = %s", [sequence])

    def _draw(self, sequence: int, in_range: int | None = None) -> str:
        name = f"ir_sequence_{padded(sequence)}" + (f"_{padded(in_range)}" if in_range else "")
        [prefix, number] = self._one(
            "SELECT coalesce(prefix, ''), nextval(%s) FROM ir_sequence WHERE id = %s", name, sequence
        )
        return f"{prefix}{number}"

    def _create(self, name: str, increment: object) -> None:
        self.connection.execute(
            sql.SQL("CREATE SEQUENCE {} INCREMENT BY {} START WITH 1").format(sql.Identifier(name), increment)
        )

    def _insert(self, table: str, values: dict[str, object]) -> int:
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(map(sql.Literal, values.values())),
        )
        row = self.connection.execute(statement).fetchone()
        return int(row[0]) if row else 0

    def _one(self, statement: str, *values: object) -> TupleRow:
        row = self.connection.execute(statement.encode(), values).fetchone()
        assert row
        return row


def was_refused(error: psycopg.Error) -> str:
    """The message of an error of a constraint, which is what Odoo shows to its users."""
    assert error.sqlstate
    assert error.sqlstate.startswith("23")
    return error.diag.message_primary or ""
