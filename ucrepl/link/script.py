"""The SQL that an installation would run, as a script for psql."""

from collections.abc import Iterator
from dataclasses import replace

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from ucrepl.config import Config
from ucrepl.db.catalog import hstore_schema, read_catalog
from ucrepl.db.sqlfiles import scripts
from ucrepl.errors import RefusedError
from ucrepl.link.drift import drifted
from ucrepl.link.install import node_statement, schema_scripts, track_statements
from ucrepl.link.node import identify, newest_version, refuse_encoding, refuse_newer, schema_version
from ucrepl.link.patience import LOCK_TIMEOUT
from ucrepl.link.totals import mark_statement, of_totals


def install_script(connection: Connection[TupleRow], node: str, config: Config | None = None) -> str:
    """What is missing on the node, as a script for psql; empty where nothing is. Reads the catalog, changes nothing.

    Raises RefusedError as `install_node` does.
    """
    refuse_encoding(connection, node)
    version = schema_version(connection)
    if version == 0:
        raise RefusedError(
            f"node {node!r} has a schema 'ucrepl' that this program did not make",
            hint="rename or drop that schema first",
        )
    refuse_newer(node, version or 0)
    catalog = read_catalog(connection)
    totals = of_totals(config, catalog.tables)
    if version is None or version < newest_version():
        parts = list(schema_scripts(hstore_schema(connection), version or 0))
    else:
        identify(connection, node)
        parts = list(_outdated_functions(connection))
    if version is not None:
        ways = drifted(connection, catalog, totals)
        catalog = replace(catalog, tables={name: table for name, table in catalog.tables.items() if name in ways})
    if version is None:
        parts.append(("the identity of the node", node_statement(node)))
    tracks = track_statements(catalog)
    lines = [f"-- node {node}"] if parts or tracks else []
    if parts:
        lines += ["BEGIN;", *(f"-- {name}\n{part.as_string(connection).rstrip()}" for name, part in parts), "COMMIT;"]
    if tracks:
        lines.append("SELECT ucrepl.follow_tables();")
        if new := totals.intersection(catalog.tables):
            lines.append(mark_statement(new).as_string(connection))
        lines += [f"SET lock_timeout = '{LOCK_TIMEOUT}';", *(track.as_string(connection) for track in tracks)]
    return "\n".join(lines)


def _outdated_functions(connection: Connection[TupleRow]) -> Iterator[tuple[str, sql.SQL | sql.Composed]]:
    """The functions that are not there, or whose body is another one."""
    rows = connection.execute(
        "SELECT p.proname, p.prokind = 'a', p.prosrc FROM pg_catalog.pg_proc AS p"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = 'ucrepl'"
    ).fetchall()
    there = {name: None if aggregate else body for name, aggregate, body in rows}
    for name, script in scripts("functions", hstore_schema(connection) or "ucrepl"):
        body = there.get(name)
        if name not in there or (body is not None and body not in script.as_string(None)):
            yield name, script
