"""The state of a link, as `ucrepl status` tells it."""

from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow, namedtuple_row

from ucrepl.config import Config, Link
from ucrepl.db.sqlfiles import query
from ucrepl.errors import UcreplError, UnreachableError
from ucrepl.link.held.tell import held_tables, reasons
from ucrepl.link.lock import LOCK_CLASS
from ucrepl.link.node import identify
from ucrepl.link.nodes import Nodes, explain
from ucrepl.link.setup import BEGINNING
from ucrepl.link.source import TICK_ROWS
from ucrepl.link.uncaptured import uncaptured

State = Literal["running", "idle", "waiting", "paused", "stopped", "down"]
"""`running`: a daemon replays and is behind; `idle`: it has nothing to do; `waiting`: until modules are installed on
the target; `stopped`: there is no daemon;
`down`: a node can't be reached, or is not installed."""


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """The state of one link. A number is None where the node that knows it can't be asked.

    `lag_rows`: changes in the source's journal that the target has not; `lag_seconds`: the age of the oldest of them;
    `applied`, `skipped` (by rules) and `conflicts`: since the link was first opened; `parked`, `parked_files`
    and `held` (rows for which the target has no table or no column): now. `skipped_by_rule`: the name of each rule that
    has left changes out -> how many. `held_tables`: the held rows by table; `held_because`: sentences.
    `finer`: batches that could not be applied as a whole.
    `to_resync`: what the source's journal lacks, and the command that brings it.
    """

    link: str
    state: State
    lag_rows: int | None = None
    lag_seconds: float | None = None
    applied: int | None = None
    skipped: int | None = None
    parked: int | None = None
    held: int | None = None
    conflicts: int | None = None
    last_error: str | None = None
    skipped_by_rule: dict[str, int] = field(default_factory=dict)
    parked_files: int | None = None
    unknown_references: int | None = None
    held_tables: dict[str, int] = field(default_factory=dict)
    held_because: list[str] = field(default_factory=list)
    finer: int | None = None
    to_resync: list[str] = field(default_factory=list)


def all_status(config: Config, nodes: Nodes) -> list[LinkStatus]:
    """The state of every link of the configuration. Nothing that is wrong with a node is raised."""
    ends = {name for link in config.links for name in (link.source, link.target)}
    found = {name: _look_at(nodes, name) for name in sorted(ends)}
    return [_status(link, found[link.source], found[link.target]) for link in config.links]


def status_of(link: Link, nodes: Nodes, counted: int) -> LinkStatus:
    """The state of one link. A lag of more than `counted` changes is estimated. Raises as little as `all_status`."""
    return _status(link, _look_at(nodes, link.source), _look_at(nodes, link.target), counted)


def rows_behind(source: Connection[TupleRow], position: str) -> int:
    """About how many changes come after the position: a tick is stored every thousand of them."""
    row = source.execute(query("ticks_behind"), {"position": position}).fetchone()
    return TICK_ROWS * row[0] if row else 0


def _look_at(nodes: Nodes, name: str) -> Connection[TupleRow] | UcreplError:
    try:
        connection = nodes.get(name)
        identify(connection, name)
    except UcreplError as error:
        return error
    except psycopg.Error as error:
        return _reason(name, error)
    return connection


def _status(
    link: Link,
    source: Connection[TupleRow] | UcreplError,
    target: Connection[TupleRow] | UcreplError,
    counted: int | None = None,
) -> LinkStatus:
    if isinstance(target, UcreplError):
        return LinkStatus(link.name, "down", last_error=target.message)
    try:
        here = _ask(target, "link_state", {"link": link.name, "lock_class": LOCK_CLASS})
        held = held_tables(target, link.name)
    except psycopg.Error as error:
        return LinkStatus(link.name, "down", last_error=_reason(link.target, error).message)
    lag, rows, down = None, None, source if isinstance(source, UcreplError) else None
    why, lacking = [], []
    if not isinstance(source, UcreplError):
        try:
            position = here.position if here else BEGINNING
            lag = _ask(source, "lag", {"position": position, "most": counted})
            rows = lag.lag_rows
            if counted is not None and rows >= counted:
                rows = max(rows, rows_behind(source, position))
            why = reasons(held, link, source, target)
            lacking = uncaptured(link.name, source)
        except psycopg.Error as error:
            down = _reason(link.source, error)
    return LinkStatus(
        link=link.name,
        state=_state(here, lag),
        lag_rows=rows,
        lag_seconds=round(lag.lag_seconds, 3) if lag else None,
        applied=here.applied if here else 0,
        skipped=here.skipped if here else 0,
        parked=here.parked if here else 0,
        held=sum(table.rows for table in held),
        conflicts=here.conflicts if here else 0,
        parked_files=here.parked_files if here else 0,
        unknown_references=here.unknown_references if here else 0,
        last_error=down.message if down else _last_error(here),
        skipped_by_rule=here.skipped_by_rule if here else {},
        held_tables={table.name: table.rows for table in held},
        held_because=[str(reason) for reason in why],
        finer=here.finer if here else 0,
        to_resync=[f"{changes}; {changes.remedy}" for changes in lacking],
    )


def _state(here: Any, lag: Any) -> State:  # noqa: ANN401 - rows with the columns of the queries
    if lag is None:
        return "down"
    if here is not None and (here.paused or here.seeding):
        return "paused"
    if here is None or not here.has_daemon:
        return "stopped"
    if here.waits_for:
        return "waiting"
    return "running" if lag.lag_rows else "idle"


def _last_error(here: Any) -> str | None:  # noqa: ANN401 - as above
    if here is None:
        return None
    if here.seeding and not here.has_daemon:
        return "its seeding was interrupted; go on with: ucrepl seed"
    if here.waits_for and here.has_daemon:
        return str(here.waits_for)
    return str(here.last_error) if here.last_error else None


def _ask(connection: Connection[TupleRow], name: str, values: dict[str, object]) -> Any:  # noqa: ANN401 - a row, or None
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(query(name), values).fetchone()


def _reason(node: str, error: psycopg.Error) -> UcreplError:
    return explain(node, error) or UnreachableError(f"node {node!r}: {error.diag.message_primary or error}")
