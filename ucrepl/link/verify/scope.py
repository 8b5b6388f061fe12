"""What of a link is compared, and what is not."""

from collections.abc import Sequence

from ucrepl.config import Config, Link
from ucrepl.config.problems import did_you_mean
from ucrepl.db.catalog import read_catalog
from ucrepl.errors import UsageError
from ucrepl.link.verify.report import TableReport
from ucrepl.link.verify.session import Session
from ucrepl.plan.canonical import compared
from ucrepl.plan.catalog import TableName
from ucrepl.plan.verify import Comparison


def scope(
    config: Config, session: Session, names: Sequence[str] | None
) -> tuple[list[Comparison], list[TableReport]]:
    """The comparisons to make, parents first, and the reports of tables that are not compared.

    Raises UsageError for a name that no table of the source has.
    """
    plan = session.opened.plan
    reasons = {table.name: f"left out by the rule {table.rule!r}" for table in plan.skipped.values()}
    reasons |= {name: "not on the target, or with another key" for name in plan.missing.values()}
    chosen = _chosen(names, {*plan.by_name, *reasons})
    catalog = read_catalog(session.source)
    portable = session.agrees()
    found = []
    for (table,) in ((t,) for members in plan.ordered(plan.tables) for t in members):
        if table.name in chosen and table.name in catalog.tables:
            own_rows = not _goes_back(config, session.back, table.name)
            what = compared(table, catalog.tables[table.name], own_rows=own_rows)
            found.append(Comparison(plan, what, portable=portable))
    left_out = [TableReport(str(name), not_compared=why) for name, why in sorted(reasons.items()) if name in chosen]
    return found, left_out


def _chosen(names: Sequence[str] | None, known: set[TableName]) -> set[TableName]:
    if names is None:
        return known
    by_label = {str(name): name for name in known} | {f"{name.schema}.{name.table}": name for name in known}
    for name in names:
        if name not in by_label:
            raise UsageError(f"the source has no table {name!r}", did_you_mean(name, sorted(map(str, known))))
    return {by_label[name] for name in names}


def _goes_back(config: Config, back: Link | None, name: TableName) -> bool:
    return back is not None and not any(r.skip and r.matches(*name) for r in config.rules_for(back))
