"""SQL for document numbers: what replay does for the tables in which Odoo counts."""

from collections.abc import Sequence

from ucrepl.plan.catalog import TableName
from ucrepl.plan.model import LinkPlan, TablePlan
from ucrepl.plan.text import quote
from ucrepl.plan.translate import SENT, image, looked_up, own_row, sent

SEQUENCES, RANGES = TableName("public", "ir_sequence"), TableName("public", "ir_sequence_date_range")
MOVES, JOURNALS = TableName("public", "account_move"), TableName("public", "account_journal")

COUNTING = frozenset({"implementation", "number_increment"})
"""The columns of `ir_sequence` that say how its PostgreSQL sequence counts."""

_POSTED = frozenset({"name", "state", "journal_id"})


def counts(table: TablePlan) -> bool:
    """Whether a row of the table has a PostgreSQL sequence of its own: in an Odoo, where it says how that counts."""
    return table.name == RANGES or (table.name == SEQUENCES and table.table.columns.keys() >= COUNTING)


def is_numbered(table: TablePlan) -> bool:
    """Whether a row of the table is a document whose number must be unique in its journal."""
    return table.name == MOVES and {c.name for c in table.columns} >= _POSTED


def may_take_number(table: TablePlan, names: Sequence[str]) -> bool:
    """Whether an update of these columns can give a document its number."""
    return is_numbered(table) and not _POSTED.isdisjoint(names)


def follow(link: LinkPlan, table: TablePlan) -> str:
    """Makes the PostgreSQL sequences of what was written to `ir_sequence` or its date ranges, or drops them."""
    row = own_row(link, table)
    column = "id" if table.name == SEQUENCES else "sequence_id"
    return f"""\
SELECT ucrepl.follow_number_sequence(written.id)
FROM (
    SELECT DISTINCT target.{column} AS id
    FROM pg_temp.change AS change
    {row.joins[0]}
    JOIN {table.name.sql} AS target ON {row.sql}
    WHERE change.table_id = {table.number} AND change.op IN ('I', 'M', 'U')
) AS written"""


def drop(link: LinkPlan, table: TablePlan) -> str:
    """Drops the PostgreSQL sequences of rows that are about to be deleted."""
    row = own_row(link, table)
    ids = "target.id, NULL" if table.name == SEQUENCES else "target.sequence_id, target.id"
    return f"""\
SELECT ucrepl.drop_number_sequences({ids})
FROM pg_temp.change AS change
{row.joins[0]}
JOIN {table.name.sql} AS target ON {row.sql}
WHERE change.table_id = {table.number} AND change.op = 'D'"""


def note_taken(link: LinkPlan, table: TablePlan) -> str:
    """Notes the posted documents whose number another one has in the same journal here.

    Where invoices and bills have a type (`move_type`), Odoo lets two types have one number. What the batch itself
    changes may be about to give its number up, and is left to the database. A new document may have the number of one
    that the source has too, unless that one was posted here: they are two on the source as well.
    """
    row, hstore = own_row(link, table), quote(link.hstore_schema)
    local = f"LEFT JOIN {table.name.sql} AS here ON {own_row(link, table, 'here').sql}"
    columns = [table.column(name) for name in ("name", "state", "journal_id", "move_type") if name in _names(table)]
    wanted = ", ".join(
        f"coalesce({looked_up(link, table, c, sent(c), SENT)}, here.{quote(c.name)}) AS {quote(c.name)}"
        for c in columns
    )
    same_type = (
        "\n    AND other.move_type IS NOT DISTINCT FROM wanted.move_type" if "move_type" in _names(table) else ""
    )
    return f"""\
INSERT INTO pg_temp.trouble (seq, reason, message)
SELECT DISTINCT ON (change.seq)
    change.seq,
    'number',
    format('the number %s is that of another record of the same journal here: id %s', wanted.name, other.id)
FROM pg_temp.change AS change
{image(link, table, "new", "sent")}
{row.joins[0]}
{local}
CROSS JOIN LATERAL (SELECT {wanted}) AS wanted
JOIN {table.name.sql} AS other
    ON other.name = wanted.name AND other.journal_id = wanted.journal_id AND other.state = 'posted'
    AND other.id <> own.local_id{same_type}
WHERE change.table_id = {table.number} AND change.op IN ('I', 'M', 'U')
    AND wanted.state = 'posted' AND wanted.name NOT IN ('', '/')
    AND (
        change.op = 'U'
        OR NOT EXISTS (
            SELECT FROM ucrepl.identity AS i
            WHERE i.peer_id = {link.peer_id} AND i.local_table = {table.space} AND i.local_id = other.id
        )
        OR EXISTS (
            SELECT FROM ucrepl.journal AS j
            WHERE j.table_id = {table.number} AND j.key = other.id::text AND j.op = 'U'
                AND ({hstore}.exist(j.new, 'name') OR {hstore}.exist(j.new, 'state'))
        )
    )
    AND NOT EXISTS (
        SELECT FROM ucrepl.identity AS i
        JOIN pg_temp.change AS c ON c.table_id = {table.number} AND c.op IN ('U', 'D') AND c.key = i.remote_id::text
        WHERE i.peer_id = {link.peer_id} AND i.local_table = {table.space} AND i.local_id = other.id
    )
ORDER BY change.seq, other.id"""


def _names(table: TablePlan) -> set[str]:
    return {c.name for c in table.columns}
