"""The tables of a database as the tests see them, read from the catalog without the help of what is tested."""

from dataclasses import dataclass, field

from psycopg import Connection, sql
from psycopg.rows import TupleRow

_TABLES = r"""
SELECT c.oid, n.nspname, c.relname, c.relkind = 'p'
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'ucrepl') AND n.nspname !~ '^pg_'
ORDER BY n.nspname, c.relname
"""
_COLUMNS = """
SELECT a.attrelid, a.attname, t.typname, a.attnotnull, a.attgenerated <> '',
    a.attidentity <> '' OR coalesce(pg_get_expr(d.adbin, d.adrelid) ~ '^nextval', false),
    CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 0 THEN a.atttypmod - 4 END
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid = ANY (%s)
ORDER BY a.attrelid, a.attnum
"""
# Of an index over expressions, or of part of the table, all columns that it looks at.
_UNIQUE = """
SELECT i.indrelid, array_agg(DISTINCT a.attname::text) AS columns,
    bool_and(a.attnotnull) AND i.indpred IS NULL AND i.indexprs IS NULL
FROM pg_index AS i
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum > 0 AND (
    a.attnum = ANY (i.indkey::smallint[]) OR EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
            AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum
    )
)
WHERE i.indisunique AND i.indrelid = ANY (%s)
GROUP BY i.indexrelid, i.indrelid, i.indisprimary, i.indpred, i.indexprs
ORDER BY i.indisprimary DESC, count(*), columns
"""
_PARENTS = """
SELECT h.inhrelid, h.inhparent
FROM pg_inherits AS h
WHERE h.inhrelid = ANY (%s) AND (
    SELECT count(DISTINCT pg_get_expr(d.adbin, d.adrelid)) = 1
    FROM pg_attrdef AS d WHERE d.adrelid IN (h.inhrelid, h.inhparent) AND d.adnum = 1
)
"""
_FOREIGN_KEYS = """
SELECT c.conrelid, c.confrelid, c.confdeltype::text,
    ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (number, place)
        JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.number ORDER BY k.place),
    ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k (number, place)
        JOIN pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = k.number ORDER BY k.place)
FROM pg_constraint AS c
WHERE c.contype = 'f' AND c.conrelid = ANY (%s)
ORDER BY c.conrelid, c.conname
"""
_CHECKED_TOGETHER = """
SELECT c.conrelid, array_agg(DISTINCT a.attname::text)
FROM pg_constraint AS c
JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
WHERE c.contype = 'c' AND cardinality(c.conkey) > 1 AND c.conrelid = ANY (%s)
GROUP BY c.conrelid
"""


@dataclass(frozen=True)
class Column:
    """A column. `type` is the name in pg_type; `numbered`: a sequence fills it."""

    name: str
    type: str
    not_null: bool
    generated: bool
    numbered: bool
    max_length: int | None


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key to the table labelled `table`. `on_delete` is pg_constraint's letter, `n` for SET NULL."""

    columns: tuple[str, ...]
    table: str
    referenced: tuple[str, ...]
    on_delete: str


@dataclass
class Table:
    """A table. `key` is empty where nothing identifies a row.

    `parent`: the label of the table from which it inherits columns and shares the ids.
    `unique` are the columns of unique indexes of any kind, `checked_together` those of CHECK constraints that look at
    several: two sites that change one of them each can break what neither has broken.
    """

    schema: str
    name: str
    partitioned: bool
    columns: dict[str, Column] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    unique: set[str] = field(default_factory=set)
    checked_together: set[str] = field(default_factory=set)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    parent: str | None = None

    @property
    def space(self) -> str:
        """What `ucrepl.identity_map` calls the table."""
        return self.parent or self.label

    @property
    def label(self) -> str:
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"

    @property
    def full_name(self) -> sql.Identifier:
        """The table's name."""
        return sql.Identifier(self.schema, self.name)

    @property
    def only(self) -> sql.Composed:
        """The table's name without the tables that inherit from it; a partitioned table has its rows in its parts."""
        return sql.SQL("{}" if self.partitioned else "ONLY {}").format(self.full_name)

    @property
    def numbered(self) -> bool:
        """Whether rows are known by an id that each database hands out for itself."""
        return (
            len(self.key) == 1
            and self.columns[self.key[0]].numbered
            and not any(key.columns == self.key for key in self.foreign_keys)
        )

    def foreign_key(self, column: str) -> ForeignKey | None:
        """The foreign key of which the column is a part."""
        return next((key for key in self.foreign_keys if column in key.columns), None)


def read_tables(connection: Connection[TupleRow]) -> dict[str, Table]:
    """All tables of users, by label."""
    by_oid = {oid: Table(*rest) for oid, *rest in connection.execute(_TABLES).fetchall()}
    oids = [list(by_oid)]
    for oid, *rest in connection.execute(_COLUMNS, oids).fetchall():
        column = Column(*rest)
        by_oid[oid].columns[column.name] = column
    for oid, columns, identifies in connection.execute(_UNIQUE, oids).fetchall():
        table = by_oid[oid]
        if identifies and not table.key:
            table.key = tuple(name for name in table.columns if name in columns)
        table.unique.update(columns)
    for oid, columns in connection.execute(_CHECKED_TOGETHER, oids).fetchall():
        by_oid[oid].checked_together.update(columns)
    for oid, parent in connection.execute(_PARENTS, oids).fetchall():
        by_oid[oid].parent = by_oid[parent].label if parent in by_oid else None
    for oid, referenced_oid, on_delete, columns, referenced in connection.execute(_FOREIGN_KEYS, oids).fetchall():
        key = ForeignKey(tuple(columns), by_oid[referenced_oid].label, tuple(referenced), on_delete)
        by_oid[oid].foreign_keys.append(key)
    return {table.label: table for table in by_oid.values()}


def refers_to(tables: dict[str, Table], table: Table, column: str, seen: tuple[str, ...] = ()) -> str | None:
    """The label of the table whose ids a column holds by its foreign key, be it through a key that is one itself."""
    foreign_key = table.foreign_key(column)
    if foreign_key is None or foreign_key.table in seen:
        return None
    referenced = tables[foreign_key.table]
    their_column = foreign_key.referenced[foreign_key.columns.index(column)]
    if referenced.numbered and referenced.key == (their_column,):
        return referenced.label
    return refers_to(tables, referenced, their_column, (*seen, table.label))
