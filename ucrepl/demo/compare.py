"""Compares two linked databases row by row, through the identity map.

It shares no code with the replay but the reading of the catalog, so that it can witness for it. Rows do pass through
Python here: the databases are small, and a difference is to be named down to its value.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from psycopg import Connection, IsolationLevel, sql
from psycopg.rows import TupleRow

from ucrepl.db.catalog import read_catalog
from ucrepl.packs import load_packs
from ucrepl.plan.catalog import Catalog, Table, TableName

Row: TypeAlias = dict[str, str | None]
Pairs: TypeAlias = dict[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two databases: the name of its node, and a connection to it, idle and not in autocommit."""

    name: str
    connection: Connection[TupleRow]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome: how much was compared, and what is not equal, one sentence each."""

    tables: int
    rows: int
    differences: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether both sides hold the same."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """All that is compared of one side, read in one transaction."""

    name: str
    catalog: Catalog
    rows: dict[TableName, list[Row]]
    pairs: list[tuple[str, str, str]]


def compare(left: Side, right: Side, *, leave_out: Mapping[str, Collection[str]]) -> Comparison:
    """Compare every table of `left` with that of `right`.

    `leave_out` names the columns of a table that need not be equal, protected ones for instance.
    """
    one, other = _read(left, right.name), _read(right, left.name)
    pairs, differences = _join(one, other)
    tables = sorted(one.rows.keys() | other.rows.keys())
    for name in tables:
        if name not in one.rows or name not in other.rows:
            differences.append(f"{name}: only in {(one if name in one.rows else other).name}")
            continue
        translated = [_translate(row, one.catalog.tables[name], one.catalog, pairs) for row in one.rows[name]]
        key = one.catalog.tables[name].key or tuple(one.catalog.tables[name].columns)
        found = _differences(translated, other.rows[name], key, set(leave_out.get(str(name), ())), one.name, other.name)
        differences.extend(f"{name} {difference}" for difference in found)
    return Comparison(len(tables), sum(map(len, other.rows.values())), differences)


def _read(side: Side, peer: str) -> _Snapshot:
    """Read all tables of a side and its identity map, as of one moment and as text."""
    connection = side.connection
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    with connection.transaction():
        catalog = read_catalog(connection)
        rows = {name: _rows(connection, table) for name, table in catalog.tables.items()}
        pairs = connection.execute(
            "SELECT table_name, remote_id::text, local_id::text FROM ucrepl.identity_map WHERE peer = %s", (peer,)
        ).fetchall()
    return _Snapshot(side.name, catalog, rows, pairs)


def _rows(connection: Connection[TupleRow], table: Table) -> list[Row]:
    statement = sql.SQL("SELECT {columns} FROM {only}{table}").format(
        columns=sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in table.columns),
        only=sql.SQL("ONLY " if table.only else ""),
        table=sql.Identifier(*table.name),
    )
    return [dict(zip(table.columns, row, strict=True)) for row in connection.execute(statement)]


def _join(one: _Snapshot, other: _Snapshot) -> tuple[Pairs, list[str]]:
    """The pairs that either side knows, as (table, id of `one`) -> id of `other`, and where they contradict."""
    pairs: Pairs = {}
    back: Pairs = {}
    differences = []
    known = {*other.pairs, *((table, local, remote) for table, remote, local in one.pairs)}
    for table, here, there in sorted(known):
        if (first := pairs.setdefault((table, here), there)) != there:
            differences.append(f"{table} {here} of {one.name} is both {first} and {there} of {other.name}")
        if (first := back.setdefault((table, there), here)) != here:
            differences.append(f"{table} {there} of {other.name} is both {first} and {here} of {one.name}")
    return pairs, differences


def _translate(row: Row, table: Table, catalog: Catalog, pairs: Pairs) -> Row:
    """The row as the other side should have it: with the other side's ids."""
    translated = dict(row)
    for column, target in _references(row, table, catalog):
        value = row[column]
        if value is not None:
            translated[column] = pairs.get((target, value), f"{value}, which has no counterpart")
    return translated


def _references(row: Row, table: Table, catalog: Catalog) -> Iterable[tuple[str, str]]:
    """The columns of the row that hold ids, each with the table whose ids they are."""
    if table.surrogate:
        yield table.key[0], str(table.name)
    for foreign_key in table.foreign_keys:
        referenced = catalog.tables[foreign_key.table]
        if referenced.surrogate and foreign_key.referenced_columns == referenced.key:
            yield foreign_key.columns[0], str(referenced.name)
    packs = load_packs()
    for column, model_column in packs.by_model_name.get(str(table.name), {}).items():
        model = row.get(model_column)
        if model is not None:
            yield column, packs.table_of(model)


def _differences(
    translated: Iterable[Row], actual: Iterable[Row], key: tuple[str, ...], leave_out: set[str], here: str, there: str
) -> Iterable[str]:
    """Where rows that should be the same are not. Rows are named by their key on the side of `actual`."""
    expected = {tuple(row[column] for column in key): row for row in translated}
    found = {tuple(row[column] for column in key): row for row in actual}
    for row_key in sorted(expected.keys() | found.keys(), key=str):
        name = ", ".join(map(str, row_key))
        if row_key not in found:
            yield f"{name}: only in {here}"
        elif row_key not in expected:
            yield f"{name}: only in {there}"
        else:
            wanted, got = expected[row_key], found[row_key]
            yield from (
                f"{name}: {column} is {wanted.get(column)!r} in {here}, {got.get(column)!r} in {there}"
                for column in sorted((wanted.keys() | got.keys()) - leave_out)
                if wanted.get(column) != got.get(column)
            )
