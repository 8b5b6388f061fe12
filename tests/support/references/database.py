"""An Odoo database as the catalogue of references needs it: tables, fields, and which table a model has."""

import json
from dataclasses import dataclass
from typing import Final, NamedTuple

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from tests.support.references.kinds import MODEL_TABLES
from tests.support.tables import Table, read_tables

_MODELS: Final = """
CREATE TEMPORARY TABLE models AS
WITH tables AS (
    SELECT relname::text AS name FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
)
SELECT m.model::text AS model, coalesce(by_name.name, special.name) AS table_name
FROM ir_model AS m
LEFT JOIN tables AS by_name ON by_name.name = replace(m.model, '.', '_')
LEFT JOIN tables AS special ON special.name = {}::jsonb ->> m.model
WHERE coalesce(by_name.name, special.name) IS NOT NULL
"""
_FIELDS: Final = """
SELECT m.table_name, f.name, f.ttype, f.relation, r.table_name,
    coalesce((to_jsonb(f) ->> 'company_dependent')::boolean, false)
FROM ir_model_fields AS f
JOIN models AS m USING (model)
LEFT JOIN models AS r ON r.model = f.relation
WHERE f.store OR (to_jsonb(f) ->> 'company_dependent')::boolean
ORDER BY m.table_name, f.name
"""
_MANY2MANY: Final = """
SELECT f.relation_table, f.column1, m.table_name FROM ir_model_fields AS f JOIN models AS m USING (model)
WHERE f.relation_table IS NOT NULL
UNION
SELECT f.relation_table, f.column2, m.table_name FROM ir_model_fields AS f JOIN models AS m ON m.model = f.relation
WHERE f.relation_table IS NOT NULL
"""


class Field(NamedTuple):
    """A stored field of a model: its column, `relation` is the comodel, and `target` its table if it has one."""

    table: str
    name: str
    ttype: str
    relation: str | None
    target: str | None
    company_dependent: bool


@dataclass(frozen=True)
class Database:
    """An Odoo database. `links`: (many2many table, column) -> table, as Odoo's fields say."""

    tables: dict[str, Table]
    fields: dict[tuple[str, str], Field]
    links: dict[tuple[str, str], str]
    actions: frozenset[str]
    version: int

    def has(self, table: str, *columns: str) -> bool:
        """Whether there is such a table with such columns."""
        return table in self.tables and self.tables[table].columns.keys() >= set(columns)

    def type_of(self, table: str, column: str) -> str | None:
        """The type of a column, None where there is none."""
        return self.tables[table].columns[column].type if self.has(table, column) else None

    def action_field(self, table: str, column: str) -> str | None:
        """The table of actions to which a column refers by its field: foreign keys can't."""
        field = self.fields.get((table, column))
        return field.target if field and field.ttype == "many2one" and field.target in self.actions else None


def read_database(connection: Connection[TupleRow]) -> Database:
    """Reads the catalog and Odoo's registry. It leaves the temporary table `models` (model, table_name)."""
    connection.execute(sql.SQL(_MODELS).format(sql.Literal(json.dumps(MODEL_TABLES))))
    connection.execute("CREATE INDEX ON models (model); ANALYZE models")
    fields = {(row[0], row[1]): Field(*row) for row in connection.execute(_FIELDS).fetchall()}
    links = {(table, column): target for table, column, target in connection.execute(_MANY2MANY).fetchall()}
    children = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'ir_actions'::regclass"
    ).fetchall()
    [version] = connection.execute(
        "SELECT split_part(latest_version, '.', 1)::int FROM ir_module_module WHERE name = 'base'"
    ).fetchone() or [0]
    actions = frozenset({"ir_actions", *(name for [name] in children)})
    return Database(read_tables(connection), fields, links, actions, version)
