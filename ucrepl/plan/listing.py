"""The plan for people: which columns refer to what, and what is run for a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ucrepl.plan import cached, conflict, identify, paths, write
from ucrepl.plan.model import LinkPlan, RuleUse, TablePlan


@dataclass(frozen=True, slots=True)
class ReferenceColumn:
    """A column that refers to records: by what kind of reference, to what, and where that is known from."""

    table: str
    column: str
    kind: str
    refers_to: str
    known_from: str


def references(link: LinkPlan) -> Iterator[ReferenceColumn]:
    """All columns of the plan that refer to records, by table."""
    for table in sorted(link.tables.values(), key=lambda t: t.name):
        for c in table.columns:
            label = str(table.name)
            if c.refers_to:
                yield ReferenceColumn(label, c.name, "record", str(c.refers_to), "foreign key")
            elif c.model_column:
                yield ReferenceColumn(label, c.name, "by_model", c.model_column, c.known_from)
            elif c.reference and c.reference.kind != "none":
                yield ReferenceColumn(label, c.name, c.reference.kind, c.reference.target, c.reference.origin)


def rules(link: LinkPlan, tables: Sequence[str] | None = None) -> Iterator[RuleUse]:
    """What rules say of all tables of the source, or of these; of one of which none speaks that it is replicated."""
    return (use for use in link.rules if tables is None or use.table in tables)


def statements(link: LinkPlan, table: TablePlan) -> Iterator[tuple[str, str]]:
    """What replay runs for the changes of a table, in this order: what it is for, and the SQL.

    An update is shown as that of all columns; in a batch it has only those that were changed.
    """
    if table.surrogate:
        for key in table.recognition_keys:
            yield f"recognise new records by {key}", identify.recognise(link, table, key)
        yield "give ids to new records", identify.allocate(link, table)
    elif table.value_columns:
        yield "find out which new rows are here already", identify.mark_existing(link, table)
    for column in table.mentioning:
        yield f"give ids to what {column.name} mentions", identify.mention(link, table, column)
    yield "insert", write.insert(link, table)
    if columns := table.chosen(c.name for c in table.value_columns if c.protection < c.protection.NEVER):
        yield "update", write.update(link, table, columns, uniform=False, guarded=True)
        if watched := tuple(c for c in columns if c.can_conflict):
            yield "find conflicts, where a row holds another value", conflict.collide(link, table, watched)
    for column in link.followed_up.get(table.number, ()):
        if column.is_uncertain:
            yield f"count what was not certain in {column.name}", paths.count_uncertain(link, table, column)
        else:
            yield f"build {column.name} again", paths.rebuild(link, table, column)
    yield "delete", write.delete(link, table)
    for signal in table.signals:
        rows = " and ".join(f"{column} = {value!r}" for column, value in signal.where)
        condition = f", after rows with {rows}" if rows else ""
        yield f"tell Odoo's workers of the cache {signal.cache}{condition}", cached.tell(signal)
