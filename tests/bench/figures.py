"""What a benchmark finds out: rows for a table, and figures, some of which must stay within a bound."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ucrepl.cli.output import print_json, print_table, print_text, talk


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its unit. It must be `at_least` or `at_most` something, or is told for what it is worth."""

    name: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool:
        """Whether it is within its bound."""
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    def line(self) -> str:
        """As a line of text: `drain insert ratio 0.92 (must be >= 0.80)`."""
        unit = f" {self.unit}" if self.unit else ""
        bounds = [f"{sign} {bound:.2f}{unit}" for sign, bound in ((">=", self.at_least), ("<=", self.at_most)) if bound]
        return f"{self.name} {self.value:.2f}{unit}" + (f" (must be {', '.join(bounds)})" if bounds else "")


@dataclass
class Report:
    """What a benchmark has found out. `rows` are those of its table, `remarks` say what they mean."""

    name: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def tell(self, figure: Figure) -> None:
        """Add a figure, and say it at once to who waits at the terminal."""
        self.figures.append(figure)
        talk(f"  {figure.line()}")

    def show(self) -> None:
        """Print the table and the remarks."""
        if self.rows:
            print_table(self.rows, columns_of(self.rows))
        for remark in self.remarks:
            print_text(remark)

    def plain(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {**asdict(self), "figures": [{**asdict(figure), "met": figure.met} for figure in self.figures]}


def columns_of(rows: Iterable[Mapping[str, object]]) -> Sequence[str]:
    """All columns that any of the rows has, in the order in which they appear."""
    return list(dict.fromkeys(column for row in rows for column in row))


def print_reports(reports: Sequence[Report], conditions: str, *, as_json: bool) -> None:
    """Print all: the tables first, at the very end a line for each figure."""
    if as_json:
        print_json({"conditions": conditions, "reports": [report.plain() for report in reports]})
        return
    print_text(conditions)
    for report in reports:
        print_text(f"\n{report.name}")
        report.show()
    print_text("")
    for report in reports:
        for figure in report.figures:
            print_text(figure.line() + ("" if figure.met else "  MISSED"))
