"""The owners of what has no gaps: who posts the entries of a journal, and who draws from a sequence."""

from collections.abc import Collection, Iterator

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, NumberOwner
from ucrepl.errors import ConfigError
from ucrepl.plan.catalog import TableName
from ucrepl.plan.numbers import JOURNALS, SEQUENCES
from ucrepl.plan.text import literal

Row = tuple[str, int, str | None, str, bool, bool]
"""A row of `ucrepl.number_owner`."""


def tend_owners(config: Config, node: str, connection: Connection[TupleRow]) -> bool:
    """Brings the owners on an installed node up to date. Returns whether there was anything to change.

    Raises ConfigError for a wrong `where`.
    """
    wanted = _wanted(config, node, connection)
    statement = "SELECT table_name, place, condition, owner, is_here, refuses FROM ucrepl.number_owner"
    if set(connection.execute(statement).fetchall()) == set(wanted):
        return False
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE ucrepl.number_owner IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("DELETE FROM ucrepl.number_owner")
        cursor.executemany(
            "INSERT INTO ucrepl.number_owner (table_name, place, condition, owner, is_here, refuses)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            wanted,
        )
    return True


def owners_of_records(config: Config, connection: Connection[TupleRow]) -> dict[tuple[str, int | None], str]:
    """The owners of a node's records: (table, id) -> owner, with the id None for all others of the table.

    Raises ConfigError for a wrong `where`.
    """
    owners: dict[tuple[str, int | None], str] = {}
    for table, entries in _entries(config, connection):
        cases = [f"WHEN {condition} THEN {literal(entry.owner)}" for entry, condition in entries if condition]
        others = [entry.owner for entry, condition in entries if condition is None]
        if others:
            owners[table.table, None] = others[0]
        if cases:
            statement = f"SELECT r.id, CASE {' '.join(cases)} END FROM {table.sql} AS r"
            rows = connection.execute(statement.encode()).fetchall()
            owners |= {(table.table, record): owner for record, owner in rows if owner is not None}
    return owners


def _wanted(config: Config, node: str, connection: Connection[TupleRow]) -> list[Row]:
    refuses = config.numbers.elsewhere == "refuse"
    return [
        (table.table, place, condition, entry.owner, entry.owner == node, refuses)
        for table, entries in _entries(config, connection)
        for place, (entry, condition) in enumerate(entries)
    ]


def _entries(
    config: Config, connection: Connection[TupleRow]
) -> Iterator[tuple[TableName, list[tuple[NumberOwner, str | None]]]]:
    """The entries of each table that the node has, up to the first without a condition, with their SQL over `r`."""
    for table in (JOURNALS, SEQUENCES):
        named = [entry for entry in config.numbers.owners if entry.table == table.table]
        columns = _columns(connection, table) if named else []
        found: list[tuple[NumberOwner, str | None]] = []
        for entry in named if columns else ():
            found.append((entry, _compiled(entry.where, table, columns) if entry.where else None))
            if entry.where is None:
                break
        yield table, found


def _columns(connection: Connection[TupleRow], table: TableName) -> list[str]:
    rows = connection.execute(
        "SELECT attname FROM pg_catalog.pg_attribute"
        " WHERE attrelid = pg_catalog.to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
        [table.sql],
    ).fetchall()
    return [row[0] for row in rows]


def _compiled(where: str, table: TableName, columns: Collection[str]) -> str:
    from ucrepl.plan.expression import compile_expression

    try:
        return compile_expression(where, columns, "r")
    except ConfigError as error:
        raise ConfigError(f"numbers.owners of {str(table)!r}: {error.message}", error.hint) from None
