"""Seeds a link: recognises what the target has, copies the rest from one snapshot, hands over to the journal."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from graphlib import TopologicalSorter
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import TYPE_CHECKING

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link
from ucrepl.db.catalog import hstore_schema
from ucrepl.errors import RefusedError
from ucrepl.link.lock import try_lock
from ucrepl.link.nodes import Nodes
from ucrepl.link.replay import LinkReplayer
from ucrepl.link.seed import state
from ucrepl.link.seed.copy import Copier
from ucrepl.link.seed.gone import delete_gone
from ucrepl.link.seed.lane import Lane
from ucrepl.link.seed.recognise import Recogniser
from ucrepl.link.seed.scope import copied, numbers_of
from ucrepl.link.seed.snapshot import Snapshot
from ucrepl.link.seed.stage import Origin
from ucrepl.link.seed.stream import BATCH_BYTES
from ucrepl.link.setup import OpenLink, open_link, stage_session
from ucrepl.link.source import table_numbers
from ucrepl.link.sums import Sums
from ucrepl.plan import wide
from ucrepl.plan.model import LinkPlan, TablePlan

if TYPE_CHECKING:
    from ucrepl.plan.catalog import TableName

DAEMON_SECONDS = 60.0
"""How long a daemon may take to let go of the link."""

LANES = 3


@dataclass
class Told:
    """What is told while it goes on: `phase` begins; so many `rows` of a `table` are done, of how many (estimated)."""

    phase: Callable[[str], None] = lambda _phase: None
    rows: Callable[[str, int, int], None] = lambda _table, _rows, _of: None


@dataclass
class Seeded:
    """What a seeding did. `already`: it had been done before, and nothing was; `left`: how many tables are not done."""

    link: str
    tables: int = 0
    rows: int = 0
    paired: int = 0
    parked: int = 0
    conflicts: int = 0
    already: bool = False
    left: int = 0


def seed_link(
    config: Config, link: Link, nodes: Nodes, told: Told | None = None, names: Sequence[str] | None = None
) -> Seeded:
    """Brings the target to the state of the source, while both are in use; `names`: only these tables.

    A daemon that replays the link is asked to let go, and goes on afterwards. An interrupted seeding is taken up again,
    and what was seeded table by table is completed. Raises RefusedError and ConfigError as `open_link` does, and for a
    link whose daemon does not let go; UsageError for a table that is not there; psycopg's errors for what does not
    pass by itself.
    """
    told = told or Told()
    source, target = nodes.another(link.source), nodes.another(link.target)
    opened = open_link(config, link, source, target)
    chosen = numbers_of(opened.plan, names)
    known = _begin(target, opened.link_id, link, chosen)
    if known is None:
        return Seeded(link.name, already=True)
    told.phase("reading the source")
    take_pairs(link, opened)
    source.close()
    return _Seeding(link, opened, nodes, told).run(known, chosen)


class _Seeding:
    """One run of a seeding, on the connections of `nodes`. The lock of the link is held."""

    def __init__(self, link: Link, opened: OpenLink, nodes: Nodes, told: Told) -> None:
        self._link = link
        self._opened = opened
        self._plan: LinkPlan = opened.plan.taking_over()
        self._nodes = nodes
        self._told = told
        self._seeded = Seeded(link.name)
        hstore = hstore_schema(nodes.get(link.source)) or "ucrepl"
        self._snapshot = Snapshot(nodes, link.source, hstore)
        self._lanes: SimpleQueue[Lane] = SimpleQueue()
        reader = self._snapshot.reader()
        self._origin = origin_of(self._plan, hstore, reader)
        self._unsent = unsent_of(self._origin, reader)
        large = {n for n, size in self._origin.sizes.items() if size > BATCH_BYTES and n in self._plan.followed}
        self._wide = [number for number in large if wide.possible(self._plan, self._plan.tables[number])]
        self._first = self._lane(opened.target, reader)
        self._lanes.put(self._first)
        self._done: dict[str, int] = {}
        self._over: frozenset[TableName] = frozenset()

    def run(self, known: state.LinkState, chosen: AbstractSet[int]) -> Seeded:
        """Does all that is left to do of the chosen tables. `known` was the state of the link before it began."""
        tables = state.table_states(self._opened.target, self._opened.link_id)
        known_tables = copied(self._plan)
        done = {number for number in known_tables if number in tables and tables[number].done}
        left = [number for number in known_tables if number in chosen and number not in done]
        begun_before = [number for number in left if number in tables]
        self._over = frozenset(self._plan.tables[number].name for number in done)
        state.begin_tables(self._opened.target, self._opened.link_id, left, self._snapshot.text)
        self._recognise()
        rows = self._plan.followed.keys() & left
        self._copy([[self._plan.tables[n] for n in group if n in rows] for group in self._plan.groups])
        self._fill_in()
        for number in self._plan.totals.keys() & left:
            self._take_sums(self._plan.tables[number])
        looked_at = chosen if known.seeding else left
        stale = looked_at if known.was_replayed else begun_before
        links = [number for number in looked_at if not self._plan.tables[number].surrogate]
        self._told.phase("looking for what the source has not")
        gone = self._plan.followed.keys() & {*stale, *links}
        delete_gone(self._first, [self._plan.tables[number] for number in gone])
        self._seeded.left = len(set(known_tables) - done - chosen)
        (state.leave if self._seeded.left else state.finish)(self._opened.target, self._opened.link_id)
        self._opened.target.execute("ANALYZE ucrepl.identity")
        return self._seeded

    def _recognise(self) -> None:
        self._told.phase("recognising")
        self._seeded.paired += Recogniser(self._first, self._origin).recognise_all(self._plan.tables.keys())

    def _copy(self, groups: Sequence[Sequence[TablePlan]]) -> None:
        """Copies group after group, those at once that do not refer to each other."""
        self._told.phase("copying")
        for _ in range(LANES - 1):
            target = self._nodes.another(self._link.target)
            stage_session(target, self._plan, {})
            self._lanes.put(self._lane(target, self._snapshot.reader()))
        with ThreadPoolExecutor(LANES, "seed") as pool:
            _in_order(pool, _references(self._plan), lambda group: self._copy_group(groups[group]))

    def _copy_group(self, group: Sequence[TablePlan]) -> None:
        if not group:
            return
        lanes = [self._lanes.get()]
        if any(self._origin.sizes.get(table.number, 0) > BATCH_BYTES for table in group):
            with suppress(Empty):
                lanes.append(self._lanes.get_nowait())
        try:
            copier = Copier(lanes, self._origin, self._tell, self._over)
            copier.copy(group)
        finally:
            for lane in lanes:
                self._lanes.put(lane)
        self._seeded.tables += len(group)
        self._seeded.rows += copier.copied.rows
        self._add(copier)

    def _fill_in(self) -> None:
        copier = Copier((self._first,), self._origin, self._tell)
        copier.fill_in()
        self._add(copier)

    def _take_sums(self, table: TablePlan) -> None:
        """Gives the target the sums of the source's snapshot, besides what it has written that the source lacks."""
        lane, back = self._first, self._nodes.config.way_back(self._link)
        lane.run(lane.query("forget_parked_rows"), {"link": lane.link_id, "table": table.number})
        sums = Sums(self._plan, lane.puller, lane.target, self._origin.hstore, back.name if back else None)

        def stage(_plan: LinkPlan) -> int:
            sums.compare(table, None)
            return sums.stage(table, "change", "-nextval('ucrepl.synthetic_seq')")

        count, applied = lane.apply(stage)
        lane.run(
            "UPDATE ucrepl.seeded_table SET done = true, rows = %(rows)s"
            " WHERE link_id = %(link)s AND table_id = %(table)s",
            {"rows": count, "link": lane.link_id, "table": table.number},
        )
        self._seeded.tables += 1
        self._seeded.rows += count
        self._seeded.parked += applied.parked
        self._tell(table, count)

    def _add(self, copier: Copier) -> None:
        self._seeded.parked += copier.copied.applied.parked
        self._seeded.conflicts += copier.copied.applied.conflicts

    def _tell(self, table: TablePlan, count: int) -> None:
        name = str(table.name)
        self._done[name] = self._done.get(name, 0) + count
        self._told.rows(name, self._done[name], self._origin.rows.get(table.number, 0))

    def _lane(self, target: Connection[TupleRow], reader: Connection[TupleRow]) -> Lane:
        readers = (reader, self._snapshot.reader())
        lane = Lane(self._link, self._plan, self._opened.link_id, target, readers, self._wide)
        lane.leave_alone(self._unsent)
        return lane


