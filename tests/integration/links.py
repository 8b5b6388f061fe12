"""Two small databases, linked: what the tests of capture and replay work on."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import psycopg
import psycopg.sql
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.support.databases import MakeDatabase
from ucrepl.config import Config
from ucrepl.db.connect import connect
from ucrepl.link.applied import Applied
from ucrepl.link.ids.share import Shared, share_ids
from ucrepl.link.install import Installed, install_node
from ucrepl.link.nodes import Nodes
from ucrepl.link.replay import Batch, LinkReplayer
from ucrepl.link.seed.clones import Seeded, seed_same_ids
from ucrepl.link.setup import open_link
from ucrepl.link.source import StalePlanError

NAMES: Final = ("turin", "milan")
FORTH, BACK = 0, 1
A_MINUTE: Final = 60_000
_MANY_ROUNDS: Final = 20

Row = tuple[Any, ...]


class Change(NamedTuple):
    """A row of a journal."""

    table: str
    op: str
    key: str | None
    old: dict[str, str | None] | None
    new: dict[str, str | None] | None


class Parked(NamedTuple):
    """A parked change."""

    table: str
    op: str
    key: str | None
    reason: str
    sqlstate: str | None
    message: str


class Conflict(NamedTuple):
    """A logged conflict."""

    kind: str
    table: str
    column: str | None
    old: str | None
    source: str | None
    target: str | None
    winner: str


class Side:
    """One of the two databases, as an ordinary client sees it (autocommit)."""

    def __init__(self, name: str, dsn: str) -> None:
        self.name = name
        self.dsn = dsn
        self.connection: Connection[TupleRow] = psycopg.connect(dsn, autocommit=True)

    def run(self, statements: str, *values: object) -> None:
        """Run one statement, or several without values."""
        self.connection.execute(statements.encode(), values or None)

    def rows(self, statement: str, *values: object) -> list[Row]:
        """The rows of a query."""
        return self.connection.execute(statement.encode(), values or None).fetchall()

    def column(self, statement: str, *values: object) -> list[Any]:
        """The first column of a query."""
        return [row[0] for row in self.rows(statement, *values)]

    def value(self, statement: str, *values: object) -> Any:  # noqa: ANN401 - whatever is asked for
        """The only value of a query."""
        [[value]] = self.rows(statement, *values)
        return value

    def look_for_deadlocks_after(self, timeout: str) -> None:
        """Have sessions of the database that begin from now on look for a deadlock when they have waited so long."""
        name = psycopg.sql.Identifier(self.connection.info.dbname)
        statement = psycopg.sql.SQL("ALTER DATABASE {} SET deadlock_timeout = {}")
        self.connection.execute(statement.format(name, timeout))

    def journal(self) -> list[Change]:
        """All that was captured, in the order of writing."""
        hstore = self.value(
            "SELECT nspname FROM pg_extension JOIN pg_namespace AS n ON n.oid = extnamespace WHERE extname = 'hstore'"
        )
        return [
            Change(*row)
            for row in self.rows(
                "SELECT n.table_name, j.op::text, j.key,"
                f' "{hstore}".hstore_to_json(j.old), "{hstore}".hstore_to_json(j.new)'
                " FROM ucrepl.journal AS j JOIN ucrepl.table_name AS n USING (table_id) ORDER BY j.seq"
            )
        ]

    def trigger(self, table: str, kind: str = "0_ucrepl_capture") -> str:
        """The quoted name of the trigger of ours on a table that begins like this and ends with an oid."""
        ours = "SELECT quote_ident(tgname) FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname ~ (%s || '_[0-9]+$')"
        return str(self.value(ours, table, kind))

    def pairs(self, table: str) -> list[tuple[int, int]]:
        """The pairs (remote id, local id) of a table, as the documented view shows them."""
        return [
            (remote, local)
            for remote, local in self.rows(
                "SELECT remote_id, local_id FROM ucrepl.identity_map WHERE table_name = %s ORDER BY 1", table
            )
        ]

    def parked(self) -> list[Parked]:
        """What is parked here, in the order of writing."""
        return [
            Parked(*row)
            for row in self.rows(
                "SELECT n.table_name, p.op::text, p.key, p.reason, p.sqlstate, p.message FROM ucrepl.parked AS p"
                " JOIN ucrepl.table_name AS n USING (table_id) WHERE p.skipped_at IS NULL ORDER BY p.seq"
            )
        ]

    def conflicts(self) -> list[Conflict]:
        """The conflicts that were logged here, in their order."""
        return [
            Conflict(*row)
            for row in self.rows(
                "SELECT c.kind, n.table_name, c.column_name, c.old_value, c.source_value, c.target_value, c.winner"
                " FROM ucrepl.conflict AS c JOIN ucrepl.table_name AS n USING (table_id) ORDER BY c.conflict_id"
            )
        ]

    def held(self) -> list[tuple[str, str, str | None]]:
        """What is held here: table, operation (C: values of columns) and key, in the order of writing."""
        return [
            (table, op, key)
            for table, op, key in self.rows(
                "SELECT n.table_name, h.op::text, h.key FROM ucrepl.held AS h"
                " JOIN ucrepl.table_name AS n USING (table_id) ORDER BY h.seq"
            )
        ]

    @contextmanager
    def another(self, **settings: str) -> Iterator[Connection[TupleRow]]:
        """A further connection (not in autocommit mode), with settings of its own."""
        options = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items())
        with psycopg.connect(self.dsn, options=options) as connection:
            yield connection


@dataclass
class Drained:
    """What replaying did, over all batches."""

    batches: list[Batch] = field(default_factory=list)

    @property
    def applied(self) -> int:
        return sum(batch.applied for batch in self.batches)

    @property
    def parked(self) -> int:
        return sum(batch.parked for batch in self.batches)

    @property
    def skipped(self) -> int:
        return sum(batch.skipped for batch in self.batches)

    @property
    def conflicts(self) -> int:
        return sum(batch.conflicts for batch in self.batches)

    @property
    def finer(self) -> bool:
        """Whether the set-based way was not enough."""
        return any(batch.finer for batch in self.batches)


class Pair:
    """Two linked databases: turin (`a`) and milan (`b`). `forth` replays from a to b, `back` from b to a.

    The configuration is what `configure` takes: `rules` for all links, and keys of each link.
    """

    def __init__(self, a: str, b: str, **configuration: Any) -> None:  # noqa: ANN401
        self.a = Side("turin", a)
        self.b = Side("milan", b)
        self._open: dict[int, tuple[LinkReplayer, ExitStack]] = {}
        self.configure(**configuration)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_links()
        self.a.connection.close()
        self.b.connection.close()

    def configure(
        self,
        *,
        rules: Sequence[dict[str, Any]] = (),
        link_rules: Sequence[dict[str, Any]] = (),
        forth_rules: Sequence[dict[str, Any]] = (),
        packs: Sequence[str] = (),
        both_ways: bool = True,
        **link: object,
    ) -> None:
        """Take another configuration; the links are opened anew. `forth_rules`: those of the first link alone.

        With a `lock_timeout_ms` of a minute replay waits that long for any lock, as tests want that hold it up.
        """
        self.close_links()
        if link.get("lock_timeout_ms") == A_MINUTE:
            for side in (self.a, self.b):
                side.look_for_deadlocks_after("1h")
        ends = [NAMES, NAMES[::-1]][: 1 + both_ways]
        self.config = Config.model_validate(
            {
                "nodes": {"turin": {"dsn": self.a.dsn}, "milan": {"dsn": self.b.dsn}},
                "links": [
                    {"from": source, "to": target, "rules": [*rules_of, *link_rules], **link}
                    for (source, target), rules_of in zip(ends, (forth_rules, ()), strict=False)
                ],
                "rules": list(rules),
                "packs": list(packs),
            }
        )

    def run(self, statements: str) -> None:
        """Run statements on both sides."""
        self.a.run(statements)
        self.b.run(statements)

    def install(self) -> tuple[Installed, Installed]:
        """Install on both sides."""
        found = []
        for side in (self.a, self.b):
            with connect(side.dsn) as connection:
                found.append(install_node(connection, side.name, self.config))
        return found[0], found[1]

    def seed(self, direction: int = FORTH) -> Seeded:
        """Pair the rows that have the same ids."""
        link = self.config.links[direction]
        with connect(self.side(link.source).dsn) as source, connect(self.side(link.target).dsn) as target:
            return seed_same_ids(self.config, link, source, target)

    def seed_both(self) -> None:
        """Pair the rows for both links."""
        self.seed(FORTH)
        self.seed(BACK)

    def share(self) -> Shared:
        """Have both sides share their ids."""
        with Nodes(self.config, "test") as nodes:
            return share_ids(self.config, self.config.links, nodes)

    def side(self, name: str) -> Side:
        """The side of this name."""
        return self.a if name == "turin" else self.b

    def replayer(self, direction: int = FORTH) -> LinkReplayer:
        """What replays a link, opened when it is first needed."""
        if direction not in self._open:
            link = self.config.links[direction]
            with ExitStack() as stack:
                ends = [stack.enter_context(connect(self.side(name).dsn)) for name in (link.source, link.target)]
                replayer = LinkReplayer(link, open_link(self.config, link, *ends))
                stack.callback(replayer.stop_reading)
                self._open[direction] = replayer, stack.pop_all()
        return self._open[direction][0]

    def close_links(self) -> None:
        """Close the connections of the links, as when the daemon ends."""
        while self._open:
            _, (_, stack) = self._open.popitem()
            stack.close()

    def step(self, direction: int = FORTH) -> Batch | None:
        """Replay one batch; None when there is none. Where tables have changed the link is opened anew."""
        try:
            return self._step(direction)
        except StalePlanError:
            self.close_links()
            return self._step(direction)

    def _step(self, direction: int) -> Batch | None:
        replayer = self.replayer(direction)
        self.release(direction)
        position, _ = replayer.position()
        window = replayer.window(position)
        if window.is_empty:
            return None
        batch = replayer.replay(position, window)
        replayer.confirm(batch.position)
        return batch

    def release(self, direction: int = FORTH) -> Applied:
        """Apply the held changes that have a place."""
        applied = Applied()
        while (released := self.replayer(direction).release_held()) is not None:
            applied.add(released)
        return applied

    def drain(self, direction: int = FORTH) -> Drained:
        """Replay a link until there is nothing left."""
        drained = Drained()
        while (batch := self.step(direction)) is not None:
            drained.batches.append(batch)
        return drained

    def forth(self) -> Drained:
        """Replay from a to b."""
        return self.drain(FORTH)

    def back(self) -> Drained:
        """Replay from b to a."""
        return self.drain(BACK)

    def settle(self) -> None:
        """Replay all links until nothing moves any more. It must come to that at once: nothing may go in circles."""
        for _ in range(_MANY_ROUNDS):
            if not any(self.drain(direction).batches for direction in range(len(self.config.links))):
                return
        raise AssertionError("the two links keep each other busy")

    def retry(self, direction: int = FORTH) -> Applied:
        """Try all parked changes of a link again."""
        return self.replayer(direction).retry_parked()

    def both(self, statement: str) -> tuple[list[Row], list[Row]]:
        """The rows of a query on either side."""
        return self.a.rows(statement), self.b.rows(statement)

    def assert_same(self, statement: str) -> list[Row]:
        """The rows of a query, which must be the same on both sides."""
        ours, theirs = self.both(statement)
        assert ours == theirs
        return ours

    def assert_clean(self) -> None:
        """Nothing is parked and no conflict was logged."""
        assert [*self.a.parked(), *self.b.parked()] == []
        assert [*self.a.conflicts(), *self.b.conflicts()] == []


MakePair = Callable[..., Pair]


def make_pairs(database: MakeDatabase) -> Iterator[MakePair]:
    """Gives `make_pair(ddl, template="empty", installed=True, **configuration)`, and closes what it has made."""
    with ExitStack() as stack:

        def make(ddl: str = "", *, template: str = "empty", installed: bool = True, **configuration: Any) -> Pair:  # noqa: ANN401
            pair = stack.enter_context(Pair(database(template), database(template), **configuration))
            if ddl:
                pair.run(ddl)
            if installed:
                pair.install()
            return pair

        yield make


def part_ids(pair: Pair, *sequences: str, by: int = 1000) -> None:
    """Move the sequences of b, so that the two sides hand out different ids for the same records."""
    for sequence in sequences:
        pair.b.run("SELECT setval(%s, %s)", sequence, by)
