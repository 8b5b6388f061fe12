"""Which tables of a node have not the triggers that they should have, and what of it can be mended at once."""

from collections.abc import Callable, Collection

from psycopg import Connection, sql
from psycopg.errors import InsufficientPrivilege, LockNotAvailable
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from ucrepl.config import Config, Link
from ucrepl.db.catalog import read_catalog
from ucrepl.db.sqlfiles import query
from ucrepl.link.partners import follow_tables
from ucrepl.link.patience import LOCK_TIMEOUT
from ucrepl.link.totals import mark_statement, of_totals
from ucrepl.plan.catalog import Catalog, Table, TableName


def drifted(connection: Connection[TupleRow], catalog: Catalog, totals: Collection[TableName]) -> dict[TableName, str]:
    """The tables with a key whose triggers are `missing`, `disabled`, or made for another key (`other`).

    `totals`: the tables whose rows are totals. The schema must be installed on the node.
    """
    tables = [
        {"schema_name": table.name.schema, "table_name": table.name.table, "key": table.key}
        for table in catalog.tables.values()
        if table.key
    ]
    rows = connection.execute(query("check_triggers"), {"tables": Jsonb(tables)}).fetchall()
    marked = connection.execute("SELECT schema_name, table_name FROM ucrepl.table_name WHERE totals").fetchall()
    unmarked = {name for name in totals if catalog.tables[name].key}.difference(TableName(*row) for row in marked)
    return {TableName(schema, table): way for schema, table, way in rows} | dict.fromkeys(unmarked, "other")


def capture_new(
    config: Config,
    link: Link,
    source: Connection[TupleRow],
    target: Connection[TupleRow],
    wanted: Callable[[TableName], bool],
) -> dict[TableName, int]:
    """Makes the triggers of tables that are new on the source, and anew where types or keys have changed.

    What `wanted` says no to is left alone, so is one on which somebody has a lock, or that the role may not touch.
    Rows that a new table has already are captured where they can double nothing: the target lacks the table, has no
    row in it, or knows rows by keys that are the same on both sides. Elsewhere it is written down that the journal
    lacks them (see `link.uncaptured`). Returns the tables, and how many rows of them were captured.
    """
    follow_tables(source)
    catalog = read_catalog(source)
    tracked = {
        TableName(schema, table)
        for schema, table in source.execute(
            "SELECT n.schema_name, n.table_name FROM ucrepl.tracked_table AS t"
            " JOIN ucrepl.table_name AS n ON n.table_id = t.table_id WHERE n.relation IS NOT NULL"
        ).fetchall()
    }
    totals = of_totals(config, catalog.tables)
    ways = drifted(source, catalog, totals)
    found = [name for name, way in ways.items() if wanted(name) and (way == "other" or name not in tracked)]
    if new := totals.intersection(found):
        source.execute(mark_statement(new))
    doubling = {
        name
        for name in found
        if link.ids != "shared" and (name in totals or catalog.tables[name].surrogate) and _has_rows(target, name)
    }
    return {
        name: rows
        for name in found
        if (rows := _capture(source, catalog.tables[name], with_rows=name not in tracked and name not in doubling))
        is not None
    }


def _has_rows(target: Connection[TupleRow], name: TableName) -> bool:
    """Whether the target has the table, with rows in it."""
    if target.execute("SELECT pg_catalog.to_regclass(%s)", [name.sql]).fetchall() == [(None,)]:
        return False
    rows = sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier(*name))
    return target.execute(rows).fetchone() is not None


def _capture(source: Connection[TupleRow], table: Table, *, with_rows: bool) -> int | None:
    """Makes the triggers of a table. Returns how many of its rows were captured; None where it was not possible."""
    named = [table.name.sql, list(table.key)]
    try:
        with source.transaction():
            source.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_TIMEOUT))
            [(made,)] = source.execute("SELECT ucrepl.track(%s::regclass, %s::name[])", named).fetchall()
            if not (made and with_rows):
                return 0
            [(rows,)] = source.execute("SELECT ucrepl.capture_rows(%s::regclass, %s::name[])", named).fetchall()
            return int(rows)
    except (InsufficientPrivilege, LockNotAvailable):
        return None
