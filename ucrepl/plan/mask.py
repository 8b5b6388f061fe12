"""Masks: what leaves the source instead of a column's value. It is computed there, so that the value never travels."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ucrepl.config import Rule
from ucrepl.errors import ConfigError
from ucrepl.plan.catalog import Catalog, Table, TableName
from ucrepl.plan.text import literal, quote

ROW = "row"
"""The name of the row over which masks are compiled."""


def masks_of(rules: Iterable[Rule], table: Table) -> dict[str, str]:
    """The masked columns of a table of the source, each with the SQL of the text that leaves instead of its value.

    Raises ConfigError for a mask that can't be.
    """
    masks: dict[str, str] = {}
    for rule in rules:
        if not rule.matches(*table.name):
            continue
        for name, expression in rule.set.items():
            if name in table.columns and name not in masks:
                masks[name] = _compile(table, name, expression)
    return masks


def problems(rule: Rule, source: Catalog) -> Iterator[str]:
    """What is wrong with the masks of a rule, in sentences."""
    for table in source.tables.values() if rule.set else ():
        if not rule.matches(*table.name):
            continue
        for name in (name for name in rule.set if name in table.columns):
            try:
                _compile(table, name, rule.set[name])
            except ConfigError as error:
                yield f"{rule.name}: {error.message}" + (f" ({error.hint})" if error.hint else "")


def pairs(hstore: str, masks: Mapping[str, str]) -> str:
    """The masked columns with what leaves instead of them, as hstore, over the row."""
    names = ", ".join(map(literal, masks))
    return f"{quote(hstore)}.hstore(ARRAY[{names}]::text[], ARRAY[{', '.join(masks.values())}]::text[])"


def image(hstore: str, masks: Mapping[str, str]) -> str:
    """The image of the row as it may leave."""
    schema = quote(hstore)
    whole = f"{schema}.hstore({ROW}.*)"
    return f"{whole} OPERATOR({schema}.||) {pairs(hstore, masks)}" if masks else whole


def probe(table: TableName, masks: Mapping[str, str]) -> str:
    """A query that fails where a mask can't be computed."""
    return f"SELECT {', '.join(masks.values())} FROM {table.sql} AS {ROW} LIMIT 0"


def changes(hstore: str, tables: Sequence[tuple[int, TableName, Mapping[str, str]]], numbered: str = "numbered") -> str:
    """What stands for `numbered` in the query `batch` where tables are masked, given with their numbers on the source.

    `numbered` is what stands for it where changes are left out.

    An inserted row takes its masked values along. Otherwise masked columns do not travel: neither their old value nor
    the new one; what changes no other column is left out.
    """
    if not tables:
        return numbered
    schema = quote(hstore)
    old, new = [], []
    for number, table, masks in tables:
        without = f"OPERATOR({schema}.-) {_array(masks)}"
        old.append(f"WHEN {number} THEN c.old {without}")
        new.append(
            f"WHEN {number} THEN CASE c.op WHEN 'I' THEN (\n"
            f"    SELECT c.new OPERATOR({schema}.||) {pairs(hstore, masks)}\n"
            f"    FROM {schema}.populate_record(NULL::{table.sql}, c.new) AS {ROW}\n"
            f") ELSE c.new {without} END"
        )
    numbers = ", ".join(str(number) for number, _, _ in tables)
    cases = "\n".join
    return f"""\
(
SELECT m.*
FROM (
SELECT
c.seq, c.xid, c.table_id, c.number, c.op, c.key, c.at,
CASE c.table_id
{cases(old)}
ELSE c.old END AS old,
CASE c.table_id
{cases(new)}
ELSE c.new END AS new
FROM {numbered} AS c
) AS m
WHERE m.op <> 'U' OR m.number < 0 OR m.table_id NOT IN ({numbers}) OR cardinality({schema}.akeys(m.new)) > 0
)"""


def _array(names: Collection[str]) -> str:
    return f"ARRAY[{', '.join(map(literal, names))}]::text[]"


def _compile(table: Table, name: str, expression: str | None) -> str:
    from ucrepl.plan.expression import compile_expression

    column = table.columns[name]
    what = f"column {name!r} of table {str(table.name)!r}"
    if name in table.key:
        message = f"{what} can't be set: it is a part of the key"
        raise ConfigError(message, "a row is known by its key on both sides")
    if column.generated:
        message = f"{what} can't be set: PostgreSQL computes it"
        raise ConfigError(message, "set the columns of which it is made")
    if expression is None or expression.strip().lower() == "null":
        if column.not_null:
            message = f"{what} can't be set to null: it may not be empty"
            raise ConfigError(message, "give it a value, for example: \"'-'\"")
        return "NULL"
    try:
        compiled = compile_expression(expression, table.columns, ROW)
    except ConfigError as error:
        message = f"{what} can't be set: {error.message}"
        raise ConfigError(message, error.hint) from None
    return f"CAST(CAST(({compiled}) AS {column.type}) AS text)"
