"""Puts the schema and the triggers on a node, and takes them off again without a trace."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from ucrepl.db.catalog import hstore_schema, read_catalog
from ucrepl.db.sqlfiles import query, scripts
from ucrepl.errors import RefusedError
from ucrepl.link.ids.sequences import release
from ucrepl.link.lock import held
from ucrepl.link.node import identify, newest_version, refuse_newer, schema_version
from ucrepl.link.numbers.apart import take_back
from ucrepl.link.patience import with_short_lock
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

    Raises RefusedError for a schema that is newer than this program or is not ours, and for a cloned database.
    """
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
    """One call a table that has a key, in the order of the catalog."""
    return [
        sql.SQL("SELECT ucrepl.track({}, {});").format(table.name.sql, list(table.key))
        for table in catalog.tables.values()
        if table.key
    ]


def install_node(
    connection: Connection[TupleRow], node: str, *, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Installed:
    """Installs or brings up to date: the schema, then the triggers table by table, each under a short lock.

    `connection` is in autocommit mode. `progress` is told how many tables are done and how many there are.
    Raises RefusedError as `install_schema` does, and when a table stays locked for a minute.
    """
    with alone(connection):
        install_schema(connection, node)
        catalog = read_catalog(connection)
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


def uninstall_node(connection: Connection[TupleRow], node: str, *, force: bool = False) -> int:
    """Takes triggers, schema and, where we brought it, hstore off the node. Returns the number of tables released.

    The extension moves to the schema public if columns of the user's have come to need it. A node that shares its ids
    hands out all of them again, and one whose document numbers are kept apart numbers as before.

    Raises RefusedError, unless `force`, while a daemon replays a link to this node, changes are parked there or it is
    closed for writing; for a schema that is newer or not ours, always.
    """
    with alone(connection):
        version = schema_version(connection)
        if version is None:
            return 0
        if version == 0:
            raise RefusedError(
                f"node {node!r} has a schema 'ucrepl' that this program did not make", hint="it is left as it is"
            )
        refuse_newer(node, version)
        if not force:
            _refuse_when_in_use(connection, node, version)
        if version == newest_version():
            release(connection, node)
            take_back(connection, node)
        tables = [row[0] for row in connection.execute(query("triggers")).fetchall()]
        for table in tables:
            with_short_lock(connection, sql.SQL("SELECT ucrepl.drop_triggers({})").format(table))
        if connection.execute(query("foreign_uses_of_schema")).fetchone():
            # Somebody has put the hstore that we brought to use; by now none of our functions needs it any more.
            with_short_lock(connection, sql.SQL("ALTER EXTENSION hstore SET SCHEMA public"))
        with_short_lock(connection, sql.SQL("DROP SCHEMA ucrepl CASCADE"))
        return len(tables)


@contextmanager
def alone(connection: Connection[TupleRow]) -> Iterator[None]:
    """Holds the lock of installations; others wait."""
    connection.execute("SELECT pg_catalog.pg_advisory_lock(%s)", [INSTALL_LOCK])
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_catalog.pg_advisory_unlock(%s)", [INSTALL_LOCK])


def _refuse_when_in_use(connection: Connection[TupleRow], node: str, version: int) -> None:
    if version < newest_version():
        return
    for link_id, name in connection.execute("SELECT link_id, name FROM ucrepl.link ORDER BY name").fetchall():
        with held(connection, link_id, name):
            pass
    row = connection.execute("SELECT moved_to FROM ucrepl.fence WHERE closed").fetchone()
    if row:
        raise RefusedError(
            f"node {node!r} is closed for writing, its work is on {row[0]}: without ucrepl it would be open",
            hint="see: ucrepl cutover status; to open it all the same: ucrepl uninstall --force",
        )
    for what, statement in (
        ("parked", "SELECT count(*) FROM ucrepl.parked WHERE skipped_at IS NULL"),
        ("held", "SELECT count(*) FROM ucrepl.held"),
    ):
        row = connection.execute(statement).fetchone()
        if row and row[0]:
            raise RefusedError(
                f"node {node!r} holds {row[0]} {what} changes that would be lost",
                hint=f"look at them with: ucrepl {what} list; or throw them away with: ucrepl uninstall --force",
            )
