"""Puts the schema and the triggers on a node."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from ucrepl.config import Config
from ucrepl.db.catalog import hstore_schema, read_catalog
from ucrepl.db.sqlfiles import scripts
from ucrepl.errors import RefusedError
from ucrepl.link.node import identify, refuse_encoding, refuse_newer, schema_version
from ucrepl.link.partners import follow_tables
from ucrepl.link.patience import with_short_lock
from ucrepl.link.totals import mark_statement, of_totals
from ucrepl.plan.catalog import Catalog

# The same number in every database: two installations of one node wait for each other.
INSTALL_LOCK = 0x7563_7265_706C


@dataclass(frozen=True, slots=True)
class Installed:
    """What an installation did: tables tracked in all, tables whose triggers were made, tables without a key."""

    tracked: int
    made: int
    without_key: tuple[str, ...]


def schema_scripts(hstore: str | None, version: int) -> Iterator[tuple[str, sql.SQL | sql.Composed]]:
    """The SQL that brings a schema of this version (0: none) up to date, as (name, SQL) in order.

    `hstore` is the schema of the extension, None to install it into our own.
    """
    if version == 0:
        yield (
            "schema",
            sql.SQL(
                "CREATE SCHEMA ucrepl;\n"
                "REVOKE ALL ON SCHEMA ucrepl FROM PUBLIC;\n"
                "CREATE TABLE ucrepl.migration (version integer PRIMARY KEY, name text NOT NULL,"
                " applied_at timestamptz NOT NULL DEFAULT pg_catalog.now());"
            ),
        )
    if hstore is None:
        yield "hstore", sql.SQL("CREATE EXTENSION hstore SCHEMA ucrepl;")
    where = hstore or "ucrepl"
    for name, script in scripts("migrations", where):
        number = int(name[:4])
        if number > version:
            yield name, script
            yield (
                f"{name}, done",
                sql.SQL("INSERT INTO ucrepl.migration (version, name) VALUES ({}, {});").format(number, name),
            )
    yield from scripts("functions", where)


def node_statement(node: str) -> sql.Composed:
    """Writes down who the node is, unless it has been done."""
    return sql.SQL(
        "INSERT INTO ucrepl.node (name, system_identifier, database_oid)"
        " SELECT {}, c.system_identifier, d.oid FROM pg_catalog.pg_control_system() AS c"
        " JOIN pg_catalog.pg_database AS d ON d.datname = pg_catalog.current_database()"
        " ON CONFLICT (singleton) DO NOTHING;"
    ).format(node)


def install_schema(connection: Connection[TupleRow], node: str, *, up_to: int | None = None) -> None:
    """Creates or upgrades the schema in one transaction; `up_to` stops at an older version (for tests of upgrades).

    Raises RefusedError for a schema that is newer than this program or is not ours, for a cloned database, and for one
    that is not in UTF8.
    """
    refuse_encoding(connection, node)
    with alone(connection), connection.transaction():
        version = schema_version(connection)
        if version == 0:
            raise RefusedError(
                f"node {node!r} has a schema 'ucrepl' that this program did not make",
                hint="rename or drop that schema first",
            )
        refuse_newer(node, version or 0)
        for name, script in schema_scripts(hstore_schema(connection), version or 0):
            if up_to is not None and name[:4].isdigit() and int(name[:4]) > up_to:
                break
            connection.execute(script)
        connection.execute(node_statement(node))
        if up_to is None:
            identify(connection, node)


def track_statements(catalog: Catalog) -> list[sql.Composed]:
    """One call a table that has a key, in the order of the catalog. Totals have to be marked before."""
    return [
        sql.SQL("SELECT ucrepl.track({}, {});").format(table.name.sql, list(table.key))
        for table in catalog.tables.values()
        if table.key
    ]


def install_node(
    connection: Connection[TupleRow],
    node: str,
    config: Config | None = None,
    *,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Installed:
    """Installs or brings up to date: the schema, then the triggers table by table, each under a short lock.

    `connection` is in autocommit mode. `config` tells which tables are totals, besides those
    of our packs. `progress` is told how many tables are done and how many there are.
    Raises RefusedError as `install_schema` does, and when a table stays locked for a minute.
    """
    with alone(connection):
        install_schema(connection, node)
        follow_tables(connection)
        catalog = read_catalog(connection)
        if totals := of_totals(config, catalog.tables):
            connection.execute(mark_statement(totals))
        statements = track_statements(catalog)
        made = 0
        for done, statement in enumerate(statements, 1):
            made += bool(with_short_lock(connection, statement))
            progress(done, len(statements))
        with_short_lock(connection, sql.SQL("SELECT ucrepl.set_number_triggers()"))
    return Installed(
        tracked=len(statements),
        made=made,
        without_key=tuple(str(t.name) for t in catalog.tables.values() if not t.key),
    )


@contextmanager
def alone(connection: Connection[TupleRow]) -> Iterator[None]:
    """Holds the lock of installations; others wait."""
    connection.execute("SELECT pg_catalog.pg_advisory_lock(%s)", [INSTALL_LOCK])
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_catalog.pg_advisory_unlock(%s)", [INSTALL_LOCK])
