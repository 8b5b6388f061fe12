"""Real Odoo 18 databases, where they are: partners written in bulk, and the traffic of an office."""

import pytest
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from tests.bench.servers import MARKER, Sites, connect
from tests.bench.workload import TRANSACTION_ROWS, Write
from tests.support.odoo import odoo_file, play_workload, restore_dump

DATABASE = "template_odoo"
WORKLOAD_CHANGES = 7175
APART = 100_000
"""How far the sequences of the target are moved on, so that the two sides hand out different ids."""


def missing() -> str | None:
    """Why there are no Odoo databases, None where they are."""
    try:
        odoo_file("odoo18.dump")
    except pytest.skip.Exception as reason:
        return str(reason)
    return None


def restore(sites: Sites) -> None:
    """Restores the dump on both servers, as a template."""
    sites.create(DATABASE)
    for server in sites.both:
        restore_dump(server.dsn(DATABASE), odoo_file("odoo18.dump"))
        with connect(server, DATABASE) as connection:
            connection.execute(MARKER.encode())
            for table in keyless(connection):
                connection.execute(sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(sql.Identifier(table)))
            connection.execute("ANALYZE")


def keyless(connection: Connection[TupleRow]) -> list[str]:
    """The tables without a primary key: PostgreSQL's own replication has to be told how to find their rows."""
    rows = connection.execute(
        "SELECT c.relname FROM pg_class AS c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
        " AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary)"
    ).fetchall()
    return [row[0] for row in rows]


def move_apart(sites: Sites, database: str, _contestant: str) -> None:
    """Moves every sequence of ids of the target on, as if many records had been made there."""
    with connect(sites.target, database) as target:
        target.execute(
            "SELECT setval(pg_get_serial_sequence(quote_ident(relname), 'id'), %s) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND EXISTS (SELECT FROM pg_attribute"
            " WHERE attrelid = pg_class.oid AND attname = 'id' AND NOT attisdropped)",
            [APART],
        )


def insert_partners(rows: int, *, each: int = TRANSACTION_ROWS) -> Write:
    """Inserts so many copies of the partners that are there, under new names, in transactions of `each` rows."""

    def write(connection: Connection[TupleRow]) -> None:
        stage_partners(connection, "pg_temp.new_partner", rows)
        [(first,)] = connection.execute("SELECT min(id) FROM pg_temp.new_partner").fetchall()
        for low in range(first, first + rows, each):
            connection.execute(
                "INSERT INTO res_partner SELECT * FROM pg_temp.new_partner WHERE id >= %s AND id < %s ORDER BY id",
                [low, low + each],
            )
        connection.execute("DROP TABLE pg_temp.new_partner")

    return write


def stage_partners(connection: Connection[TupleRow], table: str, rows: int) -> None:
    """Makes a table with so many copies of the partners that are there, with ids, names and parents of their own."""
    columns = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'res_partner'::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum"
    ).fetchall()
    renewed = {
        "id": "c.new_id",
        "parent_id": "CASE WHEN parent.new_id < c.new_id THEN parent.new_id ELSE p.parent_id END",
        "commercial_partner_id": "CASE WHEN head.new_id <= c.new_id THEN head.new_id ELSE p.commercial_partner_id END",
        "name": "p.name || ' ' || c.copy",
        "complete_name": "p.complete_name || ' ' || c.copy",
        "email": "c.new_id || p.email",
        "email_normalized": "c.new_id || p.email_normalized",
        "vat": "p.vat || c.copy",
    }
    values = ", ".join(f'{renewed.get(name, f"p.{name}")} AS "{name}"' for (name,) in columns)
    connection.execute(
        "CREATE TEMPORARY TABLE copied AS"
        " SELECT copy, p.id AS old_id, nextval('res_partner_id_seq')::integer AS new_id"
        " FROM (SELECT id, count(*) OVER () AS existing FROM res_partner ORDER BY parent_id NULLS FIRST, id) AS p"
        " CROSS JOIN LATERAL generate_series(1, %(rows)s / existing + 1) AS copy ORDER BY copy LIMIT %(rows)s",
        {"rows": rows},
    )
    connection.execute("CREATE UNIQUE INDEX ON pg_temp.copied (copy, old_id)")
    connection.execute("ANALYZE pg_temp.copied")
    connection.execute(
        f"CREATE TABLE {table} AS SELECT {values} FROM pg_temp.copied AS c JOIN res_partner AS p ON p.id = c.old_id"
        " LEFT JOIN pg_temp.copied AS parent ON parent.copy = c.copy AND parent.old_id = p.parent_id"
        " LEFT JOIN pg_temp.copied AS head ON head.copy = c.copy AND head.old_id = p.commercial_partner_id"
        " ORDER BY c.new_id".encode()
    )
    connection.execute(f"CREATE UNIQUE INDEX ON {table} (id)".encode())
    connection.execute(f"ANALYZE {table}".encode())
    connection.execute("DROP TABLE pg_temp.copied")


def office() -> Write:
    """What an Odoo server wrote while an office worked for half a minute."""

    def write(connection: Connection[TupleRow]) -> None:
        info = connection.info
        play_workload(make_conninfo(host=info.host, port=info.port, user=info.user, dbname=info.dbname), "odoo18")

    return write
