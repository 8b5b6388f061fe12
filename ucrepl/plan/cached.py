"""What Odoo's workers keep of the rows of a table, and the SQL that finds out whether such rows were really changed."""

from collections.abc import Iterator, Mapping

from ucrepl.packs import Packs
from ucrepl.plan.catalog import Table, TableName
from ucrepl.plan.model import LinkPlan, Signal, TablePlan
from ucrepl.plan.text import literal, quote
from ucrepl.plan.translate import own_row

REGISTRY = "registry"
"""The name under which packs say how workers are told to load their registry again."""


def signals(packs: Packs, there: Mapping[str, bool], table: Table) -> Iterator[Signal]:
    """How workers are told of changes of a table; `there` is what the target has, and whether it is a sequence."""
    name = str(table.name)
    wanted: dict[str, tuple[tuple[str, str], ...]] = dict.fromkeys(packs.caches.get(name, ()), ())
    if name in packs.registry:
        conditions = sorted(packs.registry[name].items())
        wanted[REGISTRY] = tuple((column, value) for column, value in conditions if column in table.columns)
    for cache, where in wanted.items():
        relation = next((relation for relation in packs.signals.get(cache, ()) if relation in there), None)
        if relation:
            yield Signal(cache, TableName("public", relation), there[relation], where)


def look(link: LinkPlan, table: TablePlan) -> str:
    """Notes the rows that the changes of a table are about, as they are before anything is written."""
    row = own_row(link, table)
    return f"""\
WITH emptied AS (
    DELETE FROM pg_temp.cached WHERE table_id = {table.number}
)
INSERT INTO pg_temp.cached (table_id, seq, image, chosen)
SELECT {table.number}, change.seq, {_image()}, {_chosen(table)}
FROM pg_temp.change AS change
{chr(10).join(row.joins)}
LEFT JOIN {table.table.only}{table.name.sql} AS target ON {row.sql}
WHERE change.table_id = {table.number}"""


def changed(link: LinkPlan, table: TablePlan) -> str:
    """Whether any of these rows is another one now, and whether one that a condition of the signals is about."""
    row = own_row(link, table)
    return f"""\
SELECT count(*) > 0, coalesce(bool_or(cached.chosen OR {_chosen(table)}), false)
FROM pg_temp.change AS change
JOIN pg_temp.cached AS cached ON cached.seq = change.seq AND cached.table_id = {table.number}
{chr(10).join(row.joins)}
LEFT JOIN {table.table.only}{table.name.sql} AS target ON {row.sql}
WHERE change.table_id = {table.number} AND cached.image IS DISTINCT FROM {_image()}"""


def told_of(table: TablePlan, *, chosen: bool) -> Iterator[Signal]:
    """The signals of a table of which rows were changed; `chosen`: also one that a condition is about."""
    return (signal for signal in table.signals if chosen or not signal.where)


def tell(signal: Signal) -> str:
    """The statement by which workers learn it: after the commit from a sequence, with the commit from a table."""
    if signal.is_sequence:
        return f"SELECT nextval({literal(signal.relation.sql)})"
    return f"INSERT INTO {signal.relation.sql} DEFAULT VALUES"


def _image() -> str:
    return "hashtextextended((target.*)::text, 0)"


def _chosen(table: TablePlan) -> str:
    """Whether a row is one that a condition of the signals is about; false where there is no row."""
    conditions = dict.fromkeys(condition for signal in table.signals for condition in signal.where)
    texts = [f"target.{quote(column)}::text = {literal(value)}" for column, value in conditions]
    return f"coalesce({' AND '.join(texts)}, false)" if texts else "true"
