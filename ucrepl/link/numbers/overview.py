"""The state of document numbers on several nodes: what is kept apart, what is not as it should be, what was noted."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link
from ucrepl.db.catalog import read_catalog
from ucrepl.link.nodes import Nodes, explained
from ucrepl.link.numbers.choose import nodes_of
from ucrepl.link.numbers.counters import read_counters
from ucrepl.link.numbers.report import Numbered, report
from ucrepl.link.numbers.state import Numbering


@dataclass(frozen=True, slots=True)
class NodeNumbers:
    """Of a node: what it does with standard sequences, all sequences and journals, and what is wrong.

    `wrong` are PostgreSQL sequences that give other numbers than those of the slot, `triggers` those that are missing
    or disabled; `noted`: how many numbers it has given that another node owns, with the last document.
    """

    node: str
    numbering: Numbering | None
    numbered: list[Numbered]
    wrong: list[str]
    triggers: list[str]
    noted: int
    last_noted: str | None

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
