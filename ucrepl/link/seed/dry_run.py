"""Finds out what a seeding would do, and changes nothing: not on the source, not on the target, nor a sequence of it.

The same statements recognise and judge as in a seeding, on temporary tables that stand for those of `ucrepl` that they
write to; what would be written to the users' tables is counted instead. The session on the target is read-only, so that
PostgreSQL itself refuses all else. It holds neither the lock of the link nor one of a row: a daemon goes on.
"""

import re
from collections.abc import Mapping, Sequence

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link
from ucrepl.db.catalog import hstore_schema
from ucrepl.db.sqlfiles import query
from ucrepl.link.apply import MANY_ROWS
from ucrepl.link.nodes import Nodes
from ucrepl.link.replay import PAIR_COLUMNS
from ucrepl.link.seed import state
from ucrepl.link.seed.lane import Lane
from ucrepl.link.seed.preview import TablePreview
from ucrepl.link.seed.recognise import Recogniser
from ucrepl.link.seed.run import Told, origin_of
from ucrepl.link.seed.scope import numbers_of
from ucrepl.link.seed.snapshot import Snapshot
from ucrepl.link.seed.stream import BATCH_ROWS, ReadAhead
from ucrepl.link.seed.tally import Tally
from ucrepl.link.setup import OpenLink, preview_link
from ucrepl.plan import circle, gone, preview
from ucrepl.plan import rows as rows_of
from ucrepl.plan.model import LinkPlan, TablePlan

_STOOD_FOR = re.compile(r"\bucrepl\.(identity|doubt|postponed|conflict)\b")


class DryLane(Lane):
    """Runs statements with temporary tables in the place of those of `ucrepl` that a seeding writes to."""

    def __init__(
        self, link: Link, plan: LinkPlan, link_id: int, target: Connection[TupleRow], reader: Connection[TupleRow]
    ) -> None:
        super().__init__(link, plan, link_id, target, (reader, reader))
        target.execute(query("staging_dry_run"))
        target.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")

    def run(self, statement: str, values: Mapping[str, object] | None = None) -> psycopg.Cursor[TupleRow]:
        """Runs a statement on the target."""
        return super().run(_STOOD_FOR.sub(r"pg_temp.\1", statement), values)

    def tell(self, by: str) -> None:
        """By what the pairs are known that come next."""
        self.target.execute("SELECT set_config('ucrepl.found_by', %s, false)", [by])


