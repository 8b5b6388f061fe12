"""Takes schema and triggers off nodes, without a trace."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from ucrepl.config import Config
from ucrepl.db.sqlfiles import query
from ucrepl.errors import RefusedError, UnreachableError
from ucrepl.link.cutover.documents import noted_counters, raise_counters
from ucrepl.link.ids.sequences import release
from ucrepl.link.install import alone
from ucrepl.link.lock import held
from ucrepl.link.node import newest_version, refuse_newer, schema_version
from ucrepl.link.nodes import Nodes, explained
from ucrepl.link.numbers.apart import take_back
from ucrepl.link.patience import with_short_lock

Ends = Mapping[str, Connection[TupleRow]]


@dataclass(frozen=True, slots=True)
class Away:
    """A peer that could not be asked for its document numbers: `node` goes on `margin` above the last ones known."""

    node: str
    peer: str
    margin: int


@dataclass(frozen=True, slots=True)
class Uninstalled:
    """What was done: node -> how many tables were released, None where nothing was installed; and who was away."""

    released: Mapping[str, int | None]
    away: tuple[Away, ...]


def uninstall(config: Config, nodes: Nodes, names: list[str], *, force: bool = False) -> Uninstalled:
    """Takes triggers, schema and, where we brought it, hstore off these nodes.

    The extension moves to the schema public if columns of the user's have come to need it. Nodes that share their ids
    hand out all of them again, and those whose document numbers are kept apart number as before: above all that any
    node has given to which links join them.

    Raises RefusedError, unless `force`, while a daemon replays a link to one of the nodes, changes are parked there or
    it is closed for writing; for a schema that is newer or not ours, always. Then all nodes are as they were.
    """
    leaving, released = {}, {}
    with ExitStack() as stack:
        for name in names:
            connection = nodes.get(name)
            with explained(name):
                stack.enter_context(alone(connection))
                version = _refuse(connection, name, force=force)
            released[name] = None if version is None else 0
            if version == newest_version():
                leaving[name] = connection
        joined = sorted(_joined(config, leaving) - set(names))
        staying = {name: end for name in joined if (end := _asked(nodes, name))}
        with explained(", ".join(leaving)):
            release(leaving, staying)
            renumbered = take_back(leaving, staying)
        absent = [name for name in joined if name not in staying]
        away = tuple(_above_the_absent(config, leaving, sorted(renumbered), absent))
        for name in (name for name in names if released[name] is not None):
            with explained(name):
                released[name] = _take_off(nodes.get(name))
    return Uninstalled(released, away)


def _joined(config: Config, names: Mapping[str, object]) -> set[str]:
    """These nodes, and all others to which links join them, over several nodes too."""
    found, size = set(names), -1
    while len(found) != size:
        size = len(found)
        for link in config.links:
            if found & {link.source, link.target}:
                found |= {link.source, link.target}
    return found


def _asked(nodes: Nodes, name: str) -> Connection[TupleRow] | None:
    """The connection to a node that can be asked for its numbers."""
    try:
        connection = nodes.get(name)
    except UnreachableError:
        return None
    return connection if schema_version(connection) == newest_version() else None


def _above_the_absent(config: Config, leaving: Ends, renumbered: list[str], absent: list[str]) -> Iterator[Away]:
    for link in config.links:
        if link.source in absent and link.target in renumbered:
            end, margin = leaving[link.target], config.cutover_of(link).number_margin
            raise_counters(end, link.source, noted_counters(end, link.name), margin)
            yield Away(link.target, link.source, margin)


def _refuse(connection: Connection[TupleRow], node: str, *, force: bool) -> int | None:
    """The version of the node's schema, None where there is none; raises RefusedError for one that has to stay."""
    version = schema_version(connection)
    if version is None:
        return None
    if version == 0:
        raise RefusedError(
            f"node {node!r} has a schema 'ucrepl' that this program did not make", hint="it is left as it is"
        )
    refuse_newer(node, version)
    if version == newest_version() and not force:
        _refuse_when_in_use(connection, node)
    return version


def _refuse_when_in_use(connection: Connection[TupleRow], node: str) -> None:
    for link_id, name in connection.execute("SELECT link_id, name FROM ucrepl.link ORDER BY name").fetchall():
        with held(connection, link_id, name):
            pass
    row = connection.execute("SELECT moved_to FROM ucrepl.fence WHERE closed").fetchone()
    if row:
        raise RefusedError(
            f"node {node!r} is closed for writing, its work is on {row[0]}: without ucrepl it would be open",
            hint="see: ucrepl cutover status; to open it all the same: ucrepl uninstall --force",
        )
    for what, statement in (
        ("parked", "SELECT count(*) FROM ucrepl.parked WHERE skipped_at IS NULL"),
        ("held", "SELECT count(*) FROM ucrepl.held"),
    ):
        row = connection.execute(statement).fetchone()
        if row and row[0]:
            raise RefusedError(
                f"node {node!r} holds {row[0]} {what} changes that would be lost",
                hint=f"look at them with: ucrepl {what} list; or throw them away with: ucrepl uninstall --force",
            )


def _take_off(connection: Connection[TupleRow]) -> int:
    """Drops triggers and schema. Returns the number of tables that had triggers."""
    tables = [row[0] for row in connection.execute(query("triggers")).fetchall()]
    for table in tables:
        with_short_lock(connection, sql.SQL("SELECT ucrepl.drop_triggers({})").format(table))
    if connection.execute(query("foreign_uses_of_schema")).fetchone():
        # Somebody has put the hstore that we brought to use; by now none of our functions needs it any more.
        with_short_lock(connection, sql.SQL("ALTER EXTENSION hstore SET SCHEMA public"))
    with_short_lock(connection, sql.SQL("DROP SCHEMA ucrepl CASCADE"))
    return len(tables)
