"""Numbers and lists in sentences."""

from collections.abc import Collection

SHOWN = 10


def counted(number: int, word: str, plural: str | None = None) -> str:
    """`1 table`, `2 tables`, `1,200 tables`; with a `plural` where that is not the word with an `s`."""
    return f"{number:,} {word if number == 1 else plural or f'{word}s'}"


def listed(names: Collection[str]) -> str:
    """The names in quotes, the first ten of them, and how many more there are."""
    shown = ", ".join(map(repr, list(names)[:SHOWN]))
    return f"{shown} and {len(names) - SHOWN:,} more" if len(names) > SHOWN else shown
