"""What becomes of references to records that rules leave out."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from ucrepl.plan.catalog import TableName
from ucrepl.plan.closure import is_link_table
from ucrepl.plan.model import TablePlan


def with_optional_references(tables: dict[int, TablePlan], rules: dict[TableName, str]) -> dict[int, TablePlan]:
    """Marks the references to records that rules leave out, until no further table loses rows because of them.

    What rules and the link say of missing records goes before, unless nothing can be fetched: the target has no such
    table.
    """
    left_out = dict(rules)
    known = {table.name for table in tables.values()}
    while True:
        marked = {}
        for number, table in tables.items():
            columns = tuple(
                replace(c, optional_rule=left_out.get(c.refers_to), missing=None)
                if c.refers_to and (c.missing is None or (c.fetches and c.refers_to not in known))
                else c
                for c in table.columns
            )
            needed = (
                c.optional_rule for c in columns if c.optional_rule and (c.column.not_null or c.name in table.table.key)
            )
            marked[number] = replace(table, columns=columns, partial_rule=next(needed, None))
        grown = rules | {t.name: t.partial_rule for t in marked.values() if t.partial_rule}
        if grown == left_out:
            return marked
        left_out = grown


def with_some_left_out(tables: dict[int, TablePlan], filtered: Mapping[TableName, str]) -> dict[int, TablePlan]:
    """Marks the references to records that may be unknown because of a rule, though others of their table are known.

    What refers to a record that is recognised only, and was not, becomes null; where it may not be its change is
    parked, but a row that only links two records is left out. So is an update of such a record.
    """
    protected = {t.name: t.protected_by for t in tables.values() if t.protected_by}
    marked = {}
    for number, table in tables.items():
        partial, columns = table.protected_by or table.partial_rule, []
        for column in table.columns:
            rule = protected.get(column.refers_to) if column.refers_to else None
            if rule is None or column.missing not in {None, "fetch"}:
                columns.append(replace(column, lenient=bool(column.optional_rule) and column.refers_to in filtered))
            elif column.column.not_null and not is_link_table(table):
                columns.append(replace(column, missing="park"))
            else:
                columns.append(replace(column, missing=None, optional_rule=rule, lenient=True))
                partial = partial or (rule if column.column.not_null else None)
        marked[number] = replace(table, columns=tuple(columns), partial_rule=partial)
    return marked


def without_unknown_models(tables: dict[int, TablePlan], models: AbstractSet[str]) -> dict[int, TablePlan]:
    """Marks the columns that refer to one model whose records are not replicated: they become null."""
    return {
        number: replace(
            table,
            columns=tuple(
                replace(c, optional_rule=f"no {c.reference.target}")
                if c.reference and c.reference.kind == "record" and c.reference.target not in models
                else c
                for c in table.columns
            ),
        )
        for number, table in tables.items()
    }
