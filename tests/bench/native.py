"""PostgreSQL's own logical replication, as a contestant."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from psycopg import sql

from tests.bench.arrival import Drained, wait_for_mark
from tests.bench.measure import cpu_seconds
from tests.bench.servers import Sites, connect
from tests.bench.workload import Write, mark
from tests.support.waiting import wait_for


class Native:
    """A publication on the source and a subscription on the target, which is off while a backlog is written."""

    name = "native"

    def __init__(self, sites: Sites, database: str) -> None:
        self.sites = sites
        self.database = database

    @classmethod
    @contextmanager
    def set_up(cls, sites: Sites, database: str, tables: Sequence[str] = ()) -> Iterator[Self]:
        """Publish the tables, all if none are named, and subscribe without copying what is there."""
        named = sql.SQL("FOR TABLE {}").format(sql.SQL(", ").join(map(sql.Identifier, tables)))
        what = named if tables else sql.SQL("FOR ALL TABLES")
        with connect(sites.source, database) as source, connect(sites.target, database) as target:
            source.execute(sql.SQL("CREATE PUBLICATION bench {}").format(what))
            target.execute(
                sql.SQL(
                    "CREATE SUBSCRIPTION bench CONNECTION {} PUBLICATION bench"
                    " WITH (copy_data = false, enabled = false)"
                ).format(sites.source.dsn(database))
            )
            try:
                yield cls(sites, database)
            finally:
                target.execute("DROP SUBSCRIPTION bench")

    def drain(self, write: Write) -> Drained:
        """Writes a backlog, and measures from the start of the sender until all is visible on the target."""
        with connect(self.sites.source, self.database) as source, connect(self.sites.target, self.database) as target:
            write(source)
            awaited = mark(source)
            self.sites.settle(self.database)
            target.execute("ALTER SUBSCRIPTION bench ENABLE")
            ended = wait_for_mark(target, awaited)
            [(begun,)] = source.execute(
                "SELECT extract(epoch FROM backend_start) FROM pg_stat_replication WHERE application_name = 'bench'"
            ).fetchall()
            [(worker,)] = target.execute(
                "SELECT pid FROM pg_stat_subscription WHERE subname = 'bench' AND relid IS NULL"
            ).fetchall()
            used = cpu_seconds(worker)
            target.execute("ALTER SUBSCRIPTION bench DISABLE")
            slot = "SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'bench'"
            wait_for(lambda: source.execute(slot).fetchall() == [(None,)], what="the end of the sender")
        return Drained(ended - float(begun), used)
