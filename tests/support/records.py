"""Makes, changes, links and deletes records of any table, without knowing what they mean."""

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from string import ascii_uppercase, digits
from typing import Final, TypeVar

from psycopg import Connection, sql
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from tests.support.tables import Column, Table, read_tables, refers_to
from ucrepl.packs import load_packs

T = TypeVar("T")
MayWrite = Callable[[Table, str], bool]

_SHARED_ROWS: Final = 200
_LETTERS: Final = digits + ascii_uppercase
_EPOCH: Final = datetime(2030, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_TEXTS: Final = ("varchar", "text", "bpchar")
_NUMBERS: Final = ("int4", "int8", "float8", "numeric")
_UNIQUE_BY_CODE: Final = {"account_move": ("name",)}
_OTHERS: Final = ("jsonb", "bool", "date", "timestamp", "timestamptz")


class NothingToDoError(Exception):
    """There is no record, or no column, to work on."""


class Records:
    """The records of a database: `shared`, the first ones of those that were there, and `made`, the own ones.


    `number`, 0 or 1, is in every value that has to be unique, so that two sites at work never make the same.
    `may_write` says which columns of shared records may be changed. With the same `seed`, the same is done.
    The methods that write take the connection on which to do it, and add nothing to `made`: they give what they made.
    """

    def __init__(self, connection: Connection[TupleRow], number: int, seed: int, may_write: MayWrite) -> None:
        self.number = number
        self.may_write = may_write
        self.random = random.Random(f"{seed} {number}")  # noqa: S311 - to be the same in each run
        self.tables = read_tables(connection)
        self.shared = {t.label: ids for t in self.tables.values() if t.numbered and (ids := _first_ids(connection, t))}
        self.made: dict[str, list[int]] = {}
        self.junctions = [t for t in self.tables.values() if self._is_junction(t)]
        self._serial = 0
        self._packs = load_packs()
        self._models: set[str] = set()
        if "ir_model" in self.tables:
            self._models = {row[0] for row in connection.execute("SELECT model FROM ir_model").fetchall()}

    def insert(self, connection: Connection[TupleRow], table: Table) -> int:
        """Copies a shared record; where it refers to others, these are own ones as often as not. Gives the new id."""
        copied = self.pick(self.shared[table.label])
        names = [c.name for c in table.columns.values() if not c.generated and (c.name,) != table.key]
        values: dict[str, object] = {}
        for name in names:
            target = refers_to(self.tables, table, name)
            if target:
                if self.made.get(target) and self.random.random() < 0.5:
                    values[name] = self.pick(self.made[target])
            elif name in self._told_apart(table) and name not in self._by_model(table):
                values[name] = self._fresh(table.columns[name])
        values |= self._references_by_model(table)
        key = sql.Identifier(table.key[0])
        statement = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} AS t WHERE {} = {} RETURNING {}").format(
            table.full_name,
            _joined(map(sql.Identifier, names)),
            _joined(sql.Literal(values[name]) if name in values else sql.Identifier(name) for name in names),
            table.only,
            key,
            copied,
            key,
        )
        row = connection.execute(statement).fetchone()
        if row is None:
            raise NothingToDoError
        return int(row[0])

    def change(self, connection: Connection[TupleRow], table: Table, row_id: int) -> None:
        """Gives one to three columns of a record other values.

        A shared record comes to refer to an own one only where the reference becomes null when that is deleted: the
        other site may copy the shared record while this one deletes what it refers to.
        """
        own = row_id in self.made.get(table.label, [])
        names = [n for n in table.columns if self._is_plain(table, n) and (own or self._may_change(table, n))]
        names = self.random.sample(names, min(len(names), self.random.randint(1, 3)))
        if not names:
            raise NothingToDoError
        connection.execute(
            sql.SQL("UPDATE {} SET {} WHERE {} = {}").format(
                table.only,
                _joined(
                    sql.SQL("{} = {}").format(sql.Identifier(n), sql.Literal(self._other_value(table, n, own=own)))
                    for n in names
                ),
                sql.Identifier(table.key[0]),
                row_id,
            )
        )

    def link(self, connection: Connection[TupleRow], table: Table) -> tuple[int, ...]:
        """Links, in a many2many table, two records of which one at least is an own one. Gives their ids."""
        targets = [refers_to(self.tables, table, name) or "" for name in table.key]
        certain = self.pick([i for i, target in enumerate(targets) if self.made.get(target)])
        ids = tuple(self.pick(self.made[t] if i == certain else self._any(t)) for i, t in enumerate(targets))
        connection.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
                table.full_name, _joined(map(sql.Identifier, table.key)), _joined(map(sql.Literal, ids))
            )
        )
        return ids

    def delete(self, connection: Connection[TupleRow], table: Table, key: Sequence[int]) -> None:
        """Deletes a record or a link."""
        condition = sql.SQL(" AND ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in zip(table.key, key, strict=True)
        )
        connection.execute(sql.SQL("DELETE FROM {} WHERE {}").format(table.only, condition))

    def pick(self, choices: Sequence[T]) -> T:
        """One of them by chance; NothingToDoError if there are none."""
        if not choices:
            raise NothingToDoError
        return self.random.choice(choices)

    def _any(self, label: str) -> list[int]:
        return self.shared.get(label, []) + self.made.get(label, [])

    def _other_value(self, table: Table, name: str, *, own: bool) -> object:
        key, target = table.foreign_key(name), refers_to(self.tables, table, name)
        if key is None or target is None:
            return self._fresh(table.columns[name])
        if not table.columns[name].not_null and self.random.random() < 0.3:
            return None
        return self.pick(self._any(target) if own or key.on_delete == "n" else self.shared.get(target, []))

    def _fresh(self, column: Column) -> object:
        """A value that was not there before and that the other site never uses, but for booleans."""
        self._serial += 1
        number = 2 * self._serial + self.number
        if column.type in _TEXTS:
            short = _in_letters(number)
            text = f"site {self.number} {short}"
            return text if column.max_length is None or len(text) <= column.max_length else short
        if column.type in _NUMBERS:
            return 1_000_000 + number
        match column.type:
            case "jsonb":
                return Jsonb({"en_US": f"site {self.number} {number}"})
            case "bool":
                return self.random.random() < 0.5
            case "date" | "timestamp" | "timestamptz":
                return _EPOCH + timedelta(days=number)
        raise NothingToDoError

    def _told_apart(self, table: Table) -> set[str]:
        """The columns by which records are told apart: of unique indexes, of keys for recognition, by code of Odoo."""
        return table.unique.union(*self._packs.keys.get(table.label, []), _UNIQUE_BY_CODE.get(table.label, ()))

    def _by_model(self, table: Table) -> set[str]:
        """The columns of references by model name, and those with the names."""
        references = self._packs.by_model_name.get(table.label, {})
        return {*references.keys(), *references.values()}

    def _leads_to_a_model(self, table: Table) -> set[str]:
        """The columns from which packs find the model of an id."""
        rules = [sourced.rule for sourced in self._packs.references.get(table.label, {}).values()]
        named = [
            name
            for rule in rules
            for name in ([rule.model_from] if isinstance(rule.model_from, str) else rule.model_from or [])
        ]
        return {name.split(".")[0] for name in named}

    def _references_by_model(self, table: Table) -> dict[str, object]:
        """As often as not, references by model name to own records."""
        known = [t for t, ids in self.made.items() if ids and t.replace("_", ".") in self._models]
        values: dict[str, object] = {}
        for column, model in self._packs.by_model_name.get(table.label, {}).items():
            if known and {column, model} <= table.columns.keys() and self.random.random() < 0.5:
                target = self.pick(known)
                values |= {column: self.pick(self.made[target]), model: target.replace("_", ".")}
        return values

    def _is_plain(self, table: Table, name: str) -> bool:
        """Whether a column can be given another value without more ado.

        A reference that takes its record with it when it is deleted can't: the record may be one that all share.
        """
        column, key = table.columns[name], table.foreign_key(name)
        if key:
            is_own = key.columns == (name,) and name not in self._leads_to_a_model(table)
            return is_own and key.on_delete != "c" and bool(refers_to(self.tables, table, name))
        return (
            column.type in (*_TEXTS, *_NUMBERS, *_OTHERS)
            and not column.generated
            and name not in {*table.key, *self._told_apart(table), *self._by_model(table), "parent_path"}
            and name not in self._packs.references.get(table.label, {})
            and (column.max_length is None or column.max_length > len(_LETTERS))
        )

    def _may_change(self, table: Table, name: str) -> bool:
        """Whether a column of shared records can be changed without regard to the other site."""
        return self.may_write(table, name) and name not in table.checked_together

    def _is_junction(self, table: Table) -> bool:
        return len(table.key) == len(table.columns) == 2 and all(refers_to(self.tables, table, n) for n in table.key)


def _first_ids(connection: Connection[TupleRow], table: Table) -> list[int]:
    key = sql.Identifier(table.key[0])
    statement = sql.SQL("SELECT {} FROM {} ORDER BY {} LIMIT {}").format(key, table.only, key, _SHARED_ROWS)
    return [row[0] for row in connection.execute(statement).fetchall()]


def _joined(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def _in_letters(number: int) -> str:
    letters = ""
    while number:
        number, digit = divmod(number, len(_LETTERS))
        letters = _LETTERS[digit] + letters
    return letters
