"""Which tables of a node have not the triggers that they should have."""

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from ucrepl.db.sqlfiles import query
from ucrepl.plan.catalog import Catalog, TableName


def drifted(connection: Connection[TupleRow], catalog: Catalog) -> dict[TableName, str]:
    """The tables with a key whose triggers are `missing`, `disabled`, or made for another key (`other`).

    The schema must be installed on the node.
    """
    tables = [
        {"schema_name": table.name.schema, "table_name": table.name.table, "key": table.key}
        for table in catalog.tables.values()
        if table.key
    ]
    rows = connection.execute(query("check_triggers"), {"tables": Jsonb(tables)}).fetchall()
    return {TableName(schema, table): way for schema, table, way in rows}
