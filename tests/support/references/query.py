"""Queries that follow references: one for a column and a kind, over all rows of a table.

The queries give (kind, table_name, key, column_name, place, of_table, of_id, ref_table, ref_id).
* `key` is the row's id; null for a row of a many2many table, which is known by its two ends.
* `place` says where in the value the reference stands; no id is in it. Where another record says so (a company's key,
  a plan's column), that one is (`of_table`, `of_id`).
* (`ref_table`, `ref_id`) is the record. Null in either is a reference that can't be read: it counts as unchecked.
"""

from typing import NamedTuple

from psycopg import sql

from tests.support.references.kinds import Kind


class Followed(NamedTuple):
    """Columns of a table whose references are followed, and the query for them."""

    table: str
    columns: tuple[str, ...]
    query: sql.Composed


def follow(
    kind: Kind,
    where: tuple[str, str],
    ref: str,
    *,
    place: str = "''",
    of: str = "NULL, NULL",
    source: str = "",
    **names: object,
) -> Followed:
    """Composes a query for a column of a table.

    `ref`, `place`, `of` and `source` (joins, WHERE) are SQL about the row `t`. In them {column} stands for the column,
    {label} for the table's name as a text, and each of `names` for its value, as an identifier.
    """
    table, column = where
    template = (
        f"SELECT {{kind}}, {{label}}, t.id, {{column_label}}, {place}, {of}, {ref} FROM ONLY {{table}} AS t {source}"
    )
    query = sql.SQL(template).format(
        kind=sql.Literal(str(kind)),
        label=sql.Literal(table),
        column_label=sql.Literal(column),
        table=sql.Identifier(table),
        column=sql.SQL("t.") + sql.Identifier(column),
        **{name: sql.Identifier(str(value)) for name, value in names.items()},
    )
    return Followed(table, (column,), query)


def table_of(model: str) -> str:
    """SQL: the table of the model that an expression names."""
    return f"(SELECT models.table_name FROM models WHERE models.model = {model})"


def id_of(text: str) -> str:
    """SQL: the id that a text is, null where it is none."""
    return f"substring({text} FROM '^[0-9]{{{{1,18}}}}$')::bigint"


def object_of(value: str) -> str:
    """SQL: the value if it is a JSON object."""
    return f"CASE WHEN jsonb_typeof({value}) = 'object' THEN {value} END"


def array_of(value: str) -> str:
    """SQL: the value if it is a JSON array."""
    return f"CASE WHEN jsonb_typeof({value}) = 'array' THEN {value} END"


def braces(pattern: str) -> str:
    """A pattern as it stands in a text that `_follow` formats."""
    return pattern.replace("{", "{{").replace("}", "}}")
