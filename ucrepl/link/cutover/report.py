"""What a cut-over was: kept on both nodes, shown by `cutover report`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.link.cutover.fence import read_fence


@dataclass
class Report:
    """A cut-over in numbers. Times are milliseconds.

    `steps`: how long each took; `waited_ms`: how long writers had to wait, from the moment in which the old side let in
    no new one until the new side, and what stands in front of it, let them go on; of a rehearsal, what it would have
    been. `pause_ms`: from the last change on the old side to the first on the new one, as the journals have them, None
    while there is none. `rows`: changes that were replayed meanwhile. `numbers`: what was set on the new side.
    `compared`: how many tables; `in_part`: those of which only a part was; `not_compared`: those that were changed, and
    were not. `notes`: what a person should know.
    """

    link: str
    kind: str
    source: str
    target: str
    outcome: str | None = None
    reason: str | None = None
    waited_ms: float | None = None
    pause_ms: float | None = None
    last_write_at: str | None = None
    first_write_at: str | None = None
    rows: int = 0
    numbers: dict[str, int] = field(default_factory=dict)
    compared: int = 0
    in_part: list[str] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)
    caches: int = 0
    steps: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    clocks: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The report as it is stored and printed."""
        return asdict(self)


def last_change(node: Connection[TupleRow]) -> datetime | None:
    """When the node was last written to by others than replay."""
    row = node.execute(query("cutover_last_change")).fetchone()
    return row[0] if row else None


def note_first_write(report: Mapping[str, Any], target: Connection[TupleRow]) -> dict[str, Any]:
    """The report with the first change on the new side, and the pause until then, once there is one."""
    known = dict(report)
    fence = read_fence(target)
    if known.get("first_write_at") or known.get("outcome") != "done" or fence.closed or fence.changed_xid is None:
        return known
    row = target.execute(query("cutover_first_change"), {"opened": str(fence.changed_xid)}).fetchone()
    if row is None:
        return known
    known["first_write_at"] = row[0].isoformat()
    if known.get("last_write_at"):
        skew = known["clocks"].get(known["target"], 0.0) - known["clocks"].get(known["source"], 0.0)
        passed = row[0] - datetime.fromisoformat(known["last_write_at"])
        known["pause_ms"] = round((passed.total_seconds() - skew) * 1000, 1)
    return known
