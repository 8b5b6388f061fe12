"""The first look at a table: hashes of its chunks, and of the rows of those that differ."""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

from ucrepl.db.sqlfiles import query
from ucrepl.link.verify.session import Session
from ucrepl.plan.verify import CHUNK_BITS, Comparison

WINDOW = 1 << 20
"""How many ids are hashed in one statement."""

_SMALLEST = -(1 << 63)

Chunks = dict[int, tuple[int, int]]
"""Of each chunk the number of its rows and their hash."""


@dataclass
class Counted:
    """How many rows a table has: on the source, on the target, and of these its own."""

    source: int = 0
    target: int = 0
    own: int = 0


class ChunkPass:
    """Compares the tables of a link chunk by chunk; both servers work at the same time.

    The rows that differ become candidates. They may only be late.
    """

    def __init__(self, session: Session, executor: Executor) -> None:
        self.session = session
        self.executor = executor

    def run(self, comparison: Comparison) -> Counted:
        """Counts the rows of the table, and makes candidates of those that differ."""
        counted = Counted()
        for values in self._windows(comparison):
            sent, here = self._both(comparison, values)
            counted.source += sum(rows for rows, _ in sent.values())
            counted.target += sum(rows for rows, _ in here.values())
            differing = [chunk for chunk in sent.keys() | here.keys() if sent.get(chunk) != here.get(chunk)]
            if differing:
                self._bisect(comparison, sorted(differing))
        self._count_unpaired(comparison, counted)
        return counted

    def _both(self, comparison: Comparison, values: dict[str, object]) -> tuple[Chunks, Chunks]:
        session = self.session
        sent = self.executor.submit(lambda: session.on_source(comparison.source_chunks(), values).fetchall())
        try:
            here = session.on_target(comparison.target_chunks(), values).fetchall()
        except BaseException:
            session.source.cancel_safe()
            raise
        return _chunks(sent.result()), _chunks(here)

    def _windows(self, comparison: Comparison) -> Iterator[dict[str, object]]:
        """The ranges of ids in which either side has rows; one, with no bounds, where ids are not mapped."""
        if not comparison.table.surrogate:
            yield {}
            return
        first: int | None = _SMALLEST
        while (first := self._next(comparison, first)) is not None:
            first = (first >> CHUNK_BITS) << CHUNK_BITS
            yield {"first": first, "end": first + WINDOW}
            first += WINDOW

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
        session.on_target(comparison.target_hashes(), values)
        session.on_target(query("verify_candidates"), values)

    def _count_unpaired(self, comparison: Comparison, counted: Counted) -> None:
        unpaired = comparison.unpaired()
        if unpaired is None:
            return
        if comparison.compared.own_rows:
            row = self.session.on_target(f"SELECT count(*) FROM (\n{unpaired}\n) AS own").fetchone()
            counted.own = row[0] if row else 0
            counted.target += counted.own
        else:
            counted.target += self.session.on_target(
                f"INSERT INTO pg_temp.verify_candidate (table_id, local_key)\n"
                f"SELECT {comparison.table.number}, own.key FROM (\n{unpaired}\n) AS own (key)"
            ).rowcount


def _chunks(rows: list[tuple[int, int, int]]) -> Chunks:
    return {chunk: (count, total) for chunk, count, total in rows}
