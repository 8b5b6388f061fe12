"""The owners of what has no gaps: who posts the entries of a journal, and who draws from a sequence."""

from collections.abc import Collection, Sequence

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, NumberOwner
from ucrepl.errors import ConfigError
from ucrepl.plan.catalog import TableName
from ucrepl.plan.numbers import JOURNALS, SEQUENCES
from ucrepl.plan.text import literal

Row = tuple[str, int | None, str, bool, bool]
"""A row of `ucrepl.number_owner`."""


def tend_owners(config: Config, node: str, connection: Connection[TupleRow]) -> bool:
    """Brings the owners on an installed node up to date. Returns whether there was anything to change.

    Raises ConfigError for a wrong `where`.
    """
    wanted = wanted_owners(config, node, connection)
    statement = "SELECT table_name, record_id, owner, is_here, refuses FROM ucrepl.number_owner"
    if set(connection.execute(statement).fetchall()) == set(wanted):
        return False
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE ucrepl.number_owner IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("DELETE FROM ucrepl.number_owner")
        cursor.executemany("INSERT INTO ucrepl.number_owner VALUES (%s, %s, %s, %s, %s)", wanted)
    return True


def wanted_owners(config: Config, node: str, connection: Connection[TupleRow]) -> list[Row]:
    """What the configuration says about the records of a node. Raises ConfigError for a wrong `where`."""
    rows: list[Row] = []
    refuses = config.numbers.elsewhere == "refuse"
    for table in (JOURNALS, SEQUENCES):
        entries = [entry for entry in config.numbers.owners if entry.table == table.table]
        columns = _columns(connection, table) if entries else []
        if columns:
            found = connection.execute(_owners_by_row(entries, table, columns).encode()).fetchall()
            found += [(None, entry.owner) for entry in entries if entry.where is None][:1]
            rows += [(table.table, record_id, owner, owner == node, refuses) for record_id, owner in found]
    return rows


def _columns(connection: Connection[TupleRow], table: TableName) -> list[str]:
    rows = connection.execute(
        "SELECT attname FROM pg_catalog.pg_attribute"
        " WHERE attrelid = pg_catalog.to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
        [table.sql],
    ).fetchall()
    return [row[0] for row in rows]


def _owners_by_row(entries: Sequence[NumberOwner], table: TableName, columns: Collection[str]) -> str:
    """A query for the rows for which an entry with `where` is, and their owners."""
    cases = []
    for entry in entries:
        if entry.where is None:
            break
        cases.append(f"WHEN {_compiled(entry.where, table, columns)} THEN {literal(entry.owner)}")
    if not cases:
        return "SELECT NULL, NULL WHERE false"
    return (
        f"SELECT id, owner FROM (SELECT r.id, CASE {' '.join(cases)} END AS owner FROM {table.sql} AS r)"
        " AS ruled WHERE owner IS NOT NULL"
    )


def _compiled(where: str, table: TableName, columns: Collection[str]) -> str:
    from ucrepl.plan.expression import compile_expression

    try:
        return compile_expression(where, columns, "r")
    except ConfigError as error:
        raise ConfigError(f"numbers.owners of {str(table)!r}: {error.message}", error.hint) from None
