"""Looks after document numbers on a node: their owners, and the triggers that keep numbers apart."""

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from ucrepl.config import Config
from ucrepl.link.numbers.overview import DUE_DAYS
from ucrepl.link.numbers.owners import tend_owners
from ucrepl.link.numbers.state import read_numbering
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


def make_ranges(connection: Connection[TupleRow]) -> int:
    """Has an installed node with interleaved numbers make the date ranges of the next year. Returns how many it made.

    One node is to make them, that of the first slot; another one does what is still not there when half of the time is
    gone. Raises RefusedError for a table that is locked just now.
    """
    numbering = read_numbering(connection)
    if numbering is None:
        return 0
    statement = sql.SQL("SELECT ucrepl.make_date_ranges({})").format(DUE_DAYS // 2 if numbering.slot else DUE_DAYS)
    return int(str(with_short_lock(connection, statement, 0)))
