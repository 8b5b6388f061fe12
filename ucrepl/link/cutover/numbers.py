"""The numbers that the new side hands out: above all that the old one has, for ids and for documents."""

from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from ucrepl.db.catalog import read_catalog
from ucrepl.link.cutover.documents import raise_counters, read_counters, read_pairs, set_sequences
from ucrepl.link.ids.sequences import counts, id_sequences, read_slot
from ucrepl.plan.catalog import Catalog
from ucrepl.plan.numbers import RANGES, SEQUENCES

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
            for name in (SEQUENCES, RANGES)
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
        return set_sequences(self._target, behind)

    def _set_documents(self) -> int:
        return raise_counters(self._target, self._source_name, read_counters(self._source))

    def _set_counters(self) -> int:
        changed = 0
        pairs = read_pairs(self._target, self._source_name) if self._counters else {}
        for name in self._counters:
            read = sql.SQL("SELECT id, number_next FROM {}").format(sql.Identifier(*name))
            rows = self._source.execute(read).fetchall()
            mapped = [(pairs.get((name.table, i), i), number) for i, number in rows if number is not None]
            statement = _RAISE.format(table=name.table).encode()
            with self._target.transaction():
                self._target.execute("SELECT set_config('ucrepl.origin', %s, true)", [self._source_name])
                changed += self._target.execute(statement, [[i for i, _ in mapped], [n for _, n in mapped]]).rowcount
        return changed


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
