"""When the source of a link is gone: the target takes over, and the source becomes a peer again when it comes back."""

import time
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Link, Rule
from ucrepl.db.sqlfiles import query
from ucrepl.errors import RefusedError, UnreachableError
from ucrepl.link.cutover import fence
from ucrepl.link.cutover.documents import noted_counters, raise_counters
from ucrepl.link.cutover.level import Leveller, link_state, mark
from ucrepl.link.cutover.record import Record, alone, entries, is_failed_over
from ucrepl.link.cutover.report import Report
from ucrepl.link.node import identify
from ucrepl.link.nodes import Nodes
from ucrepl.link.numbers.state import read_numbering
from ucrepl.link.signals import tell_all
from ucrepl.link.words import counted
from ucrepl.packs import load_packs

_LEVEL_SECONDS: Final = 600.0
_LET_GO_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.1


def failover(link: Link, nodes: Nodes) -> dict[str, Any]:
    """Opens the target of a link whose source is gone. Returns the report, whose notes say what may be lost.

    All that was received has been applied or parked: a batch is received and applied in one transaction. The link is
    paused, so that what the source still has is not taken unseen when it comes back. Raises RefusedError while the
    source answers, UnreachableError where the target does not.
    """
    target = nodes.get(link.target)
    identify(target, link.target)
    with suppress(UnreachableError):
        nodes.get(link.source)
        raise RefusedError(f"node {link.source!r} answers: it is not gone", hint=f"use: ucrepl cutover '{link.name}'")
    ends = {link.target: nodes.another(link.target)}
    with alone(ends):
        state = link_state(target, link.name)
        if state is None:
            raise RefusedError(f"nothing was ever received by {link.name}", hint="name the link that ends at this node")
        for entry in entries(target, unfinished=True):
            Record(ends, entry.cutover_id).end("taken back", {"reason": "its other node was lost"})
        row = target.execute("SELECT position_at FROM ucrepl.link WHERE name = %s", [link.name]).fetchone()
        record = Record(ends)
        record.begin(link.name, "failover", {"position": state.position, "position_at": str(row[0] if row else None)})
        record.step("pause")
        target.execute("UPDATE ucrepl.link SET paused = true WHERE name = %s", [link.name])
        record.step("numbers")
        numbers, note = _above_the_lost(link, nodes, target)
        record.step("open")
        with target.transaction():
            fence.reopen(target)
        record.step("caches")
        notes = [
            f"what {link.source!r} has committed after {row[0]:%Y-%m-%d %H:%M:%S} UTC may be missing, until it is back:"
            f" ucrepl rejoin '{link.name}'"
            if row
            else "",
            note,
            f"keep {link.source!r} away from users when it comes back: it is open until it has rejoined",
        ]
        if state.parked:
            notes.append(f"{counted(state.parked, 'change')} are parked: ucrepl parked list '{link.name}'")
        report = replace(
            Report(link.name, "failover", link.source, link.target),
            outcome="done",
            numbers={"documents": numbers},
            caches=tell_all(target, load_packs(tuple(nodes.config.packs))),
            notes=[note for note in notes if note],
        ).as_dict()
        record.end("done", report)
        return report


def _above_the_lost(link: Link, nodes: Nodes, target: Connection[TupleRow]) -> tuple[int, str]:
    """Sets document numbers above those that the lost source can have given. Returns how many, and what to say."""
    if read_numbering(target):
        return 0, "document numbers are kept apart: neither side gives those of the other"
    known, margin = noted_counters(target, link.name), nodes.config.cutover_of(link).number_margin
    done = raise_counters(target, link.source, known, margin)
    if not known:
        return 0, f"document numbers that {link.source!r} has given may be given again: look at the counters"
    return done, (
        f"document numbers go on {margin} above the last ones that {link.source!r} is known to have given"
        f" ({counted(done, 'sequence')} set); those without gaps, and of journals, may be given again: look at the last"
    )


