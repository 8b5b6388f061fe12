"""A node: the schema that it carries, and whether it still is the database that it says it is."""

from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ucrepl.db.sqlfiles import query, root
from ucrepl.errors import RefusedError


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """Who a database is: `genuine` is false for a restored or cloned one.

    `stranger_to` names the owner of the schema where the role that has begun the session is no member of it.
    """

    uuid: UUID
    name: str
    system_identifier: int
    database_oid: int
    genuine: bool
    stranger_to: str | None


def newest_version() -> int:
    """The version of the node's schema that this program brings."""
    return max(int(f.name[:4]) for f in (root() / "migrations").iterdir())


def schema_version(connection: Connection[TupleRow]) -> int | None:
    """The version of the schema `ucrepl` in the database: None where it is not, 0 where it is not ours."""
    exists = connection.execute(
        "SELECT pg_catalog.to_regnamespace('ucrepl'), pg_catalog.to_regclass('ucrepl.migration')"
    ).fetchone()
    if exists is None or exists[0] is None:
        return None
    if exists[1] is None:
        return 0
    row = connection.execute("SELECT coalesce(max(version), 0) FROM ucrepl.migration").fetchone()
    return row[0] if row else 0


def refuse_newer(node: str, version: int) -> None:
    """Raises RefusedError when the schema is newer than this program."""
    if version > newest_version():
        raise RefusedError(
            f"the schema of node {node!r} has version {version}, this program knows up to {newest_version()}",
            hint="upgrade ucrepl on this machine: pip install --upgrade ucrepl",
        )


def refuse_encoding(connection: Connection[TupleRow], node: str) -> None:
    """Raises RefusedError when the texts of the database are in another encoding than the one that all nodes have."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise RefusedError(
            f"the database of node {node!r} has the encoding {encoding!r}, and only 'UTF8' is supported",
            hint="dump it, and restore it into a database made with: createdb --encoding=UTF8 --template=template0",
        )


def identify(connection: Connection[TupleRow], node: str) -> NodeIdentity:
    """The identity of an installed node.

    Raises RefusedError when the database is not in UTF8, or is a restored or cloned copy of the one in which it was
    installed, and when the schema is not there, is older or newer than this program, or belongs to a role of which that
    of the session is no member.
    """
    refuse_encoding(connection, node)
    version = schema_version(connection)
    if not version:
        raise RefusedError(f"ucrepl is not installed on node {node!r}", hint="run: ucrepl install")
    refuse_newer(node, version)
    if version < newest_version():
        raise RefusedError(
            f"the schema of node {node!r} has version {version}, this program needs {newest_version()}",
            hint="run: ucrepl install",
        )
    with connection.cursor(row_factory=class_row(NodeIdentity)) as cursor:
        identity = cursor.execute(query("identity_of_database")).fetchone()
    if identity is None:
        raise RefusedError(f"the schema of node {node!r} has no identity", hint="run: ucrepl install")
    if identity.stranger_to:  # what it replays would count as changes of this node, and be sent back
        raise RefusedError(
            f"the schema 'ucrepl' of node {node!r} belongs to {identity.stranger_to!r}, and the role of the session is"
            " no member of it",
            hint=f"name {identity.stranger_to} as 'user' in 'dsn', or make the role a member of it",
        )
    if not identity.genuine:
        raise RefusedError(
            f"node {node!r} is a restored or cloned copy of the database in which ucrepl was installed",
            hint="its journal and positions belong to the original; start afresh with: ucrepl uninstall --force"
            " and ucrepl install, then seed the links again",
        )
    return identity
