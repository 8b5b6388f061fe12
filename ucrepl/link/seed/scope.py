"""The tables that somebody has named."""

from collections.abc import Iterable

from ucrepl.config.problems import did_you_mean
from ucrepl.errors import UsageError
from ucrepl.plan.model import LinkPlan, TablePlan


def copied(plan: LinkPlan) -> list[int]:
    """The numbers of the tables that a seeding copies, or of which it takes over the sums."""
    return [*plan.followed, *plan.totals]


def table_named(plan: LinkPlan, name: str) -> TablePlan:
    """The table with this name, `res_partner` or `public.res_partner`. Raises UsageError."""
    followed = {plan.tables[number].name: plan.tables[number] for number in copied(plan)}
    for known, table in followed.items():
        if name in {str(known), f"{known.schema}.{known.table}"}:
            return table
    message = f"there is no table {name!r} that both sides have and no rule skips"
    raise UsageError(message, did_you_mean(name, sorted(map(str, followed))))


def numbers_of(plan: LinkPlan, names: Iterable[str] | None) -> frozenset[int]:
    """The numbers of the tables with these names; of all tables for None. Raises UsageError."""
    return frozenset(copied(plan) if names is None else (table_named(plan, name).number for name in names))