def rejoin(link: Link, nodes: Nodes) -> dict[str, Any]:
    """Makes the lost source of a link a peer again, closed for writing, after a failover. Returns the report.

    What it had committed and not delivered is applied, or parked where both sides have changed the same: nothing is
    decided by a policy. Then it gets what was written since. Raises RefusedError where there was no failover, where the
    source is an older state than what was replayed from it, and where it can't be closed.
    """
    source, target = nodes.get(link.source), nodes.get(link.target)
    for name, node in ((link.source, source), (link.target, target)):
        identify(node, name)
    last = (e for e in entries(target, link.name) if is_failed_over(e) or (e.kind == "rejoin" and e.outcome))
    done = next(last, None)
    if done is None or done.kind == "rejoin" or fence.read_fence(target).closed:
        raise RefusedError(f"there was no failover of {link.name}", hint="see: ucrepl cutover report")
    ends = {name: nodes.another(name) for name in (link.source, link.target)}
    with alone(ends):
        for end in ends.values():
            for entry in entries(end, unfinished=True):
                record = Record({n: e for n, e in ends.items() if e is end}, entry.cutover_id)
                if is_failed_over(entry):
                    blank = Report(link.name, "failover", link.source, link.target, outcome="done")
                    record.end("done", replace(blank, notes=["it was interrupted"]).as_dict())
                else:
                    record.end("taken back", {"reason": "it was interrupted by the failover"})
        record = Record(ends)
        record.begin(link.name, "rejoin", {"failover": str(done.cutover_id)})
        record.step("close")
        _close(nodes, link, source)
        record.step("replay")
        report = _replay_undelivered(link, nodes, source, target)
        record.step("follow")
        back = nodes.config.way_back(link)
        if back:
            with Leveller(nodes, back) as leveller:
                leveller.reach(mark(target, 0), time.monotonic() + _LEVEL_SECONDS)
        record.end("done", report)
        return report


def _close(nodes: Nodes, link: Link, source: Connection[TupleRow]) -> None:
    if fence.read_fence(source).closed:
        return
    with Nodes(nodes.config, fence.GATE) as gates:
        fence.shut(gates.get(link.source), fence.place_of(nodes.config, link.target))


def _replay_undelivered(
    link: Link, nodes: Nodes, source: Connection[TupleRow], target: Connection[TupleRow]
) -> dict[str, Any]:
    """Replays what the source has left, with nothing decided by a policy. Returns the report."""
    careful = link.model_copy(
        update={
            "conflicts": "park",
            "deleted": "park",
            "rules": [Rule(table="*", conflicts="park", name="rejoin"), *link.rules],
        }
    )
    before = link_state(target, link.name)
    position = before.position if before else "3:3:"
    left = source.execute(query("lag"), {"position": position, "most": None}).fetchone()
    _take_from_daemon(target, link)
    with Leveller(nodes, careful) as leveller:
        _let_go_on(target, link)
        leveller.reach(mark(source, 0), time.monotonic() + _LEVEL_SECONDS)
    after = link_state(target, link.name)
    parked = after.parked - before.parked if after and before else 0
    applied = after.applied - before.applied if after and before else 0
    notes = [f"{counted(left[0] if left else 0, 'change')} of {link.source!r} had not been delivered"]
    if parked:
        notes.append(f"{counted(parked, 'change')} parked, decide about them: ucrepl parked list '{link.name}'")
    notes.append(f"{link.source!r} follows, and is closed for writing: to bring the work back: ucrepl cutover --back")
    report = Report(link.name, "rejoin", link.source, link.target, outcome="done", rows=applied, notes=notes)
    return {**report.as_dict(), "undelivered": left[0] if left else 0, "parked": parked}


def _take_from_daemon(target: Connection[TupleRow], link: Link) -> None:
    """Has a daemon that holds the paused link let go of it: a link that is being seeded is left alone by all.

    Raises RefusedError for one that does not let go.
    """
    target.execute("UPDATE ucrepl.link SET paused = true, seeding = true WHERE name = %s", [link.name])
    until = time.monotonic() + _LET_GO_SECONDS
    while (state := link_state(target, link.name)) and state.has_daemon:
        if time.monotonic() > until:
            raise RefusedError(
                f"a daemon does not let go of {link.name}", hint="stop it, and run the command again: ucrepl rejoin"
            )
        time.sleep(_LOOK_SECONDS)


def _let_go_on(target: Connection[TupleRow], link: Link) -> None:
    target.execute("UPDATE ucrepl.link SET paused = false, seeding = false WHERE name = %s", [link.name])
