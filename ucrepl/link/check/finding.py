"""What a check has found."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
"""`error` forbids the start; `warning`: something will not work as one may think; `note`: good to know."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check has found about a node or a link, and what mends it."""

    severity: Severity
    check: str
    message: str
    remedy: str
    node: str | None = None
    link: str | None = None

    @property
    def about(self) -> str:
        """The node or link that it is about."""
        return self.node or self.link or ""

    def as_dict(self) -> dict[str, str]:
        """The fields for `--json`, with the one of `node` and `link` that it is about."""
        where = {"node": self.node} if self.node is not None else {"link": self.link or ""}
        rest = {"check": self.check, "message": self.message, "remedy": self.remedy}
        return {"severity": self.severity, **where, **rest}
