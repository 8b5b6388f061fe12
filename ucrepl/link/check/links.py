"""The checks of a link as a whole, and of its two ends against each other."""

from collections.abc import Iterator
from datetime import timedelta

from ucrepl.link.check.caches import caches
from ucrepl.link.check.cutover import cutover
from ucrepl.link.check.facts import LinkFacts
from ucrepl.link.check.finding import Finding, Severity
from ucrepl.link.held.modules import differences, modules_of
from ucrepl.link.held.tell import HINT, held_tables, reasons
from ucrepl.link.lock import LOCK_CLASS
from ucrepl.link.setup import BEGINNING
from ucrepl.link.uncaptured import uncaptured
from ucrepl.link.words import SHOWN, counted, listed

SKEW_SECONDS = 1.0


def same_database(link: LinkFacts) -> Iterator[Finding]:
    """The two ends must be two databases."""
    source, target = link.source, link.target
    if (source.server.database_oid, source.server.started_at) == (target.server.database_oid, target.server.started_at):
        yield _finding(link, "error", "identity", "both ends are the same database", "check the DSNs of the two nodes")
    elif source.identity and target.identity and source.identity.uuid == target.identity.uuid:
        yield _finding(
            link,
            "error",
            "identity",
            "one end is a copy of the other, made with ucrepl installed",
            f"run on the copy: ucrepl uninstall --force {link.link.target}, then ucrepl install {link.link.target}"
            f" (or {link.link.source}, if that one is the copy), and seed the links",
        )


def source_is_known(link: LinkFacts) -> Iterator[Finding]:
    """The source must be the one that the link has been reading, and not an older state of it."""
    known, source = link.known, link.source
    if known is None or source.identity is None:
        return
    names = f"{link.link.source} {link.link.target}"
    afresh = f"to begin afresh: ucrepl uninstall --force {names}, then ucrepl install {names}, and seed the links"
    if known.peer_uuid is not None and known.peer_uuid != source.identity.uuid:
        message = f"node {source.name!r} is another database than the one that the link has been reading"
        yield _finding(link, "error", "identity", message, f"check its DSN; {afresh}")
    elif known.position is not None:
        here = (source.identity.system_identifier, source.identity.database_oid)
        row = source.connection.execute(
            "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())"
            " < pg_catalog.pg_snapshot_xmax(%s::pg_snapshot)",
            [known.position],
        ).fetchone()
        if here != (known.source_system, known.source_database) or (row and row[0]):
            message = f"node {source.name!r} was restored: it is older than what the link has replayed, or elsewhere"
            yield _finding(link, "error", "identity", message, afresh)


def lacking(link: LinkFacts) -> Iterator[Finding]:
    """What the source's journal lacks can't be replayed."""
    if link.source.identity:
        for changes in uncaptured(link.link.name, link.source.connection):
            if changes.table in link.plan.by_name:
                yield _finding(link, "warning", "journal", str(changes), changes.remedy)


def seeded(link: LinkFacts) -> Iterator[Finding]:
    """Records that are on both sides already must be known to be the same."""
    known = link.known
    if known is None or known.has_pairs or known.seeded_at or known.position not in (None, BEGINNING):
        return
    both = link.source.not_empty & link.target.not_empty
    names = [str(table.name) for table in link.plan.tables.values() if table.surrogate and table.name in both]
    if names:
        message = f"not seeded, while both ends hold records in {counted(len(names), 'table')}: {listed(names)}"
        remedy = (
            f"for two clones of one database run: ucrepl seed --same-ids '{link.link.name}'; for others see that the"
            " rules name keys by which their records are recognised"
        )
        yield _finding(link, "warning", "seeded", message, remedy)


def ids(link: LinkFacts) -> Iterator[Finding]:
    """Ids must be shared where the configuration says so, and nowhere else."""
    known, name = link.known, link.link.name
    if known is None or link.source.identity is None:
        return
    if link.link.ids == "shared" and not known.ids_shared_at:
        yield _finding(link, "error", "ids", "ids are not shared yet", f"run: ucrepl ids share '{name}'")
    elif link.link.ids != "shared" and known.ids_shared_at:
        message = f"ids are shared, and the configuration says 'ids: {link.link.ids}'"
        yield _finding(link, "error", "ids", message, f"write 'ids: shared', or run: ucrepl ids unshare '{name}'")


def modules(link: LinkFacts) -> Iterator[Finding]:
    """The same modules should be installed on both sides; what is held tells how much it matters."""
    source, target = link.source.connection, link.target.connection
    different = differences(modules_of(source), modules_of(target), link.link)
    if different and link.link.policy in {None, "cluster"}:
        shown = list(different.values())[:SHOWN]
        message = f"{counted(len(different), 'module')} not the same on both sides: {'; '.join(shown)}"
        yield _finding(link, "note", "modules", message, "install the same modules, in the same version, on both nodes")
    if link.target.identity:
        for reason in reasons(held_tables(target, link.link.name), link.link, source, target):
            yield _finding(link, "warning", "held", str(reason), HINT)


def clocks(link: LinkFacts) -> Iterator[Finding]:
    """The policy `latest` compares the clocks of two servers."""
    policies = [link.link.conflicts, *(rule.conflicts for rule in link.source.config.rules_for(link.link))]
    if not any(policy == "latest" or (isinstance(policy, dict) and "latest" in policy.values()) for policy in policies):
        return
    skew = link.source.clock_offset() - link.target.clock_offset()
    if abs(skew) > SKEW_SECONDS:
        ahead, behind = (link.link.source, link.link.target)[:: 1 if skew > 0 else -1]
        message = f"the clock of {ahead!r} is {abs(skew):.1f} s ahead of that of {behind!r}, and the later change wins"
        remedy = "let both servers follow a time server (chrony, systemd-timesyncd), or choose another policy"
        yield _finding(link, "warning", "clocks", message, remedy)


def state(link: LinkFacts) -> Iterator[Finding]:
    """What waits: a pause, parked changes, a backlog."""
    if link.known is None or link.source.identity is None:
        return
    name = link.link.name
    rows = link.target.ask("link_state", link=name, lock_class=LOCK_CLASS)
    here = rows[0] if rows else None
    if here and here.paused:
        yield _finding(link, "note", "state", "the link is paused", f"to let it go on: ucrepl resume '{name}'")
    if here and here.parked:
        message = f"{counted(here.parked, 'change')} parked"
        yield _finding(link, "warning", "state", message, f"look at them: ucrepl parked list '{name}'")
    (lag,) = link.source.ask("lag", position=here.position if here else BEGINNING, most=None)
    if lag.lag_rows and not (here and here.has_daemon):
        waiting = f"{counted(lag.lag_rows, 'change')} in the journal of {link.link.source!r} to replay"
        message = f"{waiting}, the oldest since {timedelta(seconds=round(lag.lag_seconds))}"
        yield _finding(link, "note", "state", message, "start the daemon: ucrepl run")


LINK_CHECKS = (same_database, source_is_known, lacking, seeded, ids, modules, clocks, state, caches, cutover)


def _finding(link: LinkFacts, severity: Severity, check: str, message: str, remedy: str) -> Finding:
    return Finding(severity, check, message, remedy, link=link.link.name)
