"""The first look at a table: hashes of its chunks, and of the rows of those that differ."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from ucrepl.db.sqlfiles import query
from ucrepl.link.verify.session import Session
from ucrepl.plan.catalog import TableName
from ucrepl.plan.verify import CHUNK_BITS, Comparison

WINDOW = 1 << 20
"""How many ids are hashed in one statement."""

FEW_CHUNKS = 50
"""Up to so many chunks the rows are looked up one by one."""

_SMALLEST = -(1 << 63)

Chunks = dict[int, tuple[int, int]]
"""Of each chunk the number of its rows and their hash."""


@dataclass
class Counted:
    """How many rows a table has: on the source, on the target, and of these its own; what a rule leaves out besides."""

    source: int = 0
    target: int = 0
    own: int = 0
    left_out: int = 0


class ChunkPass:
    """Compares the tables of a link chunk by chunk; both servers work at the same time.

    The rows that differ become candidates. They may only be late.
    """

    def __init__(self, session: Session, executor: Executor, comparisons: Sequence[Comparison]) -> None:
        self.session = session
        self.executor = executor
        self.by_name = {c.table.name: c for c in comparisons}
        self._same_ids: dict[TableName, bool] = {}

    def run(self, comparison: Comparison) -> Counted:
        """Counts the rows of the table, and makes candidates of those that differ."""
        counted = Counted()
        with self.session.target.transaction():
            self.session.target.execute(query("verify_chunks_begin"))
            referred = {c.refers_to for c in comparison.compared.columns if c.refers_to}
            comparison.same_ids = frozenset(name for name in referred if self._has_same_ids(name))
            for values in self._windows(comparison):
                sent = self.executor.submit(self._source_chunks, comparison, values)
                here = self._target_chunks(comparison, values)
                self._compare(comparison, sent.result(), here, counted)
            [(rows,)] = self.session.on_target(comparison.count_rows()).fetchall()
            if unpaired := rows - counted.target:
                self._take_unpaired(comparison, unpaired, counted)
        if (left_out := comparison.left_out()) is not None:
            counting = f"SELECT count(*) FROM (\n{left_out}\n) AS left_out"
            [(counted.left_out,)] = self.session.on_source(counting, {"keys": None}).fetchall()
        return counted

    def _source_chunks(self, comparison: Comparison, values: dict[str, object]) -> Chunks:
        return _chunks(self.session.on_source(comparison.source_chunks(), values).fetchall())

    def _target_chunks(self, comparison: Comparison, values: dict[str, object]) -> Chunks:
        return _chunks(self.session.on_target(comparison.target_chunks(), values).fetchall())

    def _compare(self, comparison: Comparison, sent: Chunks, here: Chunks, counted: Counted) -> None:
        counted.source += sum(rows for rows, _ in sent.values())
        counted.target += sum(rows for rows, _ in here.values())
        differing = [chunk for chunk in sent.keys() | here.keys() if sent.get(chunk) != here.get(chunk)]
        if differing:
            self._bisect(comparison, sorted(differing))

    def _has_same_ids(self, name: TableName) -> bool:
        """Whether all records of a table are paired, and have the same id on both sides, as in clones.

        Where the answer is out of date a moment later, a row that differs may be found by the next comparison only; one
        that differed before it is found in any case.
        """
        other = self.by_name.get(name)
        if other is None or not other.table.surrogate:
            return False
        if name not in self._same_ids:
            [(has_other,)] = self.session.on_target(other.has_other_ids()).fetchall()
            self._same_ids[name] = not has_other
        return self._same_ids[name]

    def _take_unpaired(self, comparison: Comparison, rows: int, counted: Counted) -> None:
        """Of the target's rows those of which the source can't know: they are its own, or candidates."""
        unpaired = f"FROM (\n{comparison.unpaired()}\n) AS own (key)"
        if not comparison.compared.own_rows:
            rows = self.session.on_target(
                f"INSERT INTO pg_temp.verify_candidate (table_id, local_key)\n"
                f"SELECT {comparison.table.number}, own.key {unpaired}"
            ).rowcount
        elif comparison.table.kept:  # rows that a rule leaves out are nobody's
            [(rows,)] = self.session.on_target(f"SELECT count(*) {unpaired}").fetchall()
        counted.own = rows if comparison.compared.own_rows else 0
        counted.target += rows

    def _windows(self, comparison: Comparison) -> Iterator[dict[str, object]]:
        """The ranges of ids in which either side has rows; one, with no bounds, where ids are not mapped."""
        if not comparison.table.surrogate:
            yield {}
            return
        end = _SMALLEST
        while (following := self._next(comparison, end)) is not None:
            first = (following >> CHUNK_BITS) << CHUNK_BITS
            end = first + WINDOW
            yield {"first": first, "end": end}

    def _next(self, comparison: Comparison, first: int) -> int | None:
        values = {"first": first}
        found = (
            self.session.on_source(comparison.bounds(on_target=False), values).fetchone(),
            self.session.on_target(comparison.bounds(on_target=True), values).fetchone(),
        )
        return min((row[0] for row in found if row and row[0] is not None), default=None)

    def _bisect(self, comparison: Comparison, chunks: list[int]) -> None:
        session, values = self.session, {"chunks": chunks, "table": comparison.table.number}
        session.on_target("TRUNCATE pg_temp.verify_sent_hash, pg_temp.verify_here_hash")
        session.bring(comparison.source_hashes(), values, "verify_sent_hash")
        with session.target.transaction():
            if len(chunks) <= FEW_CHUNKS:  # the planner can't know that they are few, and would read all of the table
                session.on_target("SET LOCAL enable_hashjoin = off")
                session.on_target("SET LOCAL enable_mergejoin = off")
            session.on_target(comparison.target_hashes(), values)
        session.on_target(query("verify_candidates"), values)


def _chunks(rows: list[tuple[int, int, int]]) -> Chunks:
    return {chunk: (count, total) for chunk, count, total in rows}
