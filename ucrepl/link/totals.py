"""Tables whose rows are totals: which they are, and that nodes know of them."""

from collections.abc import Iterable

from psycopg import sql

from ucrepl.config import Config
from ucrepl.packs import load_packs
from ucrepl.plan.catalog import TableName


def of_totals(config: Config | None, names: Iterable[TableName]) -> frozenset[TableName]:
    """Those of the tables whose rows some rule calls totals, for whatever link or policy; None: those of our packs."""
    own = [*config.rules, *(rule for link in config.links for rule in link.rules)] if config else []
    packed = load_packs(tuple(config.packs) if config else ()).policies
    fit = [rule.matches for rule in own if rule.totals] + [rule.matches for rule in packed if rule.totals]
    return frozenset(name for name in names if any(matches(*name) for matches in fit))


def mark_statement(names: Iterable[TableName]) -> sql.Composed:
    """Has a node know that the rows of these tables are totals, so that their changes are captured as it needs.

    The tables must have numbers (`ucrepl.follow_tables`).
    """
    values = sql.SQL(", ").join(sql.SQL("({}, {})").format(name.schema, name.table) for name in sorted(names))
    return sql.SQL(
        "UPDATE ucrepl.table_name AS t SET totals = true FROM (VALUES {}) AS v (schema_name, table_name)"
        " WHERE t.schema_name = v.schema_name AND t.table_name = v.table_name"
        " AND t.relation IS NOT NULL AND NOT t.totals;"
    ).format(values)