def _in_order(pool: ThreadPoolExecutor, graph: dict[int, set[int]], work: Callable[[int], None]) -> None:
    """Does the work for every node of the graph, after that for those to which it refers. Raises the first error."""
    order = TopologicalSorter(graph)
    order.prepare()
    running: dict[Future[None], int] = {}
    try:
        while order.is_active():
            for node in order.get_ready():
                running[pool.submit(work, node)] = node
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                node = running.pop(future)
                future.result()
                order.done(node)
    finally:
        for future in running:
            future.cancel()


def _references(plan: LinkPlan) -> dict[int, set[int]]:
    """The groups by their places, each with the places of those to which it refers."""
    place = plan.group_of
    graph: dict[int, set[int]] = {i: set() for i in range(len(plan.groups))}
    for number, table in plan.tables.items():
        for name in table.after:
            referred = plan.by_name.get(name)
            if referred and place[referred.number] != place[number]:
                graph[place[number]].add(place[referred.number])
    return graph


def origin_of(plan: LinkPlan, hstore: str, reader: Connection[TupleRow]) -> Origin:
    """What of the source is needed to read all rows of the tables of a plan there."""
    on_source = table_numbers(reader)
    sizes = {
        (schema, table): (size, rows)
        for schema, table, size, rows in reader.execute(
            "SELECT n.nspname, c.relname, pg_relation_size(c.oid), c.reltuples::bigint FROM pg_class AS c"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')"
        )
    }
    written = reader.execute("SELECT DISTINCT table_id FROM pg_temp.written").fetchall()
    return Origin(
        hstore=hstore,
        numbers={number: on_source[t.name] for number, t in plan.tables.items() if t.name in on_source},
        sizes={number: sizes.get(t.name, (0, 0))[0] for number, t in plan.tables.items()},
        rows={number: max(0, sizes.get(t.name, (0, 0))[1]) for number, t in plan.tables.items()},
        written=frozenset(row[0] for row in written),
    )


