"""What must be so before anybody is asked to wait: each finding with what mends it."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link
from ucrepl.db.sqlfiles import query
from ucrepl.errors import RefusedError
from ucrepl.link.cutover.fence import read_fence
from ucrepl.link.cutover.level import LinkState, link_state
from ucrepl.link.cutover.pgbouncer import Bouncer
from ucrepl.link.cutover.record import entries
from ucrepl.link.nodes import Nodes
from ucrepl.link.verify import Options, verify_link
from ucrepl.link.words import counted

MOST_LAG_ROWS = 50_000
"""A link that is further behind is not about to be level within a deadline of seconds."""


@dataclass(frozen=True, slots=True)
class Objection:
    """Something that forbids the cut-over, and what mends it."""

    message: str
    remedy: str


def preflight(nodes: Nodes, link: Link) -> None:
    """Looks at both sides and what stands in front of them, and changes nothing.

    Raises RefusedError with all that forbids the cut-over, each with its remedy.
    """
    ends = nodes.get(link.source), nodes.get(link.target)
    found = list(_sides(link, *ends))
    if not found:
        found = [*_forth(link, *ends), *_back(nodes.config, link, *ends), *_in_front(nodes.config, link)]
        found += _differences(nodes, link) if not found else []
    if found:
        raise RefusedError(
            f"{link.name} can't be cut over: " + "; ".join(objection.message for objection in found),
            hint="; ".join(dict.fromkeys(objection.remedy for objection in found)),
        )


def _sides(link: Link, source: Connection[TupleRow], target: Connection[TupleRow]) -> Iterator[Objection]:
    for node in (source, target):
        for entry in entries(node, unfinished=True):
            yield Objection(
                f"a cut-over of {entry.link!r} was interrupted at the step {entry.step!r}",
                f"run: ucrepl cutover resume '{entry.link}', or: ucrepl cutover abort '{entry.link}'",
            )
            return
    fence = read_fence(source)
    if fence.closed:
        yield Objection(
            f"{link.source!r} is closed already, its work is on {fence.moved_to}",
            f"to bring it back: ucrepl cutover '{link.name}' --back",
        )


def _forth(link: Link, source: Connection[TupleRow], target: Connection[TupleRow]) -> Iterator[Objection]:
    state = link_state(target, link.name)
    if state is None:
        yield Objection(f"{link.name} was never replayed", "run: ucrepl seed, then: ucrepl run")
        return
    yield from _way(link, state)
    row = source.execute(query("lag"), {"position": state.position, "most": None}).fetchone()
    if row and row[0] > MOST_LAG_ROWS:
        yield Objection(f"{counted(row[0], 'change')} are not on {link.target!r} yet", "wait for: ucrepl status")
    row = target.execute(query("cutover_parked_conflicts"), {"link": link.name}).fetchone()
    if row and row[0]:
        yield Objection(
            f"{counted(row[0], 'conflict')} of the last hour are parked", f"see: ucrepl conflicts list '{link.name}'"
        )
    for name, node in ((link.source, source), (link.target, target)):
        unreadable = node.execute(query("check_sequence_rights_cutover")).fetchall()
        if unreadable:
            names = ", ".join(sequence for (sequence,) in unreadable[:3])
            yield Objection(
                f"sequences of {name!r} can't be read or set: {names}", f"GRANT ALL ON SEQUENCE to the role of {name!r}"
            )


def _way(link: Link, state: LinkState) -> Iterator[Objection]:
    if state.paused:
        yield Objection(f"{link.name} is paused or being seeded", f"run: ucrepl resume '{link.name}', or ucrepl seed")
    if state.parked:
        yield Objection(
            f"{counted(state.parked, 'change')} of {link.name} are parked", f"see: ucrepl parked list '{link.name}'"
        )


def _back(
    config: Config, link: Link, source: Connection[TupleRow], target: Connection[TupleRow]
) -> Iterator[Objection]:
    yield from no_way_back(config, link)
    back = config.way_back(link)
    if back is None or not config.cutover_of(link).reverse:
        return
    state, forth = link_state(source, back.name), link_state(target, link.name)
    if state is None:
        yield Objection(f"{back.name} was never replayed", f"run: ucrepl seed '{back.name}', then: ucrepl run")
        return
    yield from _way(back, state)
    if forth and forth.has_daemon and not state.has_daemon:
        yield Objection(f"no daemon replays {back.name}", "run one that replays both ways: ucrepl run")


def _in_front(config: Config, link: Link) -> Iterator[Objection]:
    found = list(wrong_settings(config, link))
    yield from found
    pgbouncer = config.cutover_of(link).pgbouncer
    if pgbouncer and not found and not Bouncer(pgbouncer, config.nodes).leads_to(link.source):
        yield Objection(
            f"PgBouncer's database {pgbouncer.database!r} does not lead to node {link.source!r}",
            "correct 'pgbouncer' under 'cutover', or the line of the database, and RELOAD",
        )


def wrong_settings(config: Config, link: Link) -> Iterator[Objection]:
    """What is wrong with that which is configured to lead the clients over."""
    settings = config.cutover_of(link)
    if settings.switch and shutil.which(settings.switch[0]) is None:
        why = "is not there" if not os.path.exists(settings.switch[0]) else "is no program that may be run"  # noqa: PTH110
        yield Objection(f"the command {settings.switch[0]!r} {why}", "correct 'switch' under 'cutover'")
    if settings.pgbouncer:
        wrong = Bouncer(settings.pgbouncer, config.nodes).check((link.source, link.target))
        if wrong:
            yield Objection(wrong, "correct 'pgbouncer' under 'cutover', or start it")


def no_way_back(config: Config, link: Link) -> Iterator[Objection]:
    """That the old side could not follow the new one, and should."""
    if config.cutover_of(link).reverse and config.way_back(link) is None:
        yield Objection(
            f"there is no link from {link.target!r} to {link.source!r}: the old side would not follow the new one",
            "write it, or 'reverse: false' under 'cutover'",
        )


def _differences(nodes: Nodes, link: Link) -> Iterator[Objection]:
    tables = nodes.config.cutover_of(link).verify
    if not tables:
        return
    for report in verify_link(nodes.config, link, nodes, Options(tables=tables, patience_seconds=5.0)):
        if report.not_compared:
            yield Objection(f"table {report.table!r} can't be compared: {report.not_compared}", "correct 'verify'")
        elif report.differs:
            yield Objection(
                f"{counted(report.differs, 'row')} of {report.table!r} differ",
                f"run: ucrepl verify '{link.name}' --table {report.table} --show",
            )
