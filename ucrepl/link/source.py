"""The source end of a link: which batch comes next, and its changes as a stream of bytes."""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ucrepl.db.sqlfiles import query
from ucrepl.errors import ConfigError, RefusedError
from ucrepl.link.batch_query import BatchQuery
from ucrepl.plan import mask
from ucrepl.plan.catalog import TableName
from ucrepl.plan.past import Past
from ucrepl.plan.text import quote

TICK_ROWS = 1000
"""After how many changes the trigger stores a tick."""


@dataclass(frozen=True, slots=True)
class Window:
    """A batch: what is visible in the tick `ends` and was not in the position. `more`: the source has further ticks.

    `touched`: the numbers of the tables of which it has changes, where it has not.
    `went_back`, `purged` and `structure` tell whether the link can go on, see the query.
    """

    ends: str
    more: bool
    has_changes: bool
    touched: list[int] | None
    has_pairs: bool
    went_back: bool
    purged: bool
    structure: int
    shapes: list[str]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do and nothing to wait for."""
        return not (self.has_changes or self.has_pairs or self.more)


def is_before(snapshot: str, other: str) -> bool:
    """Snapshots of one server are totally ordered in time by what they begin with, end with, and leave out."""
    return _age(snapshot) < _age(other)


def _age(snapshot: str) -> tuple[int, int, int]:
    oldest, before, running = snapshot.split(":")
    return int(before), int(oldest), -len(running.split(",") if running else ())


class StalePlanError(Exception):
    """The source has tables or columns that it had not when the plan was made: the link has to be opened again."""


def structure_of(connection: Connection[TupleRow]) -> int:
    """A number that grows with every table and every column that is added to the node."""
    row = connection.execute(
        "SELECT sum(relnatts) FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p') AND relpersistence <> 't'"
    ).fetchone()
    return row[0] if row else 0


def shapes_of(connection: Connection[TupleRow]) -> dict[int, str]:
    """For each table of the node, by its number, a text: another one when its name, columns or keys are others."""
    return dict(connection.execute(query("shapes").replace("@shape@", query("shape")).encode()).fetchall())


def table_numbers(connection: Connection[TupleRow]) -> dict[TableName, int]:
    """The numbers that the node gives to its tables, and to those that only peers have."""
    rows = connection.execute(query("numbered_tables")).fetchall()
    known = ((TableName(schema, table), number, is_here) for number, schema, table, is_here, gone in rows if not gone)
    return {name: number for name, number, _ in sorted(known, key=lambda found: found[2])}


def pairs_query(*, at_all: bool = False) -> str:
    """The query for the pairs of ids that a node has made for another one: between two ticks, or all there are."""
    return query("pairs").replace("@which@", query("pairs_at_all" if at_all else "pairs_between"))


def copy_out(statement: str) -> str:
    """The COPY that sends what a query returns, in PostgreSQL's binary format."""
    return f"COPY (\n{statement}) TO STDOUT (FORMAT binary)"


