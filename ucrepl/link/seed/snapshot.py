"""One state of the source, which several sessions read."""

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from ucrepl.link.nodes import Nodes
from ucrepl.plan.rows import written_later

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Snapshot:
    """A snapshot of a node, held until the connections of `nodes` are closed.

    `text` is the snapshot as PostgreSQL writes it: the link is replayed from there on.
    """

    def __init__(self, nodes: Nodes, node: str, hstore: str) -> None:
        self._nodes = nodes
        self._node = node
        self._hstore = hstore
        holder = nodes.another(node)
        holder.execute(_BEGIN)
        row = holder.execute("SELECT pg_export_snapshot(), pg_current_snapshot()::text").fetchone()
        self._name, self.text = row or ("", "")

    def reader(self, *tables: str) -> Connection[TupleRow]:
        """A session that sees the snapshot, and knows in `pg_temp.written` what the journal tells of it.

        `tables`: statements that make further temporary tables.
        """
        connection = self._nodes.another(self._node)
        written = sql.SQL("CREATE TEMPORARY TABLE written (table_id integer, key text, times {}.hstore)")
        connection.execute(written.format(sql.Identifier(self._hstore)))
        for statement in tables:
            connection.execute(statement.encode())
        connection.execute(_BEGIN)
        connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(self._name))
        connection.execute(written_later(self._hstore).encode())
        return connection
