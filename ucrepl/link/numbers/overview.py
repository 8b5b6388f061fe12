"""The state of document numbers on several nodes: what is kept apart, what is not as it should be, what was noted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link
from ucrepl.db.catalog import read_catalog
from ucrepl.link.nodes import Nodes, explained
from ucrepl.link.numbers.choose import nodes_of
from ucrepl.link.numbers.counters import read_counters
from ucrepl.link.numbers.report import Numbered, report
from ucrepl.link.numbers.state import Numbering

DUE_DAYS: Final = 60
"""So long before a date range ends the next one should be there."""

DUE_HINT: Final = (
    "run the daemon, which makes those of calendar years; make others on one node while the links run, in Odoo"
)
"""What keeps its first number from being given twice."""


@dataclass(frozen=True, slots=True)
class NodeNumbers:
    """Of a node: what it does with standard sequences, all sequences and journals, and what is wrong.

    `wrong` are PostgreSQL sequences that give other numbers than those of the slot, `triggers` those that are missing
    or disabled; `noted`: how many numbers it has given that another node owns, with the last document. `ranges_due`:
    sequences whose next date range is not there though it begins soon, see `ranges_due` below.
    """

    node: str
    numbering: Numbering | None
    numbered: list[Numbered]
    wrong: list[str]
    triggers: list[str]
    noted: int
    last_noted: str | None
    ranges_due: list[str]

    @property
    def is_right(self) -> bool:
        """Whether numbers are kept apart as they are meant to be."""
        return not (self.wrong or self.triggers)


def numbers_of_nodes(config: Config, links: Sequence[Link], nodes: Nodes) -> list[NodeNumbers]:
    """The state of the nodes that these links join. Raises as `identify` does, ConfigError for a wrong `where`."""
    with nodes_of(config, links, nodes, alone=False) as chosen:
        found = []
        for node, connection in chosen.apart.ends.items():
            with explained(node):
                numbering = chosen.apart.before[node]
                noted = connection.execute(
                    "SELECT count(*), (array_agg(document ORDER BY note_id DESC))[1] FROM ucrepl.number_note"
                ).fetchone() or (0, None)
                found.append(
                    NodeNumbers(
                        node=node,
                        numbering=numbering,
                        numbered=report(config, node, connection, read_catalog(connection)),
                        wrong=wrong_counters(connection, numbering),
                        triggers=missing_triggers(connection),
                        noted=noted[0],
                        last_noted=noted[1],
                        ranges_due=ranges_due(connection),
                    )
                )
        return found


def wrong_counters(connection: Connection[TupleRow], numbering: Numbering | None) -> list[str]:
    """The PostgreSQL sequences of an installed node that do not keep to its slot."""
    slot = numbering.as_slot() if numbering else None
    return [c.name for c in read_counters(connection) if not c.fits(slot)] if slot else []


def missing_triggers(connection: Connection[TupleRow]) -> list[str]:
    """The triggers for document numbers that are missing or disabled on an installed node."""
    rows = connection.execute(
        "SELECT table_name || '.' || trigger_name FROM ucrepl.number_triggers() WHERE NOT is_there ORDER BY 1"
    ).fetchall()
    return [row[0] for row in rows]


def ranges_due(connection: Connection[TupleRow]) -> list[str]:
    """The sequences of a node with interleaved numbers whose date range ends soon, and of which no later one is there.

    Odoo begins the next one when it needs it, with the number 1: two nodes that both do so before they hear of each
    other give that number twice.
    """
    return [
        name for (name,) in connection.execute("SELECT name FROM ucrepl.date_ranges_due(%s)", [DUE_DAYS]).fetchall()
    ]
