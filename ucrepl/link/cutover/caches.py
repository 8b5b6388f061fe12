"""Tells the Odoo workers of a node that what they have cached may be out of date."""

from psycopg import Connection, sql
from psycopg.rows import TupleRow

_SIGNALS = """
    SELECT c.relname::text, c.relkind = 'S'
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('S', 'r')
        AND c.relname ~ '^(base_cache_signaling|orm_signaling_)' AND c.relname !~ '_registry$|_id_seq$'
"""


def tell_odoo(node: Connection[TupleRow]) -> int:
    """Drops all caches of the workers at their next request. Returns how many signals were given."""
    signals = node.execute(_SIGNALS).fetchall()
    with node.transaction():
        node.execute("SELECT set_config('ucrepl.origin', 'cutover', true)")  # each node has its own signals
        for name, is_sequence in signals:
            statement = sql.SQL("SELECT nextval({})" if is_sequence else "INSERT INTO public.{} DEFAULT VALUES")
            node.execute(statement.format(f"public.{name}" if is_sequence else sql.Identifier(name)))
    return len(signals)
