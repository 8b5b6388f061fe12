"""Small pieces of SQL text: identifiers, literals, indented lists."""

from collections.abc import Iterable
from textwrap import indent


def quote(name: str) -> str:
    """The name as an SQL identifier, always in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """The text as an SQL string literal, safe with any setting of standard_conforming_strings."""
    quoted = "'" + value.replace("'", "''") + "'"
    return f"E{quoted}".replace("\\", "\\\\") if "\\" in value else quoted


def remark(text: str) -> str:
    """The text as an SQL comment inside a line, whatever characters it has."""
    return f"/* {text.replace('*', '').replace('/', '')} */"


def lines(items: Iterable[str], *, separator: str = ",", depth: int = 1) -> str:
    """The items one below the other, indented by four spaces a level."""
    return indent(f"{separator}\n".join(items), "    " * depth)
