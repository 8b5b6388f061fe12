"""Follows all references of one database into temporary tables of the session."""

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from tests.support.references.catalogue import catalogue
from tests.support.references.database import Database, read_database

_TABLES = """
CREATE TEMPORARY TABLE records (table_name text, id bigint);
CREATE TEMPORARY TABLE followed (
    kind text, table_name text, key bigint, column_name text, place text, of_table text, of_id bigint,
    ref_table text, ref_id bigint, leads_to_nothing boolean NOT NULL DEFAULT false
);
"""
# A reference to the common id space of the actions is one to the table that has the id.
_ACTIONS = """
UPDATE followed AS f SET ref_table = a.table_name
FROM (SELECT tableoid::regclass::text AS table_name, id FROM ir_actions) AS a
WHERE f.ref_table = 'ir_actions' AND a.id = f.ref_id
"""
_NOTHING = """
UPDATE followed AS f SET leads_to_nothing = true
WHERE f.ref_table IS NOT NULL AND f.ref_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM records AS r WHERE r.table_name = f.ref_table AND r.id = f.ref_id)
"""


def follow_all(connection: Connection[TupleRow]) -> Database:
    """Fills `records` (table_name, id) with all records, `followed` with all references, and `models`.

    The tables are temporary; those of an earlier time are replaced.
    """
    connection.execute("SET jit = off")  # compiling takes longer than any of these queries
    connection.execute("DROP TABLE IF EXISTS pg_temp.records, pg_temp.followed, pg_temp.models")
    database = read_database(connection)
    connection.execute(_TABLES)
    for table in database.tables.values():
        if table.numbered:
            connection.execute(
                sql.SQL("INSERT INTO records SELECT {}, id FROM {}").format(sql.Literal(table.label), table.only)
            )
    for followed in catalogue(database):
        connection.execute(sql.SQL("INSERT INTO followed ") + followed.query)
    connection.execute("CREATE INDEX ON records (table_name, id)")
    connection.execute("ANALYZE records, followed")
    connection.execute(_ACTIONS)
    connection.execute(_NOTHING)
    return database
