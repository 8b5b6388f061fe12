"""What has to be known of a type to compare two values of it, or to call a value empty."""

import re

# Types whose equality operator says just what we mean by equal. The others are compared by their text: json, xml and
# points have no such operator, that of boxes compares areas.
COMPARABLE = frozenset({
    "bigint", "boolean", "bytea", "character varying", "date", "double precision", "inet", "integer", "interval",
    "jsonb", "money", "numeric", "oid", "real", "smallint", "text", "time without time zone", "time with time zone",
    "timestamp with time zone", "timestamp without time zone", "uuid",
})  # fmt: skip
INTEGERS = frozenset({"smallint", "integer", "bigint"})
# Types whose values are the same in PostgreSQL's binary format on any server: no oid of a type or table is in them.
SENT_ALIKE = frozenset({
    "bigint", "boolean", "bytea", "character varying", "date", "double precision", "integer", "json", "jsonb",
    "numeric", "real", "smallint", "text", "time without time zone", "timestamp with time zone",
    "timestamp without time zone", "uuid",
})  # fmt: skip
TEXTS = frozenset({"character varying", "text", "bpchar", "name", "citext"})
NUMBERS = frozenset({"bigint", "double precision", "integer", "money", "numeric", "real", "smallint"})
ADDABLE = NUMBERS - {"money"}
"""The types of numbers that can be told as a difference: the text of money depends on the server."""


def base_type(column_type: str) -> str:
    """The type without its modifier: `character varying(40)` is `character varying`."""
    return re.sub(r"\(.*?\)", "", column_type)


def comparable(expression: str, column_type: str) -> str:
    """The expression, cast to text where its type can't be compared."""
    return expression if base_type(column_type) in COMPARABLE else f"{expression}::text"


def distinct(left: str, right: str, column_type: str) -> str:
    """The condition that two values differ, nulls being equal."""
    return f"{comparable(left, column_type)} IS DISTINCT FROM {comparable(right, column_type)}"


def same(left: str, right: str, column_type: str) -> str:
    """The condition that two values are the same, nulls being equal."""
    return f"{comparable(left, column_type)} IS NOT DISTINCT FROM {comparable(right, column_type)}"


def empty(expression: str, column_type: str) -> str:
    """The condition that Odoo would call a value empty: null, an empty text, the number zero."""
    base = base_type(column_type)
    if base in TEXTS:
        return f"coalesce({expression}::text, '') = ''"
    if base in NUMBERS:
        return f"coalesce({expression}::numeric, 0) = 0"
    return f"{expression} IS NULL"