class Source:
    """Reads the journal of the source for one link.

    `tables`: by the number of each table here its number on the target, negative for one that a rule leaves out;
    `structure` what `structure_of` said before the catalog was read; `seeded`, by the numbers on the target, the
    snapshots from which rows were copied. `shapes`, what `shapes_of` said before, can be set: then changes of tables
    that have other columns or keys since then are not read.
    """

    def __init__(
        self,
        connection: Connection[TupleRow],
        name: str,
        target: UUID,
        structure: int,
        tables: Mapping[int, int] = MappingProxyType({}),
        seeded: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        self.connection = connection
        self.structure = structure
        self.shapes: Mapping[int, str] = {}
        self.name = name
        self.target = target
        numbers = range(1, max(tables, default=0) + 1)
        self.tables = [tables.get(number, 0) for number in numbers]
        self.seeded = [seeded.get(abs(tables.get(number, 0))) for number in numbers]
        self._batch: BatchQuery | None = None

    def stage(
        self,
        hstore: str,
        tables: Iterable[TableName],
        masks: Mapping[TableName, Mapping[str, str]] | None = None,
        routes: Mapping[TableName, str] | None = None,
        pasts: Iterable[Past] = (),
    ) -> None:
        """Prepares the session for reading changes; `tables`: those that are replicated.

        `hstore` is the schema of that extension on the source; `masks` and `routes` are those of the plan; `pasts` tell
        of tables that were otherwise when changes were written. Raises
        ConfigError for a mask that can't be computed.
        """
        numbers = table_numbers(self.connection)
        blanks = [f"({numbers[t]}, {quote(hstore)}.hstore(NULL::{t.sql}))" for t in tables if t in numbers]
        masked = {numbers[t]: (t, of_table) for t, of_table in (masks or {}).items() if t in numbers}
        for table, of_table in masked.values():
            self._try_masks(table, of_table)
        routed = {numbers[t]: of_table for t, of_table in (routes or {}).items() if t in numbers}
        self._batch = BatchQuery(
            self.connection,
            hstore,
            masked,
            routed,
            {p.number: p for p in pasts},
            {"tables": self.tables, "seeded": self.seeded},
        )
        self.connection.execute(query("staging_source", hstore))
        if blanks:
            self.connection.execute(f"INSERT INTO pg_temp.blank VALUES {', '.join(blanks)}".encode())
        self.connection.execute("ANALYZE pg_temp.blank")

    def window(self, position: str, rows: int) -> Window:
        """The batch that begins at the position and aims at so many rows.

        Raises RefusedError when the source has an older state than the position (it was restored from a backup) or has
        purged what comes next, StalePlanError when its tables have changed.
        """
        values = {"position": position, "ticks": max(1, rows // TICK_ROWS), "target": self.target}
        with self.connection.cursor(row_factory=class_row(Window)) as cursor:
            statement = query("window").replace("@shape@", query("shape"))
            window = cursor.execute(statement.encode(), values, prepare=True).fetchone()
        if window is None or window.went_back:
            raise RefusedError(
                f"the source of link {self.name!r} is older than what was already replayed from it",
                hint="it was restored from a backup: run ucrepl uninstall --force and install on it, then seed again",
            )
        if window.purged:
            raise RefusedError(
                f"the journal no longer has all that link {self.name!r} needs",
                hint="the link was made too long after `ucrepl install`, or left alone: run ucrepl uninstall --force"
                " and install on both nodes, then seed again",
            )
        if window.structure != self.structure or self._is_reshaped(window):
            raise StalePlanError
        return window

    def _is_reshaped(self, window: Window) -> bool:
        """Whether tables of which there are changes have other columns or keys than when the link was planned."""
        if not (self.shapes and window.has_changes):
            return False
        if window.touched is None:
            return shapes_of(self.connection) != self.shapes
        return any(self.shapes.get(n, "") != shape for n, shape in zip(window.touched, window.shapes, strict=True))

    def changes(self, position: str, window: Window) -> Generator[bytes, None, None]:
        """The changes of the batch that begins at the position, as PostgreSQL's binary COPY sends them.

        Call `stage` before.
        """
        if self._batch is None:
            raise AssertionError("the session was not prepared for reading changes")
        statement, values = self._batch.statement(window.touched)
        values |= {"position": position, "ends": window.ends}
        return self._copy(copy_out(statement), values)

    def pairs(self, position: str | None, ends: str | None) -> Generator[bytes, None, None]:
        """The pairs of ids that belong to the batch, or all there are, as PostgreSQL's binary COPY sends them."""
        values: dict[str, object] = {"position": position, "ends": ends, "target": self.target}
        return self._copy(copy_out(pairs_query(at_all=position is None)), values)

    def few_pairs(self, position: str, ends: str) -> str | None:
        """The pairs of ids that belong to a batch which is no part of a backlog, as JSON."""
        statement = f"SELECT json_agg(p)::text FROM (\n{pairs_query()}) AS p"
        values = {"position": position, "ends": ends, "target": self.target}
        row = self.connection.execute(statement.encode(), values, prepare=True).fetchone()
        return row[0] if row else None

    def wait(self, seconds: float) -> None:
        """Waits until the source notifies of a change, at the most so long."""
        for _ in self.connection.notifies(timeout=seconds, stop_after=1):
            return

    def _try_masks(self, table: TableName, masks: Mapping[str, str]) -> None:
        try:
            self.connection.execute(mask.probe(table, masks).encode())
        except (psycopg.ProgrammingError, psycopg.DataError) as error:
            names = ", ".join(map(repr, masks))
            message = f"{names} of table {str(table)!r} can't be set: {error.diag.message_primary or error}"
            raise ConfigError(message, "mend the expressions under 'set' in the rules") from None

    def _copy(self, statement: str, values: dict[str, object]) -> Generator[bytes, None, None]:
        with self.connection.cursor() as cursor, cursor.copy(statement.encode(), values) as copy:
            yield from map(bytes, copy)
