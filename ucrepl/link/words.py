"""Numbers and lists in sentences."""

from collections.abc import Collection

SHOWN = 10


def counted(number: int, word: str) -> str:
    """`1 table`, `2 tables`, `1,200 tables`."""
    return f"{number:,} {word}{'s' * (number != 1)}"


def listed(names: Collection[str]) -> str:
    """The names in quotes, the first ten of them, and how many more there are."""
    shown = ", ".join(map(repr, list(names)[:SHOWN]))
    return f"{shown} and {len(names) - SHOWN:,} more" if len(names) > SHOWN else shown