def unsent_of(origin: Origin, reader: Connection[TupleRow]) -> dict[int, dict[str, list[str]]]:
    """The columns in which rows of the source have nothing but what stands for a record that it does not know."""
    rows = reader.execute(
        "SELECT s.table_id, array_agg(s.local_key), array_agg(s.column_name::text) FROM ucrepl.stopgap AS s"
        " WHERE s.local_key IS NOT NULL GROUP BY s.table_id"
    ).fetchall()
    here = {there: number for number, there in origin.numbers.items()}
    return {here[number]: {"keys": keys, "names": names} for number, keys, names in rows if number in here}


def _begin(target: Connection[TupleRow], link_id: int, link: Link, chosen: AbstractSet[int]) -> state.LinkState | None:
    """Stops replay and takes the lock of the link. A daemon gives it back when it sees that the link is being seeded.

    Returns the state of before. None where all is done, also where somebody else has done it while we waited.
    """
    until = monotonic() + DAEMON_SECONDS
    while True:
        known = state.link_state(target, link_id)
        if not (known.seeding or state.left_to_do(known, state.table_states(target, link_id), chosen)):
            return None
        state.begin(target, link_id, chosen)
        if try_lock(target, link_id):
            if state.link_state(target, link_id).seeding:
                return known
            continue  # another seeding, which has ended in this moment
        if monotonic() > until:
            raise RefusedError(
                f"link {link.name!r} is held by somebody who does not let go",
                hint="another `ucrepl seed`, or an old daemon: end it, and run the command again",
            )
        sleep(0.1)


def take_pairs(link: Link, opened: OpenLink) -> None:
    """Takes over the pairs that the way back has made so far: these records are known on both sides."""
    replayer = LinkReplayer(link, opened)
    with opened.target.transaction():
        replayer.take_all_pairs()
