"""Asks the nodes for what they hold as targets: parked changes and conflicts.

Their ids are numbers of one node each, so that two nodes can have the same id.
"""

from typing import TYPE_CHECKING, Protocol, TypeVar

from ucrepl.cli.output import print_error
from ucrepl.errors import Exit, UcreplError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from ucrepl.config import Link
    from ucrepl.link.nodes import Nodes


class Held(Protocol):
    """What a node holds as the target of a link."""

    @property
    def id(self) -> int:
        """Its number on the node."""

    @property
    def link(self) -> str:
        """The name of the link."""


T = TypeVar("T")
H = TypeVar("H", bound=Held)


def collect(
    nodes: "Nodes", link: "Link | None", ask: "Callable[[Connection[TupleRow]], list[T]]", *, tolerant: bool = False
) -> tuple[list[tuple[str, T]], int]:
    """Asks the target of the link, or every node on which ucrepl is installed.

    Returns the answers, each with its node, and the exit code: `tolerant` of a node that can't be asked, it says so and
    goes on. Else raises what `Nodes.get` and `identify` do.
    """
    from ucrepl.link.node import identify, schema_version
    from ucrepl.link.nodes import explained

    found: list[tuple[str, T]] = []
    code: int = Exit.OK
    for name in [link.target] if link else nodes.config.nodes:
        try:
            connection = nodes.get(name)
            with explained(name):
                if link is None and schema_version(connection) is None:
                    continue
                identify(connection, name)
                found += [(name, item) for item in ask(connection)]
        except UcreplError as error:
            if not tolerant:
                raise
            print_error(error.message, error.hint)
            code = error.exit_code
    return found, code


def by_ids(
    nodes: "Nodes",
    link: "Link | None",
    ids: list[int],
    ask: "Callable[[Connection[TupleRow]], list[H]]",
    what: tuple[str, str],
) -> list[tuple[str, H]]:
    """What has these ids, each with its node, in the order given. `what`: what it is called, and what lists it.

    Raises UsageError for an id that no node has, and for one that several have.
    """
    found, _ = collect(nodes, link, ask)
    chosen = []
    for wanted in dict.fromkeys(ids):
        here = [(node, item) for node, item in found if item.id == wanted]
        if not here:
            where = f" of link {link.name!r}" if link else ""
            raise UsageError(f"there is no {what[0]}{where} with the id {wanted!r}", f"to see all: {what[1]}")
        if len(here) > 1:
            links = " or ".join(f"--link '{item.link}'" for _, item in here)
            raise UsageError(
                f"{' and '.join(repr(node) for node, _ in here)} have each a {what[0]} with the id {wanted!r}",
                f"say which is meant: {links}",
            )
        chosen += here
    return chosen
