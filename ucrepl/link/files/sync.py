"""The first copy of all files: what attachments of the source refer to and the target has not."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link
from ucrepl.errors import RefusedError
from ucrepl.link.files.courier import Courier, courier_of, in_database
from ucrepl.link.files.store import Wanted, is_there, sweep
from ucrepl.link.nodes import Nodes
from ucrepl.link.setup import OpenLink, preview_link
from ucrepl.plan.files import ATTACHMENTS

AT_ONCE: Final = 200
_READ_AT_ONCE: Final = 10_000

Progress = Callable[[int, int | None, str], None]


@dataclass
class Synced:
    """What a copy of files has done: files in all, those that were there, those that came, those that could not."""

    link: str
    files: int = 0
    present: int = 0
    copied: int = 0
    bytes: int = 0
    parked: dict[str, str] = field(default_factory=dict)


def sync_files(config: Config, link: Link, nodes: Nodes, progress: Progress, *, known: bool = False) -> Synced:
    """Brings all files of the source that the target has not; one that can't be brought is parked.

    `known`: only those to which attachments of the target refer. It may be interrupted, and goes on where it was when
    it is run again. Where the target keeps attachments in the database their rows get the contents. Raises RefusedError
    where a rule keeps the attachments from the target, where the target has no filestore in the configuration, and what
    forbids to open the link.
    """
    source, target = nodes.another(link.source), nodes.get(link.target)
    opened = preview_link(config, link, source, target)
    courier = _courier(link, opened)
    fill = in_database(target)
    if not fill and opened.route.end is None:
        raise RefusedError(
            f"node {link.target!r} has no filestore to copy to",
            hint=f"give it 'filestore', or set it where the daemon of link {link.name!r} runs",
        )
    reader = target if fill or known else source
    synced = Synced(link.name, count_files(reader))
    courier.transport.beat = lambda: progress(synced.present + synced.copied, synced.files, "")
    if opened.route.end is not None:
        sweep(opened.route.end)
    for wanted in _batches(reader):
        absent = [f for f in wanted if fill or opened.route.end is None or not is_there(opened.route.end, f)]
        synced.present += len(wanted) - len(absent)
        for first in range(0, len(absent), AT_ONCE):
            courier.carry(absent[first : first + AT_ONCE])
            synced.copied += courier.carried.files
            synced.bytes += courier.carried.bytes
            synced.parked |= courier.carried.refused
            progress(synced.present + synced.copied, synced.files, f"{len(synced.parked)} parked")
    return synced


def _courier(link: Link, opened: OpenLink) -> Courier:
    courier = courier_of(opened.target, opened.plan, opened.link_id, opened.route)
    if courier is None:
        raise RefusedError(
            f"link {link.name!r} has no attachments: a rule or a side leaves 'ir_attachment' out",
            hint=f"look at: ucrepl plan '{link.name}' --table ir_attachment",
        )
    if "store_fname" in opened.plan.masks.get(ATTACHMENTS, {}):
        raise RefusedError(
            f"a rule masks 'store_fname' of 'ir_attachment' for link {link.name!r}: its files do not leave the source",
            hint="take 'store_fname' out of 'set' to copy the files",
        )
    return courier


def count_files(node: Connection[TupleRow]) -> int:
    """To how many files attachments of a node refer."""
    row = node.execute(
        "SELECT count(DISTINCT store_fname) FROM public.ir_attachment WHERE store_fname <> ''"
    ).fetchone()
    return row[0] if row else 0


def _batches(node: Connection[TupleRow]) -> Iterator[list[Wanted]]:
    """The files to which attachments of a node refer, each once, by name."""
    select, after = _select(node), ""
    while True:
        rows = node.execute(
            f"{select} WHERE store_fname > %s GROUP BY store_fname ORDER BY store_fname LIMIT %s".encode(),
            [after, _READ_AT_ONCE],
        ).fetchall()
        if not rows:
            return
        yield [Wanted(*row) for row in rows]
        after = rows[-1][0]


def files_of(node: Connection[TupleRow]) -> Iterator[Wanted]:
    """The files to which attachments of a node refer, each once, by name."""
    for batch in _batches(node):
        yield from batch


def files_of_rows(node: Connection[TupleRow], ids: Sequence[int]) -> list[Wanted]:
    """The files to which these attachments of a node refer."""
    statement = f"{_select(node)} WHERE id = ANY (%s) AND store_fname <> '' GROUP BY store_fname"
    return [Wanted(*row) for row in node.execute(statement.encode(), [ids]).fetchall()]


def _select(node: Connection[TupleRow]) -> str:
    checksum = node.execute(
        "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.ir_attachment'::regclass"
        " AND attname = 'checksum' AND NOT attisdropped)"
    ).fetchone()
    known = "max(checksum)" if checksum and checksum[0] else "NULL::text"
    return f"SELECT store_fname, max(file_size)::bigint, {known} FROM public.ir_attachment"


def lacking_files(config: Config, link: Link, nodes: Nodes) -> int:
    """How many files to which attachments of the target refer it has not; 0 where the link brings none.

    Raises as `sync_files` does, but for what keeps a link from bringing files.
    """
    target = nodes.get(link.target)
    opened = preview_link(config, link, nodes.get(link.source), target)
    if courier_of(target, opened.plan, opened.link_id, opened.route) is None:
        return 0
    if in_database(target):
        return count_files(target)
    end = opened.route.end
    return sum(not is_there(end, file) for file in files_of(target)) if end else 0
