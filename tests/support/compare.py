"""Compares all tables of two linked databases, row by row, through `ucrepl.identity_map`.

It shares no code with the program but the list of references by model name, so that it can witness for it: the catalog
is read with queries of its own, rows are translated one by one, and of the map only the documented view is used.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

import psycopg
from psycopg import Connection, IsolationLevel, sql
from psycopg.rows import TupleRow

from tests.support.tables import Table, read_tables, refers_to
from ucrepl.packs import load_packs

LEFT_OUT: Final = (
    ("*", "parent_path", "*", "the ids of all ancestors, in a text"),
    ("*", "analytic_distribution", "jsonb", "ids are the keys of the object"),
    ("*", "*_properties", "jsonb", "ids in values whose type stands in another record"),
    ("*", "property_*", "jsonb", "the id of a record for each company, by the company's id"),
    ("account_account", "code_store", "jsonb", "the ids of companies are the keys of the object"),
    ("account_move_line", "matching_number", "*", "the id of a reconciliation, in a text"),
    ("ir_property", "res_id", "*", "'model,id' in a text"),
    ("ir_property", "value_reference", "*", "'model,id' in a text"),
    ("mail_message", "body", "*", "ids in links"),
    ("mail_compose_message", "body", "*", "ids in links"),
)
"""References that are no foreign keys and no pairs (model, id), as patterns of table, column and type, and why they
can't be compared here. Nor are those that packs tell of."""

_SHOWN: Final = 3
_NOTHING: Final = "(no such record)"


@dataclass
class Comparison:
    """How much was compared, and in one sentence each what is not as it should be.

    `mentioned`: pairs of which neither side has the record; references by model name to what is gone make them.
    """

    tables: int = 0
    rows: int = 0
    pairs: int = 0
    mentioned: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class _Side:
    """One of the two databases, seen in one snapshot. `pairs`: (table, own id) -> id of the other side, as texts."""

    name: str
    connection: Connection[TupleRow]
    tables: dict[str, Table]
    ids: dict[str, set[str | None]]
    pairs: list[tuple[str, str, str]]

    def exists(self, label: str, row_id: str) -> bool:
        return row_id in self.ids[label]


def assert_equal(turin: str, milan: str) -> Comparison:
    """Fails, with what differs, unless the two databases (their DSNs) hold the same in all tables."""
    comparison = compare(turin, milan)
    assert not comparison.problems, "\n".join([f"{len(comparison.problems)} problems:", *comparison.problems])
    assert comparison.rows
    return comparison


def compare(turin: str, milan: str) -> Comparison:
    """Compares the databases of the nodes turin and milan."""
    with _side(turin, "turin", "milan") as left, _side(milan, "milan", "turin") as right:
        result = Comparison(tables=len(left.tables))
        there = _compare_maps(left, right, result)
        for label in sorted(left.tables.keys() ^ right.tables.keys()):
            result.problems.append(f"{label} is on one side only")
        for label in sorted(left.tables.keys() & right.tables.keys()):
            _compare_table(left, right, label, there, result)
        return result


@contextmanager
def _side(dsn: str, name: str, peer: str) -> Iterator[_Side]:
    with psycopg.connect(dsn) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.execute("SET LOCAL search_path = pg_catalog")
        tables = read_tables(connection)
        ids = {
            label: {row[0] for row in _select(connection, table, list(table.key))}
            for label, table in tables.items()
            if table.numbered
        }
        pairs = connection.execute(
            "SELECT table_name, local_id::text, remote_id::text FROM ucrepl.identity_map WHERE peer = %s", [peer]
        ).fetchall()
        for label, here in ids.items():
            ids[tables[label].space] |= here
        yield _Side(name, connection, tables, ids, pairs)


def _compare_maps(left: _Side, right: _Side, result: Comparison) -> dict[tuple[str, str], str]:
    """Checks that both sides know the same pairs, no record twice. Gives (table, id on the left) -> id on the right."""
    ours = Counter(left.pairs)
    theirs = Counter((label, remote, local) for label, local, remote in right.pairs)
    for only, side in ((ours - theirs, left), (theirs - ours, right)):
        result.problems += _some(f"{label} {a} = {b} is a pair in {side.name} only" for label, a, b in sorted(only))
    for place, side in ((1, left), (2, right)):
        times = Counter((pair[0], pair[place]) for pair in ours)
        result.problems += _some(f"{key} of {side.name} is in {n} pairs" for key, n in sorted(times.items()) if n > 1)
    result.pairs = len(ours)
    result.mentioned = sum(not left.exists(label, a) and not right.exists(label, b) for label, a, b in ours)
    return {(label, a): b for label, a, b in ours}


