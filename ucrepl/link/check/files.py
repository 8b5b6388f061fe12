"""The checks of filestores: those that the configuration names on this host, and the way of files along a link."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from ucrepl.link.check.facts import LinkFacts, NodeFacts
from ucrepl.link.check.finding import Finding, Severity
from ucrepl.link.files.courier import in_database
from ucrepl.link.files.serve import SERVER_LOCK
from ucrepl.link.files.store import FileError, path_of
from ucrepl.link.words import counted
from ucrepl.plan.files import ATTACHMENTS, attachments

_LOOKED_AT = 100
"""So many of the newest attachments tell whether a folder is the filestore of the database."""


def filestore(node: NodeFacts) -> Iterator[Finding]:
    """The folder must be there, be that of the database, and be open to who runs this, as the daemon would."""
    root = node.config.nodes[node.name].filestore
    if root is None:
        return
    if not root.is_dir():
        yield _unusable(node, f"the filestore {str(root)!r} is not there", "correct 'filestore', or mount the folder")
        return
    is_read = any(link.source == node.name for link in node.config.links)
    is_written = any(link.target == node.name for link in node.config.links)
    if lacking := [
        word
        for word, wanted, right in (("read", is_read, os.R_OK | os.X_OK), ("write to", is_written, os.W_OK | os.X_OK))
        if wanted and not os.access(root, right)
    ]:
        message = f"the user {_user(os.geteuid())!r} may not {' and '.join(lacking)} the filestore {str(root)!r}"
        remedy = f"run this, and the daemon, as the owner {_user(root.stat().st_uid)!r} (`User=` in the unit)"
        yield _unusable(node, message, remedy)
    elif is_read and (files := _newest(node)) and not any(_is_file(root, name) for name in files):
        message = f"none of the newest {counted(len(files), 'file')} of attachments is in {str(root)!r}"
        remedy = "name the folder that belongs to this database, as 'data_dir/filestore/DATABASE'"
        yield Finding("warning", "filestore", message, remedy, node=node.name)


def files(link: LinkFacts) -> Iterator[Finding]:
    """Files come along with attachments only where both ends of their way are known."""
    source, target = link.link.source, link.link.target
    nodes = link.source.config.nodes
    if attachments(link.plan) is None or not _newest(link.source):
        return
    if not (nodes[target].filestore or in_database(link.target.connection)):
        message = f"files of attachments are not brought to {target!r}: it has no 'filestore' in this configuration"
        remedy = f"run a daemon beside the files of {target!r} and give it the key, or see to the files in another way"
        yield _of_link(link, "note", message, remedy)
    elif not (nodes[source].filestore or _is_served(link.source)):
        message = f"no daemon sends the files of {source!r}: none runs beside its filestore"
        remedy = f"run a daemon there, with 'filestore' of {source!r} in its configuration"
        yield _of_link(link, "warning", message, remedy)


def _newest(node: NodeFacts) -> list[str]:
    """Names of files to which the newest attachments refer."""
    table = node.catalog.tables.get(ATTACHMENTS)
    if table is None or not {"id", "store_fname"} <= table.columns.keys():
        return []
    rows = node.connection.execute(
        "SELECT store_fname FROM public.ir_attachment WHERE store_fname <> '' ORDER BY id DESC LIMIT %s", [_LOOKED_AT]
    )
    return [name for (name,) in rows]


def _is_file(root: Path, name: str) -> bool:
    try:
        return path_of(root, name).is_file()
    except FileError:
        return False


def _is_served(node: NodeFacts) -> bool:
    [(served,)] = node.connection.execute(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_database AS d ON d.oid = l.database"
        " WHERE d.datname = pg_catalog.current_database() AND l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted"
        " AND (l.classid::bigint << 32) + l.objid::bigint = %s)",
        [SERVER_LOCK],
    ).fetchall()
    return bool(served)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _unusable(node: NodeFacts, message: str, remedy: str) -> Finding:
    return Finding("error", "filestore", message, remedy, node=node.name)


def _of_link(link: LinkFacts, severity: Severity, message: str, remedy: str) -> Finding:
    return Finding(severity, "files", message, remedy, link=link.link.name)
