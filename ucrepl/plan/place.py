"""What of the source has no place on the target: tables and columns whose changes are held until they have one."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from ucrepl.config import Link, Rule
from ucrepl.plan.catalog import Table, TableName
from ucrepl.plan.model import ColumnPlan, TablePlan
from ucrepl.plan.policy import Policy


def without_place(
    tables: Mapping[int, TablePlan], missing: Mapping[int, TableName], not_held: Container[int]
) -> tuple[dict[int, TablePlan], dict[int, TableName]]:
    """The tables that have a place, and those that have none.

    A reference to a record of a table that is missing has no place, where neither a rule nor the link says what is to
    become of it. A row that can't be without such a reference has none either, nor has what refers to rows of that
    table, and so on. `not_held`: the tables of which a rule says that values are not held.
    """
    placed, held = dict(tables), dict(missing)
    while grown := {
        number: table.name
        for number, table in placed.items()
        if any(c.column.not_null or c.name in table.table.key for c in _lost(table, held))
    }:
        held |= grown
        placed = {number: table for number, table in placed.items() if number not in grown}
    for number, table in placed.items():
        if lost := _lost(table, held):
            columns = tuple(c for c in table.columns if c not in lost)
            names = {c.name for c in columns}
            kept = () if number in not_held or _stays(table) else tuple(c.on_source for c in lost)
            placed[number] = replace(
                table,
                columns=columns,
                recognition_keys=tuple(key for key in table.recognition_keys if names.issuperset(key.columns)),
                held_columns=(*table.held_columns, *kept),
            )
    return placed, held


def holds_values(link: Link, rules: Iterable[Rule], policy: Policy) -> bool:
    """Whether values without a place are held, by the rules for a table: not those that would never be written."""
    if policy.protects or policy.inserts_only:
        return False
    return next((rule.hold for rule in rules if rule.hold is not None), link.policy in {None, "cluster"})


def absent_columns(policy: Policy, tables: tuple[Table, Table], columns: Iterable[ColumnPlan]) -> tuple[str, ...]:
    """The columns of the source's table that the target's has not, but for those that stay on the source.

    `tables`: both, the source's first; `columns`: the planned ones, which may have another name on the source.
    """
    source, target = tables
    known = {*target.columns, *policy.withheld, *(c.on_source for c in columns)}
    return tuple(name for name, column in source.columns.items() if name not in known and not column.generated)


def _lost(table: TablePlan, held: Mapping[int, TableName]) -> list[ColumnPlan]:
    names = {*held.values()}
    return [c for c in table.columns if c.refers_to in names and c.missing in (None, "fetch")]


def _stays(table: TablePlan) -> bool:
    """Whether rows of the table are never updated."""
    return table.inserts_only or table.protected_by is not None
