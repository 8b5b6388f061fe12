"""Brings the files of the attachments in a batch before their rows are written."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.link.files.parked import forget_parked, park_files, still_wanted
from ucrepl.link.files.store import FileError, Incoming, Wanted, is_there, path_of
from ucrepl.link.files.transport import Brought, Route, Transport
from ucrepl.plan.files import attachments, restore
from ucrepl.plan.model import LinkPlan, TablePlan

RETRIED_AT_ONCE: Final = 1000


@dataclass
class Carried:
    """What became of files: those that came, and those that are parked, with the reason."""

    files: int = 0
    bytes: int = 0
    parked: list[tuple[Wanted, FileError]] = field(default_factory=list)

    @property
    def refused(self) -> dict[str, str]:
        """The parked ones, name -> why."""
        return {file.name: error.message for file, error in self.parked}

    def add(self, other: "Carried") -> None:
        """Count what became of others, too."""
        self.files += other.files
        self.bytes += other.bytes
        self.parked += other.parked


class Courier:
    """Brings files to one side of a link, in the transactions of its session.

    A target that keeps attachments in the database gets the contents in their rows. `noted` are the files of the batch
    at hand, which are to be looked at once more when it is committed; `carried` is what was done since `reset`.
    """

    def __init__(
        self, target: Connection[TupleRow], plan: LinkPlan, table: TablePlan, link_id: int, transport: Transport
    ) -> None:
        self.transport = transport
        self.table = table
        self.carried = Carried()
        self.noted: dict[str, Wanted] = {}
        self._target = target
        self._link_id = link_id
        self._hstore = plan.hstore_schema
        self._restore = restore(plan, table)

    @property
    def _root(self) -> Path | None:
        return self.transport.route.end

    def reset(self) -> None:
        """A batch begins."""
        self.carried = Carried()
        self.noted = {}

    def bring(self, tables: Collection[int]) -> bool:
        """Brings the files of the staged changes. Returns whether these were changed, for another place of contents.

        What can't be brought is parked. Raises UnreachableError and psycopg's errors.
        """
        if self.table.number not in tables:
            return False
        in_rows = in_database(self._target)
        if self._root is None and not in_rows:
            return False
        values = {"table": self.table.number}
        rows = self._target.execute(query("files_wanted", self._hstore), values, prepare=True).fetchall()
        wanted = [Wanted(*row) for row in rows]
        if not in_rows:
            self.fetch(wanted)
        return self._move(wanted, in_rows=in_rows)

    def fetch(self, wanted: Sequence[Wanted]) -> None:
        """Brings those of the files into the filestore that are not there; parks those that can't be brought."""
        if self._root is None:
            return
        self.noted |= {file.name: file for file in wanted}
        absent = [file for file in wanted if not is_there(self._root, file)]
        came = [brought.wanted.name for brought in self._brought(absent, self._root)]
        if came:
            forget_parked(self._target, self._link_id, came)

    def look_again(self) -> None:
        """Brings again what the garbage collector of Odoo has taken away before the rows were committed."""
        root, noted = self._root, list(self.noted.values())
        self.noted = {}
        if root is None:
            return
        failed = {file.name for file, _ in self.carried.parked}
        gone = [f for f in noted if f.name not in failed and not path_of(root, f.name).exists()]
        if gone:
            with self._target.transaction():
                self.fetch(gone)
            self.noted = {}

    def retry(self) -> int:
        """Tries parked files again, in a transaction of its own. Returns how many came."""
        with self._target.transaction():
            wanted = still_wanted(self._target, self._link_id, RETRIED_AT_ONCE)
            self.carry(wanted)
            if self._root and not in_database(self._target):
                forget_parked(self._target, self._link_id, [f.name for f in wanted if is_there(self._root, f)])
        self.look_again()
        return len(wanted) - len(self.carried.parked)

    def carry(self, wanted: Sequence[Wanted]) -> None:
        """Brings these files for rows that are there or will be, in a transaction of its own or the one at hand."""
        self.reset()
        with self._target.transaction():
            self._target.execute("SELECT set_config('ucrepl.origin', %s, true)", [self.transport.route.source])
            (self._fill if in_database(self._target) else self.fetch)(wanted)

    def _fill(self, wanted: Sequence[Wanted]) -> None:
        """Puts the contents of these files into the rows of attachments that refer to them; parks what can't come."""
        for brought in self._brought(wanted, None):
            self._target.execute(
                "UPDATE public.ir_attachment SET db_datas = %b, store_fname = NULL WHERE store_fname = %s",
                [brought.content, brought.wanted.name],
            )
            forget_parked(self._target, self._link_id, [brought.wanted.name])

    def _brought(self, wanted: Sequence[Wanted], root: Path | None) -> Iterator[Brought]:
        """The files that have come, one by one; the others are parked."""
        troubles = []
        for brought in self.transport.bring(wanted, root):
            if brought.trouble:
                troubles.append((brought.wanted, brought.trouble))
                continue
            self.carried.files += 1
            self.carried.bytes += brought.wanted.size or len(brought.content)
            yield brought
        self.carried.parked += troubles
        park_files(self._target, self._link_id, troubles)

    def _move(self, wanted: Sequence[Wanted], *, in_rows: bool) -> bool:
        """Has the staged changes say where this side keeps the contents, where the other one keeps them elsewhere."""
        ours, theirs = ("db_datas", "store_fname") if in_rows else ("store_fname", "db_datas")
        values = {"table": self.table.number, "ours": ours, "theirs": theirs}
        row = self._target.execute(query("files_elsewhere", self._hstore), values, prepare=True).fetchone()
        if not (row and row[0]):
            return False
        self._target.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS stored (seq bigint NOT NULL, store_fname text, data bytea)"
            " ON COMMIT DROP"
        )
        self._target.execute("DELETE FROM pg_temp.stored")
        if in_rows:
            self._take_into_rows(wanted)
        else:
            self._take_out_of_rows()
        self._target.execute(query("files_emptied", self._hstore), values)
        return self._target.execute(self._restore.encode()).rowcount > 0

    def _take_into_rows(self, wanted: Sequence[Wanted]) -> None:
        statement = query("files_into_rows", self._hstore)
        for brought in self._brought(wanted, None):
            values = {"table": self.table.number, "name": brought.wanted.name, "data": brought.content}
            self._target.execute(statement, values)

    def _take_out_of_rows(self) -> None:
        """Writes the contents that the source keeps in its rows into files."""
        if self._root is None:
            return
        rows = self._target.cursor("ucrepl_files")  # one row at a time is in memory
        rows.itersize = 1
        with rows:
            rows.execute(query("files_in_rows", self._hstore), {"table": self.table.number})
            for seq, content in rows:
                sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
                older = Wanted(f"{sha1[:3]}/{sha1}", len(content))  # where old versions of Odoo have written it
                wanted = older if is_there(self._root, older) else Wanted(f"{sha1[:2]}/{sha1}", len(content))
                if self._wrote(wanted, content, self._root):
                    self._target.execute(
                        "INSERT INTO pg_temp.stored (seq, store_fname) VALUES (%s, %s)", [seq, wanted.name]
                    )

    def _wrote(self, wanted: Wanted, content: bytes, root: Path) -> bool:
        """Writes a file that is not there. A content that can't be written stays in its row."""
        if is_there(root, wanted):
            return True
        incoming = Incoming(wanted, root)
        try:
            incoming.write(content)
            incoming.finish()
        except FileError:
            return False
        finally:
            incoming.discard()
        self.carried.files += 1
        self.carried.bytes += len(content)
        return True


def in_database(node: Connection[TupleRow]) -> bool:
    """Whether Odoo keeps attachments in the database of this node."""
    row = node.execute("SELECT to_regclass('public.ir_config_parameter')").fetchone()
    if row is None or row[0] is None:
        return False
    row = node.execute(
        "SELECT true FROM public.ir_config_parameter WHERE key = 'ir_attachment.location' AND value = 'db'"
    ).fetchone()
    return row is not None


def courier_of(target: Connection[TupleRow], plan: LinkPlan, link_id: int, route: Route) -> Courier | None:
    """What brings files for a link; None where its target has no attachments as Odoo has them."""
    table = attachments(plan)
    return Courier(target, plan, table, link_id, Transport(route)) if table else None
