"""SQL that finds columns which look like references and of which nothing is known."""

from collections.abc import Iterable, Iterator

from ucrepl.plan.catalog import Column, Table
from ucrepl.plan.model import LinkPlan, TablePlan
from ucrepl.plan.text import lines, literal, quote
from ucrepl.plan.types import INTEGERS, TEXTS, base_type

SAMPLE = 10_000
"""So many rows of each table are looked at."""

_MODEL_ID = "^[a-z][a-z0-9_]*([.][a-z0-9_]+)+,[0-9]+$"
_IDS_IN_JSON = '"[0-9]+(,[0-9]+)*": |": [0-9]+[,}]|^[[][0-9]+(, [0-9]+)*[]]$'


def look(link: LinkPlan, table: TablePlan, source: Table) -> str | None:
    """The suspicious columns of a table of the source: (name, what it looks like, how many values, one of them).

    A number is suspicious if all that are above zero are ids of a table whose name fits that of the column; a text if
    all that are not empty are 'model,id', jsonb if some of it are ids. None where no column can be.
    """
    tests = [
        f"({literal(column.name)}, {literal(what)}, row.{quote(column.name)}::text, {looks_so}, {of_all})"
        for column in _unknown(table, source)
        for what, looks_so, of_all in _test(link, source, column)
    ]
    if not tests:
        return None
    return f"""\
SELECT
    looked.name,
    looked.what,
    count(*) FILTER (WHERE looked.looks_so),
    min(looked.value) FILTER (WHERE looked.looks_so)
FROM (SELECT * FROM {source.only}{source.name.sql} LIMIT {SAMPLE}) AS row
CROSS JOIN LATERAL (
    VALUES
{lines(tests, depth=2)}
) AS looked (name, what, value, looks_so, of_all)
WHERE looked.looks_so IS NOT NULL
GROUP BY looked.name, looked.what, looked.of_all
HAVING bool_or(looked.looks_so) AND (NOT looked.of_all OR bool_and(looked.looks_so))
ORDER BY looked.name"""


def _unknown(table: TablePlan, source: Table) -> Iterator[Column]:
    """The columns of which nothing is known."""
    for column in table.columns:
        known = column.is_reference or column.known_from or column.name in table.table.key
        if not known and column.on_source in source.columns:
            yield source.columns[column.on_source]


def _test(link: LinkPlan, source: Table, column: Column) -> Iterable[tuple[str, str, str]]:
    """What a column may look like, whether a value does (null: it says nothing), and whether all values must."""
    value, kind = f"row.{quote(column.name)}", base_type(column.type)
    if kind in INTEGERS and column.name.endswith("_id"):
        stem = column.name.removesuffix("_id")
        for other in link.tables.values():
            if other.surrogate and other.name.schema == source.name.schema and _fits(stem, other.name.table):
                there = f"EXISTS (SELECT FROM {other.name.sql} AS o WHERE o.{quote(other.table.key[0])} = {value})"
                yield f"id of {other.name}", f"CASE WHEN {value} > 0 THEN {there} END", "true"
    elif kind in TEXTS:
        yield "model,id", f"CASE WHEN {value} <> '' THEN {value} ~ {literal(_MODEL_ID)} END", "true"
    elif kind == "jsonb":
        yield "ids in jsonb", f"{value}::text ~ {literal(_IDS_IN_JSON)}", "false"


def _fits(stem: str, table: str) -> bool:
    """Whether a column called `stem_id` may refer to a table: `partner`, `old_partner` to res_partner."""
    short = table.partition("_")[2] or table
    return stem in {table, short} or table.endswith(f"_{stem}") or stem.endswith((f"_{table}", f"_{short}"))