class DryRun:
    """Looks at what seeding a link, or only the tables with these `names`, would do.

    Raises what `preview_link` does, and UsageError for a table that is not there.
    """

    def __init__(
        self, config: Config, link: Link, nodes: Nodes, told: Told | None = None, names: Sequence[str] | None = None
    ) -> None:
        source, target = nodes.another(link.source), nodes.another(link.target)
        self._told = told or Told()
        self._opened: OpenLink = preview_link(config, link, source, target)
        self._plan = self._opened.plan
        known, tables = state.UNKNOWN, dict[int, state.TableState]()
        if self._opened.link_id:
            known = state.link_state(target, self._opened.link_id)
            tables = state.table_states(target, self._opened.link_id)
        self._protected = () if names is not None else [t for t in self._plan.tables.values() if t.protected_by]
        chosen = numbers_of(self._plan, names) - self._plan.totals.keys()  # of these there is nothing to look at
        self._left = state.left_to_do(known, tables, chosen)
        self._stale = self._left if known.was_replayed else self._left & tables.keys()
        hstore = hstore_schema(source) or "ucrepl"
        reader = Snapshot(nodes, link.source, hstore).reader()
        self._lane = DryLane(link, self._plan, self._opened.link_id, target, reader)
        self._origin = origin_of(self._plan, hstore, reader)
        self._done: dict[str, int] = {}

    def run(self, shown: int = 0) -> list[TablePreview]:
        """What would be done to each table, none for those that are done. `shown`: so many doubtful rows are named."""
        if not self._left:
            return []
        self._told.phase("reading the source")
        self._take_pairs()
        self._told.phase("recognising")
        Recogniser(self._lane, self._origin, self._lane.tell).recognise_all(self._plan.tables.keys())
        self._told.phase("looking for what is new, and for what is gone")
        deletes = self._expect_all()
        self._lane.run("ANALYZE ucrepl.identity")
        self._told.phase("comparing")
        found, doubtful = [], self._doubtful(shown)
        for members in self._plan.ordered(self._left):
            ordered = sorted(members, key=lambda table: self._origin.sizes.get(table.number, 0))  # as they are copied
            for table, counted in zip(ordered, self._count(ordered), strict=True):
                if table.kept:
                    counted.left_out += (left_out := self._read(rows_of.count(table, left_out=True)))
                    counted.rows += left_out
                counted.delete = deletes[table.number]
                counted.doubtful = doubtful.get(table.number, [])
                found.append(counted)
        return [*found, *(self._recognised(table) for table in self._protected)]

    def _recognised(self, table: TablePlan) -> TablePreview:
        """What is known of the rows of a table that are recognised only."""
        rows = self._read(rows_of.count(table))
        [(known,)] = self._lane.run(preview.recognised_only(self._plan, table)).fetchall()
        return TablePreview(str(table.name), rows=rows, recognised=known, left_out=rows - known)

    def _read(self, counting: str) -> int:
        """A number on the source."""
        [(number,)] = self._lane.reader.execute(counting.encode()).fetchall()
        return int(number)

    def _take_pairs(self) -> None:
        """Takes over the pairs that there are, and those that the way back has made."""
        target, peer = self._opened.target, self._plan.peer_id
        self._lane.tell("paired before")
        target.execute(
            "INSERT INTO pg_temp.identity SELECT i.*, 'paired before' FROM ucrepl.identity AS i WHERE i.peer_id = %s",
            [peer],
        )
        with target.transaction():
            statement = f"COPY pg_temp.pair ({PAIR_COLUMNS}) FROM STDIN (FORMAT binary)"
            with target.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                for block in self._opened.source.pairs(None, None):
                    copy.write(block)
            for name in ("free_pairs", "apply_pairs"):
                self._lane.run(query(name), {"peer": peer})

    def _expect_all(self) -> dict[int, int]:
        """Takes the records that are not known for new. Returns how many rows of each table are gone on the source.

        Several small tables share a transaction: the end of each empties all the temporary tables.
        """
        deletes: dict[int, int] = {}
        left = [self._plan.tables[number] for number in self._left]
        while left:
            staged = 0
            with self._opened.target.transaction():
                while left and staged < BATCH_ROWS:
                    table = left.pop()
                    staged += self._stage_keys(table)
                    deletes[table.number] = self._expect(table)
                    self._lane.run("DELETE FROM pg_temp.present")
        return deletes

    def _stage_keys(self, table: TablePlan) -> int:
        """Brings the keys of all rows on the source. Returns how many."""
        rows = 0
        with ReadAhead(self._lane.reader, gone.keys(table.table)) as read_ahead:
            for batch in read_ahead:
                batch.copy_into(self._opened.target, "pg_temp.present", "key")
                rows += batch.count
        if rows >= MANY_ROWS:
            self._lane.run("ANALYZE pg_temp.present")
        return rows

    def _expect(self, table: TablePlan) -> int:
        """Takes the staged keys for those of new records where they are not known. Returns how many rows are gone."""
        if table.surrogate:
            self._lane.run(preview.expect(self._plan, table))
        if gone.can_tell(table) and (table.number in self._stale or not table.surrogate):
            return self._lane.run(gone.stage(self._plan, table)).rowcount
        return 0

    def _count(self, ordered: Sequence[TablePlan]) -> list[TablePreview]:
        """Counts the tables of a circle; again when rows fall out, to which some refer that were counted before."""
        fallen = 0
        while True:
            tallies = [
                Tally(self._lane, self._origin, table, {other.name for other in ordered[place + 1 :]}, self._tell)
                for place, table in enumerate(ordered)
            ]
            found = [tally.count() for tally in tallies]
            before, fallen = fallen, sum(tally.dropped for tally in tallies)
            if fallen == before or not any(circle.inner_references(self._plan, table) for table in ordered):
                return found
            for table in ordered:
                self._done.pop(str(table.name), None)

    def _doubtful(self, shown: int) -> dict[int, list[tuple[str, str]]]:
        """The first ambiguous records of each table, with their candidates."""
        found: dict[int, list[tuple[str, str]]] = {}
        for number, key, message in self._lane.run(
            "SELECT d.table_id, d.remote_id::text, d.message FROM ("
            "SELECT *, row_number() OVER (PARTITION BY table_id ORDER BY remote_id) AS place FROM ucrepl.doubt"
            ") AS d WHERE d.place <= %(shown)s ORDER BY d.table_id, d.place",
            {"shown": shown},
        ).fetchall():
            found.setdefault(number, []).append((key, message))
        return found

    def _tell(self, table: TablePlan, count: int) -> None:
        name = str(table.name)
        self._done[name] = self._done.get(name, 0) + count
        self._told.rows(name, self._done[name], self._origin.rows.get(table.number, 0))
