"""Reads a database's catalog."""

from collections import defaultdict

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from ucrepl.db.sqlfiles import query
from ucrepl.plan.catalog import Catalog, Column, ForeignKey, Table, TableName, UniqueIndex


def hstore_schema(connection: Connection[TupleRow]) -> str | None:
    """The schema in which the extension hstore is installed, None where it is not."""
    row = connection.execute(
        "SELECT n.nspname FROM pg_catalog.pg_extension AS e"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'hstore'"
    ).fetchone()
    return None if row is None else row[0]


def read_catalog(connection: Connection[TupleRow]) -> Catalog:
    """All user tables of the database, in a few queries."""
    with connection.cursor(row_factory=dict_row) as cursor:
        tables = cursor.execute(query("catalog_tables")).fetchall()
        oids = {"oids": [t["oid"] for t in tables]}
        columns: dict[int, dict[str, Column]] = defaultdict(dict)
        for c in cursor.execute(query("catalog_columns"), oids):
            table = c.pop("oid")
            columns[table][c["name"]] = Column(**c)
        foreign_keys: dict[int, list[ForeignKey]] = defaultdict(list)
        for f in cursor.execute(query("catalog_foreign_keys"), oids):
            foreign_keys[f["oid"]].append(
                ForeignKey(
                    tuple(f["columns"]),
                    TableName(f["nspname"], f["relname"]),
                    tuple(f["referenced_columns"]),
                    f["on_delete"],
                )
            )
        unique_indexes: dict[int, list[UniqueIndex]] = defaultdict(list)
        for u in cursor.execute(query("catalog_unique_indexes"), oids):
            unique_indexes[u["oid"]].append(
                UniqueIndex(tuple(u["expressions"]), u["predicate"], tuple(u["columns"]), nulls_alike=u["nulls_alike"])
            )
    defers = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE condeferrable AND conname !~ '^ucrepl_')"
    ).fetchone()
    return Catalog.of(
        hstore_schema(connection) or "ucrepl",
        (
            Table(
                name=TableName(t["nspname"], t["relname"]),
                columns=columns[t["oid"]],
                key=tuple(t["key_columns"] or ()),
                sequence=t["sequence"],
                unique_keys=tuple(tuple(u) for u in t["unique_keys"]),
                unique_indexes=tuple(unique_indexes[t["oid"]]),
                foreign_keys=tuple(foreign_keys[t["oid"]]),
                partitioned=t["partitioned"],
                plain=bool(t["plain"]),
                parent=TableName(*t["parent"]) if t["parent"] else None,
            )
            for t in tables
        ),
        defers=bool(defers and defers[0]),
    )
