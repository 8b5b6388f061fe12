"""What to do about a cut-over that was interrupted: see where it is, go on with it, or take it back."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from ucrepl.config import Config, Link
from ucrepl.db.sqlfiles import query
from ucrepl.errors import RefusedError, UcreplError, UnreachableError
from ucrepl.link.cutover import fence
from ucrepl.link.cutover.front import Front
from ucrepl.link.cutover.record import Entry, Outcome, Record, alone, entries, is_failed_over, is_under_way
from ucrepl.link.cutover.report import Report, note_first_write
from ucrepl.link.cutover.run import Options, cut_over
from ucrepl.link.node import identify
from ucrepl.link.nodes import Nodes, explain
from ucrepl.link.signals import tell_all
from ucrepl.packs import load_packs

_GONE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class NodeState:
    """What a node says: whether it is open for writing, which node has its work otherwise, what is unfinished there.

    `state` is `open`, `closed`, or `down`; `why` says why it is down.
    """

    node: str
    state: str
    moved_to: str | None = None
    cutover: str | None = None
    step: str | None = None
    at_work: bool = False
    why: str | None = None


def node_states(config: Config, nodes: Nodes, names: list[str]) -> list[NodeState]:
    """The state of these nodes. Nothing that is wrong with one is raised."""
    return [_node_state(nodes, name) for name in names if name in config.nodes]


def _node_state(nodes: Nodes, name: str) -> NodeState:
    try:
        node = nodes.get(name)
        identify(node, name)
        now = fence.read_fence(node)
        unfinished = next(iter(entries(node, unfinished=True)), None)
        return NodeState(
            name,
            "closed" if now.closed else "open",
            now.moved_to if now.closed else None,
            unfinished.link if unfinished else None,
            unfinished.step if unfinished else None,
            is_under_way(node),
        )
    except UcreplError as error:
        return NodeState(name, "down", why=error.message)
    except psycopg.Error as error:
        known = explain(name, error)
        return NodeState(name, "down", why=known.message if known else str(error))


def resume(
    config: Config, link: Link, nodes: Nodes, told: Callable[[str], None] = lambda _step: None
) -> dict[str, Any]:
    """Goes on with a cut-over that was interrupted. Returns its report.

    Where the old side was not closed for good, it begins anew. Raises RefusedError where there is none, and as
    `cut_over` does.
    """
    with _interrupted(config, link, nodes) as found:
        if found.is_closed:
            return found.finish()
        entry = found.entry
        found.undo()
    rehearse = entry.kind == "rehearsal"
    return cut_over(config, found.link, nodes, Options(rehearse, float(entry.options.get("deadline", 10.0)), told))


def abort(config: Config, link: Link, nodes: Nodes) -> dict[str, Any]:
    """Takes back a cut-over that was interrupted. Returns its report: the old side is open, the new one is closed.

    The new side need not be there, if the old one was not closed. Raises RefusedError where there is none, and where
    the new side is open already.
    """
    with _interrupted(config, link, nodes, tolerant=True) as found:
        if found.is_closed and found.is_open_there:
            raise RefusedError(
                f"{found.link.target!r} is open already, and may have been written to",
                hint=f"go on: ucrepl cutover resume '{found.link.name}'; then back: ucrepl cutover"
                f" '{found.link.name}' --back",
            )
        return found.undo()


@dataclass(frozen=True)
class _Interrupted:
    """A cut-over that nobody is at work on any more, with the state of both sides, which can't change by itself.

    `is_there`: the new side answers.
    """

    config: Config
    link: Link
    nodes: Nodes
    entry: Entry
    record: Record
    is_closed: bool
    is_open_there: bool
    is_there: bool = True

    def finish(self) -> dict[str, Any]:
        """Opens the new side, and does what is left."""
        target = self.nodes.get(self.link.target)
        front = self._front()
        if not self.is_open_there:
            with target.transaction():
                fence.reopen(target)
        if front.bouncer:
            front.bouncer.point_to(self.link.target)
        front.resume()
        told = tell_all(target, load_packs(tuple(self.config.packs)))
        return self._end("done", caches=told, notes=["it was interrupted, and gone on with"])

    def undo(self) -> dict[str, Any]:
        """Opens the old side, if it was closed, closes the new one, and leads the clients back."""
        if self.is_closed:
            source = self.nodes.get(self.link.source)
            with source.transaction():
                fence.reopen(source)
        if self.is_there:
            self._leave(self.nodes.get(self.link.target))
        notes = self._front().lead_back()
        if self.entry.kind == "failover":
            notes.append(f"{self.link.name} is paused, to let it go on: ucrepl resume '{self.link.name}'")
        return self._end("taken back", reason="it was interrupted", notes=notes)

    def _leave(self, target: Connection[TupleRow]) -> None:
        """Leaves the new side closed; after a rehearsal as it was before, and as a failover has found it."""
        if self.entry.kind == "rehearsal":
            if self.entry.options.get("was_open"):
                with target.transaction():
                    fence.reopen(target)
        elif self.entry.kind == "cutover" and self.is_open_there:
            fence.shut(target, fence.place_of(self.config, self.link.source))

    def _front(self) -> Front:
        front = Front(self.config, self.link)
        front.assume_all(switched=self.entry.step in {"switch", "close", "open", "resume", "caches"})
        return front

    def _end(self, outcome: Outcome, **what: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of the report
        blank = Report(self.link.name, self.entry.kind, self.link.source, self.link.target)
        report = replace(blank, outcome=outcome, **what).as_dict()
        if outcome == "done":
            report = note_first_write(report, self.nodes.get(self.link.target))
        self.record.end(outcome, report)
        return report


@contextmanager
def _interrupted(config: Config, link: Link, nodes: Nodes, *, tolerant: bool = False) -> Iterator[_Interrupted]:
    """The interrupted cut-over of the link, or of its way back.

    `tolerant`: its new side need not be there, if its old one was not closed: then it can't have been opened. Raises
    RefusedError where there is none, UnreachableError.
    """
    ends, away = _reachable(nodes, (link.source, link.target))
    if away and not (tolerant and ends):
        raise away[0]
    with alone(ends):
        for name, end in ends.items():
            _end_gates(end, name)
        links = {link.name, *(back.name for back in [config.way_back(link)] if back)}
        found = [e for end in ends.values() for e in entries(end, unfinished=True) if e.link in links]
        if not found:
            raise RefusedError(
                f"no cut-over between {link.source!r} and {link.target!r} was interrupted",
                hint="see: ucrepl cutover status; the last one: ucrepl cutover report",
            )
        entry = max(found, key=lambda e: e.began_at)
        over = config.link(entry.link)
        record = Record({name: end for name, end in ends.items() if _knows(end, entry)}, entry.cutover_id)
        is_closed = over.source in ends and fence.read_fence(ends[over.source]).closed
        is_open_there = over.target in ends and not fence.read_fence(ends[over.target]).closed
        _refuse_a_failover(entry, over, is_there=over.source in ends, is_open=is_open_there)
        if away and (over.source not in ends or is_closed):
            raise away[0]
        yield _Interrupted(config, over, nodes, entry, record, is_closed, is_open_there, over.target in ends)


def _refuse_a_failover(entry: Entry, link: Link, *, is_there: bool, is_open: bool) -> None:
    """Raises RefusedError for a failover that must be run to its end, and for a rejoin.

    `is_there`: its source answers. `is_open`: its target is open.
    """
    if entry.kind == "failover" and not is_there:
        raise RefusedError(
            f"a failover of {link.name} was interrupted, and {link.source!r} does not answer",
            hint=f"run it again: ucrepl failover '{link.name}' --confirm",
        )
    if entry.kind == "rejoin" or (is_failed_over(entry) and is_open):
        raise RefusedError(
            f"{link.target!r} is open since the failover of {link.name}, and may have been written to",
            hint=f"make {link.source!r} its peer again: ucrepl rejoin '{link.name}'",
        )


def _reachable(nodes: Nodes, names: tuple[str, str]) -> tuple[dict[str, Connection[TupleRow]], list[UnreachableError]]:
    """Connections to those of the nodes that answer, and why the others do not."""
    ends, away = {}, []
    for name in names:
        try:
            identify(nodes.get(name), name)
            ends[name] = nodes.another(name)
        except UnreachableError as error:
            away.append(error)
    return ends, away


def _knows(node: Connection[TupleRow], entry: Entry) -> bool:
    return any(other.cutover_id == entry.cutover_id for other in entries(node, entry.link, unfinished=True))


def _end_gates(node: Connection[TupleRow], name: str) -> None:
    """Ends the sessions that a program which is gone has left holding the node: what they have not committed is undone.

    Raises RefusedError for one that does not end.
    """
    until = time.monotonic() + _GONE_SECONDS
    while True:
        row = node.execute(query("cutover_end_gates"), {"name": f"ucrepl {fence.GATE}"}).fetchone()
        if not (row and row[0]):
            return
        if time.monotonic() > until:
            raise RefusedError(f"a session that holds node {name!r} does not end", hint="see pg_stat_activity there")
        time.sleep(0.05)


def last_report(config: Config, link: Link, nodes: Nodes) -> dict[str, Any]:
    """The report of the last cut-over of a link or its way back that has ended, from whichever node answers.

    Raises RefusedError where there is none, UnreachableError where neither node answers.
    """
    links = {link.name, *(back.name for back in [config.way_back(link)] if back)}
    found: list[Entry] = []
    failed: list[UcreplError] = []
    for name in (link.source, link.target):
        try:
            identify(nodes.get(name), name)
            found += [e for e in entries(nodes.get(name)) if e.link in links and e.report]
        except UcreplError as error:
            failed.append(error)
    if len(failed) > 1:
        raise failed[0]
    if not found:
        raise RefusedError(f"there was no cut-over between {link.source!r} and {link.target!r}", hint="see: --rehearse")
    entry = max(found, key=lambda e: e.began_at)
    report = dict(entry.report or {})
    try:
        target = nodes.get(report["target"])
        completed = note_first_write(report, target)
        if completed != report:
            target.execute(
                "UPDATE ucrepl.cutover SET report = %s WHERE cutover_id = %s", [Jsonb(completed), entry.cutover_id]
            )
    except (UcreplError, psycopg.Error):
        return report
    return completed
