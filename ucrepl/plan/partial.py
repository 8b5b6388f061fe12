"""What becomes of references to records that rules leave out."""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from ucrepl.plan.catalog import TableName
from ucrepl.plan.closure import is_link_table
from ucrepl.plan.model import ColumnPlan, TablePlan

Guarded = Mapping[str, Sequence[str]]
"""Table -> columns, as `table.column` with `*`, whose reference to a record of that table must not become null."""


def is_guarded(table: TablePlan, column: ColumnPlan, guarded: Guarded) -> bool:
    """Whether a reference restricts who sees its row, so that the row is not to be written without it.

    In a row that links two records, it restricts neither where both are such: the groups of a user.
    """

    def restricts(one: ColumnPlan) -> bool:
        patterns = guarded.get(str(one.refers_to), ()) if one.refers_to else ()
        regexps = (re.escape(pattern).replace(r"\*", ".*") for pattern in patterns)
        return any(re.fullmatch(regexp, f"{table.name}.{one.name}") for regexp in regexps)

    if is_link_table(table) and all(str(c.refers_to) in guarded for c in table.key_columns):
        return False
    return restricts(column)


def with_optional_references(
    tables: dict[int, TablePlan], rules: dict[TableName, str], guarded: Guarded
) -> dict[int, TablePlan]:
    """Marks the references to records that rules leave out, until no further table loses rows because of them.

    What rules and the link say of missing records comes first, unless nothing can be fetched: the target has no such
    table. Guarded references park their row, unless a rule says otherwise.
    """
    tables = {
        number: replace(
            table,
            columns=tuple(
                replace(c, missing="park") if c.missing is None and is_guarded(table, c, guarded) else c
                for c in table.columns
            ),
        )
        for number, table in tables.items()
    }
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


def with_some_left_out(
    tables: dict[int, TablePlan], filtered: Mapping[TableName, str], guarded: Guarded
) -> dict[int, TablePlan]:
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
            elif is_guarded(table, column, guarded) or (column.column.not_null and not is_link_table(table)):
                columns.append(replace(column, missing="park"))
            else:
                columns.append(replace(column, missing=None, optional_rule=rule, lenient=True))
                partial = partial or (rule if column.column.not_null else None)
        marked[number] = replace(table, columns=tuple(columns), partial_rule=partial)
    return marked


def with_memory(tables: dict[int, TablePlan], brought_back: AbstractSet[TableName]) -> dict[int, TablePlan]:
    """Marks the references of which it is remembered that their record is not known.

    Their record may come: others of its table are known. Or the way back would take the null to the source, where the
    record is known: it replicates that table.
    """
    known = {table.name for table in tables.values()}

    def is_remembered(column: ColumnPlan) -> bool:
        if not column.optional_rule or column.refers_to is None:
            return False
        return column.lenient or column.refers_to in known | brought_back

    return {
        number: replace(table, columns=tuple(replace(c, remembered=is_remembered(c)) for c in table.columns))
        for number, table in tables.items()
    }


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
