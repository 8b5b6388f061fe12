"""The numbers that the new side hands out: above all that the old one has, for ids and for documents."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from ucrepl.db.catalog import read_catalog
from ucrepl.link.ids.sequences import counts, id_sequences, read_slot
from ucrepl.plan.catalog import Catalog, TableName

_DOCUMENTS: Final = r"^ir_sequence_\d+(_\d+)?$"
_RANGE: Final = TableName("public", "ir_sequence_date_range")
_SEQUENCE: Final = TableName("public", "ir_sequence")
_READ_DOCUMENTS = """
    SELECT c.relname, pg_catalog.pg_sequence_last_value(c.oid), s.seqincrement
    FROM pg_catalog.pg_sequence AS s
    JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid AND c.relnamespace = 'public'::regnamespace
    WHERE c.relname ~ %s
"""
_PAIRS = """
    SELECT m.table_name, m.remote_id, m.local_id FROM ucrepl.identity_map AS m
    WHERE m.peer = %s AND m.table_name IN ('ir_sequence', 'ir_sequence_date_range')
"""
_RAISE = """
    UPDATE public.{table} AS t SET number_next = u.number
    FROM unnest(%s::integer[], %s::bigint[]) AS u (id, number)
    WHERE t.id = u.id AND t.number_next < u.number
"""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was set on the new side: sequences of ids and of documents, and counters of documents without gaps."""

    ids: int
    documents: int
    counters: int


class NumberKeeper:
    """Knows the sequences of both sides, read before anybody has to wait."""

    def __init__(self, source: Connection[TupleRow], target: Connection[TupleRow], source_name: str) -> None:
        self._source, self._target, self._source_name = source, target, source_name
        here, there = read_catalog(target), read_catalog(source)
        of_source = {table.name: name for name, tables in id_sequences(there).items() for table in tables}
        self._sequences = {
            ours: of_source[table.name]
            for ours, tables in id_sequences(here).items()
            for table in tables
            if table.name in of_source
        }
        self._used = _greatest_ids(target, here)
        self._slot = read_slot(target)
        self._counters = [
            name
            for name in (_SEQUENCE, _RANGE)
            if all(name in c.tables and "number_next" in c.tables[name].columns for c in (here, there))
        ]

    def set(self) -> Numbers:
        """Sets the numbers of the target above those that the source has handed out."""
        return Numbers(self._set_ids(), self._set_documents(), self._set_counters())

    def _set_ids(self) -> int:
        handed_out = {c.sequence: c.last_value or 0 for c in counts(self._source, set(self._sequences.values()))}
        behind = {}
        for count in counts(self._target, self._sequences):
            least = max(handed_out.get(self._sequences[count.sequence], 0), self._used.get(count.sequence, 0))
            if (count.last_value or 0) < least:
                behind[count.sequence] = self._slot.first_above(least) if self._slot else least
        return self._set_values(behind)

    def _set_documents(self) -> int:
        pairs = _pairs(self._target, self._source_name) if self._counters else {}
        here = {name: (last or 0, step) for name, last, step in self._documents(self._target)}
        behind = {}
        for name, last, step in self._documents(self._source):
            ours = _translated(name, pairs)
            if ours is None or last is None:
                continue
            if ours not in here:
                create = sql.SQL("CREATE SEQUENCE {} INCREMENT BY {}").format(sql.Identifier("public", ours), step)
                self._target.execute(create)
            at, by = here.get(ours, (0, step))
            if at < last:
                # A step of its own keeps the numbers of two sides apart: it stays in step with itself.
                behind[f"public.{ours}"] = at - (at - last) // by * by if at else last
        return self._set_values(behind)

    def _documents(self, node: Connection[TupleRow]) -> list[tuple[str, int | None, int]]:
        return node.execute(_READ_DOCUMENTS, [_DOCUMENTS]).fetchall()

    def _set_counters(self) -> int:
        changed = 0
        pairs = _pairs(self._target, self._source_name) if self._counters else {}
        for name in self._counters:
            read = sql.SQL("SELECT id, number_next FROM {}").format(sql.Identifier(*name))
            rows = self._source.execute(read).fetchall()
            mapped = [(pairs.get((name.table, i), i), number) for i, number in rows if number is not None]
            statement = _RAISE.format(table=name.table).encode()
            with self._target.transaction():
                self._target.execute("SELECT set_config('ucrepl.origin', %s, true)", [self._source_name])
                changed += self._target.execute(statement, [[i for i, _ in mapped], [n for _, n in mapped]]).rowcount
        return changed

    def _set_values(self, values: Mapping[str, int]) -> int:
        if values:
            self._target.execute(
                "SELECT pg_catalog.setval(u.name::regclass, u.number)"
                " FROM unnest(%s::text[], %s::bigint[]) AS u (name, number)",
                [list(values), list(values.values())],
            )
        return len(values)


def _greatest_ids(node: Connection[TupleRow], catalog: Catalog) -> dict[str, int]:
    """The greatest id in use, of each sequence that hands out ids: some may have been chosen without it."""
    found: dict[str, int] = {}
    for sequence, tables in id_sequences(catalog).items():
        for table in tables:
            greatest = sql.SQL("SELECT max({}) FROM {}").format(
                sql.Identifier(table.key[0]), sql.Identifier(*table.name)
            )
            row = node.execute(greatest).fetchone()
            found[sequence] = max(found.get(sequence, 0), row[0] or 0 if row else 0)
    return found


def _pairs(target: Connection[TupleRow], source_name: str) -> dict[tuple[str, int], int]:
    """The ids that the sequences of documents have on the target, by table and id of the source."""
    return {(table, remote): local for table, remote, local in target.execute(_PAIRS, [source_name]).fetchall()}


def _translated(name: str, pairs: Mapping[tuple[str, int], int]) -> str | None:
    """The name that PostgreSQL's sequence of a document has on the target; None where its record is not there."""
    _, _, numbers = name.partition("ir_sequence_")
    ids = [int(number) for number in re.findall(r"\d+", numbers)]
    if not pairs:
        return name
    known = [pairs.get((table.table, i)) for table, i in zip((_SEQUENCE, _RANGE), ids, strict=False)]
    return None if None in known else "ir_sequence_" + "_".join(f"{i:03d}" for i in known)
