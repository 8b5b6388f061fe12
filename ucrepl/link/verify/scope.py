"""What of a link is compared, and what is not."""

from collections.abc import Sequence
from dataclasses import replace

from ucrepl.config import Config
from ucrepl.config.problems import did_you_mean
from ucrepl.db.catalog import read_catalog
from ucrepl.errors import UsageError
from ucrepl.link.files.courier import in_database
from ucrepl.link.held.tell import held_tables
from ucrepl.link.ingredients import transient_tables
from ucrepl.link.verify.report import TableReport
from ucrepl.link.verify.session import Session
from ucrepl.packs import load_packs
from ucrepl.plan.canonical import compared
from ucrepl.plan.catalog import TableName
from ucrepl.plan.files import ATTACHMENTS, PLACES
from ucrepl.plan.model import TablePlan
from ucrepl.plan.policy import Policies, leaves_out
from ucrepl.plan.verify import Comparison


def scope(config: Config, session: Session, names: Sequence[str] | None) -> tuple[list[Comparison], list[TableReport]]:
    """The comparisons to make, parents first, and the reports of tables that are not compared.

    Raises UsageError for a name that no table of the source has.
    """
    plan = session.opened.plan
    reasons = {table.name: f"left out by the rule {table.rule!r}" for table in plan.skipped.values()}
    reasons |= {name: f"protected by the rule {rule!r}" for name, rule in plan.protected.items()}
    reasons |= dict.fromkeys(plan.missing.values(), "not on the target, or with another key")
    held = {t.name: t.rows for t in held_tables(session.target, session.link.name)}
    chosen = _chosen(names, {*plan.by_name, *reasons})
    catalog = read_catalog(session.source)
    portable = session.agrees()
    stays = _that_stays(config, session)
    found = []
    for members in plan.ordered(plan.followed):
        for table in members:
            if table.name in chosen and table.name in catalog.tables:
                here, there = _in_one_place(table, session), catalog.tables[table.name]
                what = compared(plan, here, there, own_rows=table.name in stays)
                found.append(Comparison(plan, what, portable=portable))
    left_out = [
        TableReport(str(name), held=held.get(str(name), 0), not_compared=why)
        for name, why in sorted(reasons.items())
        if name in chosen
    ]
    return found, left_out


def totals_in_scope(session: Session, names: Sequence[str] | None) -> list[TablePlan]:
    """The tables of totals to compare."""
    plan = session.opened.plan
    chosen = _chosen(names, {*plan.by_name, *plan.missing.values(), *(t.name for t in plan.skipped.values())})
    return [table for table in plan.totals.values() if table.name in chosen]


def _in_one_place(table: TablePlan, session: Session) -> TablePlan:
    """The table without the columns that say where contents of attachments are, where the sides keep them elsewhere."""
    if table.name != ATTACHMENTS or in_database(session.source) == in_database(session.target):
        return table
    return replace(table, columns=tuple(c for c in table.columns if c.name not in PLACES))


def _chosen(names: Sequence[str] | None, known: set[TableName]) -> set[TableName]:
    if names is None:
        return known
    by_label = {str(name): name for name in known} | {f"{name.schema}.{name.table}": name for name in known}
    for name in names:
        if name not in by_label:
            raise UsageError(f"the source has no table {name!r}", did_you_mean(name, sorted(map(str, known))))
    return {by_label[name] for name in names}


def _that_stays(config: Config, session: Session) -> set[TableName]:
    """The tables of which no link brings all of the target's rows to the source.

    A rule of the way back leaves them out, or rows to which theirs must refer.
    """
    plan, back = session.opened.plan, session.back
    if back is None:
        return {*plan.by_name}
    packs = load_packs(tuple(config.packs))
    policies = Policies(config.rules_for(back), packs, back.policy, transient_tables(session.target, packs))
    names = {*plan.by_name, *(table.name for table in plan.skipped.values())}
    stays = {
        name
        for name, table in read_catalog(session.target).tables.items()
        if name in names and leaves_out(policies, table)
    }
    while True:
        grown = stays | {
            table.name
            for table in plan.tables.values()
            if any(c.refers_to in stays and (c.column.not_null or c.name in table.table.key) for c in table.columns)
        }
        if grown == stays:
            return stays
        stays = grown
