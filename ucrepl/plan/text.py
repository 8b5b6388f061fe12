"""Small pieces of SQL text: identifiers, literals, indented lists."""

import re
from collections.abc import Iterable
from typing import Final

_END_OF_LINE: Final = re.compile(r"""("(?:[^"]|"")*"|'(?:[^']|'')*'|/\*.*?\*/)|\n(?=.)""", re.DOTALL)


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
    """The items one below the other, indented by four spaces a level. A line that ends in a name or a text stays so."""
    text, margin = f"{separator}\n".join(items), "    " * depth
    return margin + _END_OF_LINE.sub(lambda found: found[1] or f"\n{margin}", text) if text else text
