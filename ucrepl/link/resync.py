"""One table of a link again, from scratch, while the rest goes on."""

from dataclasses import dataclass

from ucrepl.config import Config, Link
from ucrepl.db.sqlfiles import query
from ucrepl.errors import RefusedError
from ucrepl.link.nodes import Nodes, explained
from ucrepl.link.uncaptured import settle
from ucrepl.link.verify import Options, TableReport, verify_link
from ucrepl.plan.catalog import TableName


@dataclass(frozen=True, slots=True)
class Resynced:
    """What it came to: the table as it was found and mended, and how many parked changes of it are settled by that."""

    report: TableReport
    settled: int


def resync(config: Config, link: Link, table: str, nodes: Nodes) -> Resynced:
    """Brings a table of the target to the state of the source, whatever it holds. A daemon may be at work on the link.

    All rows are compared and those that differ are applied anew, in short transactions between the daemon's batches.
    Parked changes that the rows now hold, and what the journal lacks of the table, are forgotten, unless a row was
    refused. Raises UsageError for a table that is not there, RefusedError for one that a rule leaves out, and what
    opening the link does.
    """
    with explained(link.source):
        row = nodes.get(link.source).execute("SELECT pg_catalog.pg_current_snapshot()::text").fetchone()
    [report] = verify_link(config, link, nodes, Options(tables=[table], repair=True))
    if report.not_compared:
        raise RefusedError(
            f"table {table!r} is not replicated: {report.not_compared}", hint="see the rules of the link"
        )
    if row and not report.failed:
        with explained(link.source):
            settle(nodes.get(link.source), link.name, TableName.parse(report.table), row[0])
    if report.failed or report.totals:
        return Resynced(report, report.settled)
    with explained(link.target):
        values = {"link": link.name, "table": report.table, "seen": row[0] if row else None}
        return Resynced(report, nodes.get(link.target).execute(query("settle_parked"), values).rowcount)
