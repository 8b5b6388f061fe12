"""Looks after document numbers on a node: their owners, and the triggers that keep numbers apart."""

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from ucrepl.config import Config
from ucrepl.link.numbers.owners import tend_owners
from ucrepl.link.patience import LOCK_PATIENCE_SECONDS, with_short_lock

NOTES_KEPT = "90 days"


def tend_numbers(
    config: Config, node: str, connection: Connection[TupleRow], *, patience: float = LOCK_PATIENCE_SECONDS
) -> bool:
    """Has an installed node do what the configuration says. Returns whether there was anything to do.

    Raises ConfigError for a wrong `where`, RefusedError for a table that was still locked after `patience` seconds.
    """
    changed = tend_owners(config, node, connection)
    made = with_short_lock(connection, sql.SQL("SELECT ucrepl.set_number_triggers()"), patience)
    connection.execute("DELETE FROM ucrepl.number_note WHERE noted_at < now() - %s::interval", [NOTES_KEPT])
    return changed or bool(made)
