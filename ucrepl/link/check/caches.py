"""The check of that by which Odoo's workers, and the open pages of its users, are told."""

from collections.abc import Iterator

from ucrepl.link.bus import BUS, LISTENED_TO
from ucrepl.link.check.facts import LinkFacts
from ucrepl.link.check.finding import Finding, Severity
from ucrepl.link.words import listed


def caches(link: LinkFacts) -> Iterator[Finding]:
    """Workers are told by what they read, and the role must be allowed to write it."""
    target, role = link.target, link.target.server.role
    relations = {signal.relation.sql for table in link.plan.tables.values() for signal in table.signals}
    if link.link.bus and BUS in target.catalog.tables:
        relations.add(BUS.sql)
        [(may_connect,)] = target.connection.execute(
            "SELECT count(*) > 0 FROM pg_catalog.pg_database"
            " WHERE datname = %s AND pg_catalog.has_database_privilege(oid, 'CONNECT')",
            [LISTENED_TO],
        ).fetchall()
        if not may_connect:
            message = (
                f"'bus: true': {target.server.role!r} can't connect to the database {LISTENED_TO!r} of {target.name!r}"
            )
            yield _finding(link, "warning", message, f"GRANT CONNECT ON DATABASE {LISTENED_TO} TO {target.server.role}")
    elif link.link.bus:
        message = f"'bus: true' has no effect: {target.name!r} has no table {str(BUS)!r}"
        yield _finding(link, "warning", message, "install Odoo's module 'bus' there, or take the key out")
    lacking = [row.lacking for row in target.ask("check_signals", relations=sorted(relations))]
    if lacking:
        message = f"on {target.name!r} the role {role!r} may not tell Odoo's workers: it lacks {listed(lacking)}"
        remedy = "; ".join(f"GRANT {right} TO {role}" for right in lacking)
        yield _finding(link, "error", message, remedy)


def _finding(link: LinkFacts, severity: Severity, message: str, remedy: str) -> Finding:
    return Finding(severity, "caches", message, remedy, link=link.link.name)
