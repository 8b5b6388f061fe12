"""Differences of every kind, planted in one of two databases that were in step, and known one by one."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

import psycopg
from psycopg import Connection, errors, sql
from psycopg.rows import TupleRow

from tests.support.records import NothingToDoError, Records
from tests.support.tables import Table, refers_to

_MANY_TRIES: Final = 2000


class Difference(NamedTuple):
    """A row that differs: its table, how, its key in the database in which it was planted, the column."""

    table: str
    kind: str
    key: str
    column: str | None = None


@dataclass
class Planter:
    """Plants differences in a database, unseen by the triggers."""

    connection: Connection[TupleRow]
    records: Records
    paired: bool = False
    planted: list[Difference] = field(default_factory=list)

    @classmethod
    def at(cls, dsn: str, *, paired: bool = False) -> Self:
        """Begins to plant in this database, in one transaction; `done` commits it.

        `paired`: only in records that the other database has too, where each has some of its own.
        """
        connection = psycopg.connect(dsn)
        records = Records(connection, 1, 7, lambda _table, _column: True)
        if paired:
            rows = connection.execute("SELECT table_name, array_agg(local_id) FROM ucrepl.identity_map GROUP BY 1")
            known = {label: set(ids) for label, ids in rows}
            shared = {label: [i for i in ids if i in known.get(label, ())] for label, ids in records.shared.items()}
            records.shared = {label: ids for label, ids in shared.items() if ids}
        records.random = random.Random(7)  # noqa: S311 - to be the same in each run
        connection.execute("SET LOCAL ucrepl.origin = 'test'")
        return cls(connection, records, paired)

    def done(self) -> set[Difference]:
        """Commits. Gives what was planted."""
        self.connection.commit()
        self.connection.close()
        return set(self.planted)

    def plant(self, kind: str, number: int) -> None:
        """Plants so many differences: `value`, `reference`, `missing`, `extra`, `link`, or `no link`."""
        wanted = len(self.planted) + number
        for _ in range(_MANY_TRIES):
            if len(self.planted) == wanted:
                return
            try:
                with self.connection.transaction():
                    self.planted.append(self._one(kind))
            except (NothingToDoError, errors.IntegrityError, errors.DataError):
                continue
        raise AssertionError(f"only {len(self.planted)} of {wanted} differences could be planted, {kind!r} the last")

    def _one(self, kind: str) -> Difference:
        pick = self.records.pick
        match kind:
            case "value" | "reference":
                return self._change(self.records.tables[pick(list(self.records.shared))], reference=kind == "reference")
            case "missing":
                return self._delete(pick([t for t in self._leaves() if t.numbered]))
            case "extra":
                table = pick([t for t in self._leaves() if t.numbered])
                return Difference(table.label, "extra", str(self.records.insert(self.connection, table)))
            case "link":
                return self._link(pick(self.records.junctions))
            case _:
                return self._delete(pick(self.records.junctions))

    def _leaves(self) -> Iterator[Table]:
        """The tables with rows to which nothing refers: what is deleted there takes nothing with it."""
        tables = self.records.tables
        referred = {key.table for table in tables.values() for key in table.foreign_keys}
        return (tables[label] for label in self.records.shared if label not in referred)

    def _change(self, table: Table, *, reference: bool) -> Difference:
        row_id = self._unused(table, [(i,) for i in self.records.shared[table.label]])
        name = self.records.pick(
            [
                c.name
                for c in table.columns.values()
                if bool(table.foreign_key(c.name)) is reference
                and c.type != "bool"
                and self.records._is_plain(table, c.name)
            ]
        )
        target = refers_to(self.records.tables, table, name)
        value = (
            self.records.pick(self.records.shared.get(target, []))
            if target
            else self.records._fresh(table.columns[name])
        )
        # Of an object keys that only the target has are its own: where there was none, a new one is no difference.
        is_object = table.columns[name].type == "jsonb"
        filled = sql.SQL(" AND {} IS NOT NULL").format(sql.Identifier(name)) if is_object else sql.SQL("")
        done = self.connection.execute(
            sql.SQL("UPDATE {} SET {} = {} WHERE {} = {} AND {} IS DISTINCT FROM {}{}").format(
                table.only,
                column := sql.Identifier(name),
                sql.Literal(value),
                sql.Identifier(table.key[0]),
                int(row_id),
                column,
                sql.Literal(value),
                filled,
            )
        )
        if not done.rowcount:
            raise NothingToDoError
        return Difference(table.label, "different", row_id, name)

    def _delete(self, table: Table) -> Difference:
        names = sql.SQL(", ").join(map(sql.Identifier, table.key))
        rows = self.connection.execute(sql.SQL("SELECT {} FROM {} LIMIT 200").format(names, table.only)).fetchall()
        if self.paired:
            labels = [table.label if table.numbered else refers_to(self.records.tables, table, n) for n in table.key]
            known = [set(self.records.shared.get(label or "", ())) for label in labels]
            rows = [row for row in rows if all(i in ids for i, ids in zip(row, known, strict=True))]
        if not rows:
            raise NothingToDoError
        key = self._unused(table, rows)
        self.records.delete(self.connection, table, [int(part) for part in key.strip("{}").split(",")])
        return Difference(table.label, "missing", key)

    def _link(self, table: Table) -> Difference:
        targets = [refers_to(self.records.tables, table, name) or "" for name in table.key]
        ids = [self.records.pick(self.records.shared.get(target, [])) for target in targets]
        self.connection.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                table.full_name,
                sql.SQL(", ").join(map(sql.Identifier, table.key)),
                sql.SQL(", ").join(map(sql.Literal, ids)),
            )
        )
        return Difference(table.label, "extra", _key(ids))

    def _unused(self, table: Table, rows: list[tuple[int, ...]]) -> str:
        """The key of one of the rows in which nothing has been planted yet."""
        key = _key(self.records.pick(rows))
        if any((d.table, d.key) == (table.label, key) for d in self.planted):
            raise NothingToDoError
        return key


def _key(ids: "list[int] | tuple[int, ...]") -> str:
    """The key as the journal has it."""
    return str(ids[0]) if len(ids) == 1 else f"{{{','.join(map(str, ids))}}}"
