"""What is known of a database: tables, columns, keys, references."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from ucrepl.plan.text import quote


class TableName(NamedTuple):
    """A table's schema and name, as in the catalog (not quoted)."""

    schema: str
    table: str

    def __str__(self) -> str:
        """How people call the table: the schema only where it is not `public`."""
        return self.table if self.schema == "public" else f"{self.schema}.{self.table}"

    @classmethod
    def parse(cls, name: str) -> Self:
        """The table that people call so."""
        schema, dot, table = name.partition(".")
        return cls(schema, table) if dot else cls("public", name)

    @property
    def sql(self) -> str:
        """The name as SQL, qualified and quoted."""
        return f"{quote(self.schema)}.{quote(self.table)}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `type` is PostgreSQL's own spelling, without a modifier; of a `domain` it is the type below it.

    `limited`: its type has a modifier, a length or a precision. `indexed`: an index finds the rows with a value in it.
    """

    name: str
    type: str
    not_null: bool = False
    generated: bool = False
    identity: bool = False
    domain: bool = False
    limited: bool = False
    indexed: bool = False


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key: `columns` refer to `referenced_columns` of `table`.

    `on_delete` is PostgreSQL's letter for what a delete of the other does to the row (`n` set null, `c` cascade).
    """

    columns: tuple[str, ...]
    table: TableName
    referenced_columns: tuple[str, ...]
    on_delete: str = "a"


@dataclass(frozen=True, slots=True)
class UniqueIndex:
    """A unique index that is no primary key: SQL over the table's columns by their bare names.

    `expressions` are what must be unique among the rows for which `predicate` is true; `columns` all that they use.
    `nulls_alike`: a null is as good as any value (NULLS NOT DISTINCT).
    """

    expressions: tuple[str, ...]
    predicate: str | None
    columns: tuple[str, ...]
    nulls_alike: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `key` is empty where nothing identifies a row; `sequence` is quoted SQL.

    `plain`: nothing happens when a row is written but that indexes are kept and ordinary foreign keys are checked.
    `parent` is the table from which it inherits its columns.
    """

    name: TableName
    columns: dict[str, Column]
    key: tuple[str, ...] = ()
    sequence: str | None = None
    unique_keys: tuple[tuple[str, ...], ...] = ()
    unique_indexes: tuple[UniqueIndex, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    partitioned: bool = False
    plain: bool = False
    parent: TableName | None = None

    @property
    def surrogate(self) -> bool:
        """Whether rows are identified by a number that each database hands out for itself.

        Such ids differ between nodes and are mapped. A key that is a reference, or a value of the row, is not:
        it is the same on every node once its references are translated.
        """
        return self.sequence is not None and not any(fk.columns == self.key for fk in self.foreign_keys)

    @property
    def only(self) -> str:
        """`ONLY` for a table that may have children of its own (ir_actions); not for a partitioned one."""
        return "" if self.partitioned else "ONLY "


@dataclass(frozen=True, slots=True)
class Catalog:
    """The user tables of a database, the schema in which hstore is, and whether a constraint can be deferred."""

    hstore_schema: str
    tables: dict[TableName, Table] = field(default_factory=dict)
    defers: bool = False

    @classmethod
    def of(cls, hstore_schema: str, tables: Iterable[Table], *, defers: bool = False) -> "Catalog":
        """A catalog of these tables."""
        return cls(hstore_schema, {table.name: table for table in tables}, defers)

    def id_space(self, name: TableName) -> TableName:
        """The table in whose name ids are mapped: of tables that inherit and share one sequence the topmost."""
        table = self.tables[name]
        parent = self.tables.get(table.parent) if table.parent else None
        if parent and table.sequence and parent.sequence == table.sequence:
            return self.id_space(parent.name)
        return name


def referenced_table(
    catalog: Catalog, table: Table, column: str, seen: frozenset[TableName] = frozenset()
) -> TableName | None:
    """The table whose mapped id a column holds, followed through keys that are references themselves."""
    for foreign_key in table.foreign_keys:
        if column not in foreign_key.columns:
            continue
        referenced = catalog.tables.get(foreign_key.table)
        if referenced is None or referenced.name in seen:
            continue
        referenced_column = foreign_key.referenced_columns[foreign_key.columns.index(column)]
        if referenced.surrogate and (referenced_column,) == referenced.key:
            return referenced.name
        further = referenced_table(catalog, referenced, referenced_column, seen | {table.name})
        if further:
            return further
    return None
