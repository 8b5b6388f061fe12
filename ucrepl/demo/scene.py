"""All that the terminal shows, as data. Each part is replaced as a whole, by one thread, and read by the view."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from statistics import median
from time import monotonic
from typing import Final


class Progress(Enum):
    """Where an act stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(slots=True)
class Act:
    """One act: what is done, in a sentence, and what came out of it."""

    title: str
    sentence: str
    progress: Progress = Progress.WAITING
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """A site at this moment: whether its server is up, and what was done there."""

    up: bool = False
    transactions: int = 0
    last: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """What `ucrepl status` says of a link."""

    state: str = "-"
    applied: int = 0
    lag_rows: int = 0
    conflicts: int = 0
    parked: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Partner:
    """A customer, and the id that each site gave it; None where it has not arrived."""

    name: str
    ids: tuple[int | None, int | None]


class Latency:
    """How long changes took from the commit on one side until they were seen on the other."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    @property
    def p50_ms(self) -> float | None:
        """Half of the changes were faster than this."""
        return median(self.seconds) * 1000 if self.seconds else None

    @property
    def max_ms(self) -> float | None:
        """The slowest."""
        return max(self.seconds) * 1000 if self.seconds else None


TURIN: Final = "turin"
MILAN: Final = "milan"
SITES: Final = (TURIN, MILAN)
LINKS: Final = ((TURIN, MILAN), (MILAN, TURIN))


def link_name(source: str, target: str) -> str:
    """How ucrepl calls the link."""
    return f"{source}->{target}"


@dataclass(slots=True)
class Scene:
    """The whole picture."""

    acts: Sequence[Act]
    sites: dict[str, Site] = field(default_factory=lambda: {name: Site() for name in SITES})
    links: dict[str, Link] = field(default_factory=lambda: {link_name(*link): Link() for link in LINKS})
    latencies: dict[str, Latency] = field(default_factory=lambda: {link_name(*link): Latency() for link in LINKS})
    partners: Sequence[Partner] = ()
    started: float = field(default_factory=monotonic)

    @property
    def elapsed(self) -> float:
        """Seconds since the curtain rose."""
        return monotonic() - self.started