def _compare_table(
    left: _Side, right: _Side, label: str, there: dict[tuple[str, str], str], result: Comparison
) -> None:
    """Compares the rows of a table: those of the left, translated, with those of the right."""
    table, other = left.tables[label], right.tables[label]
    if table.columns.keys() != other.columns.keys():
        result.problems.append(
            f"{label} has other columns in {right.name}: {table.columns.keys() ^ other.columns.keys()}"
        )
        return
    columns = [c.name for c in table.columns.values() if not _is_left_out(label, c.name, c.type)]
    references = {i: target for i, name in enumerate(columns) if (target := _target(left, table, name))}
    by_model = load_packs().by_model_name.get(label, {})
    models = {
        columns.index(name): columns.index(model)
        for name, model in by_model.items()
        if name in columns and model in columns and columns.index(name) not in references
    }
    mine, yours = _select(left.connection, table, columns), _select(right.connection, other, columns)
    if mine:
        result.problems += _dangling(left, table)
    if yours:
        result.problems += _dangling(right, other)
    result.rows += len(yours)
    expected = Counter(_translated(left, row, references, models, there) for row in mine)
    found = Counter(_dangling_marked(right, row, models) for row in yours)
    result.problems += _some(_differences(label, columns, table.key, expected - found, found - expected))


def _target(side: _Side, table: Table, column: str) -> str | None:
    if table.numbered and (column,) == table.key:
        return table.space
    referred = refers_to(side.tables, table, column)
    return side.tables[referred].space if referred else None


def _is_left_out(label: str, column: str, kind: str) -> bool:
    packs = load_packs()
    if column in packs.references.get(label, {}).keys() - packs.by_model_name.get(label, {}).keys():
        return True
    return any(
        fnmatchcase(label, t) and fnmatchcase(column, c) and fnmatchcase(kind, k) for t, c, k, _reason in LEFT_OUT
    )


def _select(connection: Connection[TupleRow], table: Table, columns: list[str]) -> list[tuple[str | None, ...]]:
    """These columns of all rows, as texts."""
    selected = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns)
    return connection.execute(sql.SQL("SELECT {} FROM {}").format(selected, table.only)).fetchall()


def _translated(
    side: _Side,
    row: tuple[str | None, ...],
    references: dict[int, str],
    models: dict[int, int],
    there: dict[tuple[str, str], str],
) -> tuple[str | None, ...]:
    """The row as the other side should have it."""
    values = list(_dangling_marked(side, row, models))
    for i, target in references.items():
        value = row[i]
        if value is not None:
            values[i] = there.get((target, value), f"{value} (in no pair)")
    for i, m in models.items():
        value, named = values[i], _table_of(side, row[m])
        if named and value not in (None, "0", _NOTHING):
            values[i] = there.get((named, str(value)), f"{value} (in no pair)")
    return tuple(values)


def _dangling_marked(side: _Side, row: tuple[str | None, ...], models: dict[int, int]) -> tuple[str | None, ...]:
    """The row, with a mark in place of each reference by model name to a record that is not there.

    Odoo leaves such references behind, and an id that means nothing can't be compared.
    """
    if not models:
        return row
    values = list(row)
    for i, m in models.items():
        value, target = row[i], _table_of(side, row[m])
        if target and value not in (None, "0") and not side.exists(target, str(value)):
            values[i] = _NOTHING
    return tuple(values)


def _table_of(side: _Side, model: str | None) -> str | None:
    label = load_packs().table_of(model) if model else None
    return side.tables[label].space if label in side.ids else None


def _differences(
    label: str,
    columns: list[str],
    key: tuple[str, ...],
    missing: Counter[tuple[str | None, ...]],
    added: Counter[tuple[str | None, ...]],
) -> Iterator[str]:
    """What differs, by the key on the right where there is one."""
    places = [columns.index(name) for name in key] or list(range(len(columns)))
    expected = {tuple(row[i] for i in places): row for row in missing}
    found = {tuple(row[i] for i in places): row for row in added}
    for row_key in sorted(expected.keys() | found.keys(), key=str):
        name = f"{label} {', '.join(map(str, row_key))}"
        if row_key not in found:
            yield f"{name} is missing in milan"
        elif row_key not in expected:
            yield f"{name} is in milan only"
        else:
            for column, a, b in zip(columns, expected[row_key], found[row_key], strict=True):
                if a != b:
                    yield f"{name}: {column} is {a!r} in turin and {b!r} in milan"


def _dangling(side: _Side, table: Table) -> Iterator[str]:
    """Foreign keys of a table that point to nothing."""
    for key in table.foreign_keys:
        pairs = [(sql.Identifier(a), sql.Identifier(b)) for a, b in zip(key.columns, key.referenced, strict=True)]
        statement = sql.SQL("SELECT count(*) FROM {} AS t WHERE {} AND NOT EXISTS (SELECT FROM {} AS r WHERE {})")
        row = side.connection.execute(
            statement.format(
                table.only,
                sql.SQL(" AND ").join(sql.SQL("t.{} IS NOT NULL").format(a) for a, _ in pairs),
                side.tables[key.table].only,
                sql.SQL(" AND ").join(sql.SQL("r.{} = t.{}").format(b, a) for a, b in pairs),
            )
        ).fetchone()
        if row and row[0]:
            yield f"{table.label}.{', '.join(key.columns)} of {side.name} points to nothing in {row[0]} rows"


def _some(problems: Iterator[str]) -> list[str]:
    """The first few of many problems of one kind, and the number of the others."""
    found = list(problems)
    more = len(found) - _SHOWN
    return found[:_SHOWN] + [f"… and {more} more like the last"] * (more > 0)
