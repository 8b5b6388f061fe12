"""The only formatter. Results go to stdout, talk goes to stderr; tables are plain text when they are piped."""

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import TaskID
    from rich.table import Table

_SHORT = 25
_WIDEST = 60  # a longer cell of piped text runs over its column, and does not push the next one away in all lines
_LINE_SECONDS = 5.0

Row = Mapping[str, object]


def talk(message: str) -> None:
    """Say something to the person at the terminal; it is no result."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def print_error(message: str, hint: str | None = None) -> None:
    """Say what is wrong and what mends it."""
    talk(f"error: {message}" + (f"\nHINT: {hint}" if hint else ""))


def print_text(text: str) -> None:
    """Print a result that is a text as it is."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def print_json(value: object) -> None:
    """Print a result as JSON: times in ISO 8601, durations in seconds, keys in the order of the value."""
    ascii_only = (sys.stdout.encoding or "ascii").lower().replace("-", "") != "utf8"
    print_text(json.dumps(_plain(value), indent=2, ensure_ascii=ascii_only, allow_nan=False))


def print_table(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Print the named columns of `rows`: a rich table on a terminal, else aligned text with a line of titles."""
    titles, cells, numeric = _grid(rows, columns)
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(_rich_table(titles, cells, numeric))
        return
    widths = [max(len(cell) for cell in column if len(cell) <= _WIDEST) for column in zip(titles, *cells, strict=True)]
    for line in [titles, *cells]:
        padded = (
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, numeric, strict=True)
        )
        print_text("  ".join(padded).rstrip())


def watch_table(frames: Iterable[tuple[Iterable[Row], Iterable[str]]], columns: Sequence[str]) -> None:
    """Show a table that changes, with notes below it, until there are no more frames: each is (rows, notes).

    On a terminal a frame takes the place of the one before, else they follow each other.
    """
    if not sys.stdout.isatty():
        for rows, notes in frames:
            print_table(rows, columns)
            for note in notes:
                print_text(_cell(note))
            sys.stdout.flush()
        return
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False) as live:
        for rows, notes in frames:
            table = _rich_table(*_grid(rows, columns))
            live.update(Group(table, *(Text(_cell(note)) for note in notes)), refresh=True)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int | None, str], None]]:
    """A progress bar on standard error while the block runs, if that is a terminal.

    Gives the function to move it: how many are done, of how many (None: not known), and a word of detail.
    """
    if not sys.stderr.isatty():
        yield lambda _done, _total, _detail: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    texts = [TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[detail]}")]
    columns = (texts[0], BarColumn(), MofNCompleteColumn(), texts[1])
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(_cell(what), total=None, detail="")
        yield lambda done, total, detail: bar.update(task, completed=done, total=total, detail=_cell(detail))


@contextmanager
def progress_by_table(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar for each table on standard error while the block runs, if that is a terminal; else some lines.

    Gives the function to move them: the table, how many rows are done, of about how many (0: not known).
    """
    if not sys.stderr.isatty():
        yield _lines(what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.speed:,.0f} rows/s", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(table: str, done: int, total: int) -> None:
            if table not in tasks:
                tasks[table] = bars.add_task(_cell(table))
            bars.update(tasks[table], completed=done, total=max(done, total) or None, visible=done < total)

        yield show


def _lines(what: str) -> Callable[[str, int, int], None]:
    """A line about a table at the most every few seconds, with its speed since the last one."""
    last: dict[str, tuple[float, int]] = {}

    def show(table: str, done: int, total: int) -> None:
        now = monotonic()
        since, rows = last.setdefault(table, (now, done))
        if now - since >= _LINE_SECONDS:
            last[table] = (now, done)
            speed = (done - rows) / (now - since)
            talk(f"{what}: {table} {done:,}" + (f" of {total:,}" if total else "") + f" rows, {speed:,.0f} rows/s")

    return show


def print_record(record: Row) -> None:
    """Print one record, a line for each field."""
    width = max(map(len, record), default=0)
    for name, value in record.items():
        print_text(f"{name.replace('_', ' '):{width}}  {_cell(value)}".rstrip())


def _grid(rows: Iterable[Row], columns: Sequence[str]) -> tuple[list[str], list[list[str]], list[bool]]:
    """The titles, the cells line by line, and which columns hold numbers."""
    rows = list(rows)
    titles = [column.replace("_", " ") for column in columns]
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    return titles, cells, [all(_is_number(row.get(column)) for row in rows) for column in columns]


def _rich_table(titles: list[str], cells: list[list[str]], numeric: list[bool]) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for number, title in enumerate(titles):
        short = all(len(line[number]) <= _SHORT for line in cells)  # these stay whole, the others fold
        table.add_column(
            title.replace(" ", "\n"), justify="right" if numeric[number] else "left", no_wrap=short, overflow="fold"
        )
    for line in cells:
        table.add_row(*map(Text, line))
    return table


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def _cell(value: object) -> str:
    """A value in a table. Characters that would break the line, or play with the terminal, are escaped."""
    match value:
        case None:
            text = "-"
        case bool():
            text = "yes" if value else "no"
        case float():
            text = f"{value:.3f}".rstrip("0").rstrip(".")
        case datetime():
            text = value.isoformat(sep=" ", timespec="seconds")
        case str() | int():
            text = str(value)
        case list() | tuple() | dict():
            text = json.dumps(_plain(value), ensure_ascii=False)
        case _:
            text = str(_plain(value))
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _plain(value: object) -> object:  # noqa: C901, PLR0911 - one line a type
    """The value in the types that JSON has."""
    match value:
        case Enum():
            return _plain(value.value)
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case Decimal() if value.is_finite():
            return int(value) if value == value.to_integral_value() else float(value)
        case float() | Decimal():
            return None
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes():
            return f"\\x{value.hex()}"
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted(map(_plain, value), key=str)
        case list() | tuple() | Iterator():
            return [_plain(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return _plain(asdict(value))
    return str(value)
