"""What a worker holds of its link: the two connections, the lock, and the replayer on top of them."""

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import Connection, pq
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link
from ucrepl.db.sqlfiles import query
from ucrepl.link.ingredients import pairs_in_names
from ucrepl.link.lock import try_lock
from ucrepl.link.node import identify
from ucrepl.link.nodes import Nodes
from ucrepl.link.replay import LinkReplayer
from ucrepl.link.setup import open_link

if TYPE_CHECKING:
    from ucrepl.plan.model import LinkPlan

CANCEL_SECONDS: Final = 1.0
_CLOSED: Final = "the link is not open"


class Session:
    """Belongs to one thread. `cancel` and `is_busy` may be called by any.

    `replayer` is there while the link is open; `plan` stays from the last time that it was; `waits_for_seeding` tells
    why it could not be opened.
    """

    def __init__(self, config: Config, link: Link) -> None:
        self.config = config
        self.link = link
        self.replayer: LinkReplayer | None = None
        self.plan: LinkPlan | None = None
        self.is_locked = False
        self.waits_for_seeding = False
        self._target: Connection[TupleRow] | None = None
        self._source: Connection[TupleRow] | None = None
        self._nodes: Nodes | None = None
        self._to_close = ExitStack()
        self._catalogs: tuple[object, ...] = ()

    def open(self) -> LinkReplayer | None:
        """Connect, take the lock of the link, and make its plan. None while somebody else has the link.

        That is another daemon, which has the lock, or a seeding.

        The target comes first: a standby holds a connection to the target and none to the source, and calls this
        again. Raises what `open_link` raises, UnreachableError, and psycopg's errors: `close` then.
        """
        if self.replayer:
            return self.replayer
        if self._nodes is None or self._target is None:
            self._nodes = self._to_close.enter_context(Nodes(self.config, self.link.name))
            self._target = self._nodes.another(self.link.target)
            identify(self._target, self.link.target)
        known = self._target.execute(
            "SELECT link_id, seeding FROM ucrepl.link WHERE name = %s", [self.link.name]
        ).fetchone()
        self.waits_for_seeding = bool(known and known[1])
        if known and (self.waits_for_seeding or not self._lock(known[0])):
            return None
        self._source = self._nodes.another(self.link.source)
        self._catalogs = self._fingerprints(self._source, self._target)
        opened = open_link(self.config, self.link, self._source, self._target)
        if not (self.is_locked or self._lock(opened.link_id)):  # another one was as new to it, and faster
            self.close()
            return None
        self.plan = opened.plan
        self.replayer = LinkReplayer(self.link, opened)
        return self.replayer

    def _fingerprints(self, source: Connection[TupleRow], target: Connection[TupleRow]) -> tuple[object, ...]:
        """What a plan is made of: the catalogs, and the ids that stand in names of columns."""
        pairs = pairs_in_names(target, self.link, self.config.packs)
        return (*(end.execute(query("fingerprint")).fetchone() for end in (source, target)), pairs)

    def _lock(self, link_id: int) -> bool:
        if self._target is not None and not self.is_locked:
            self.is_locked = try_lock(self._target, link_id)
        return self.is_locked

    @property
    def source(self) -> Connection[TupleRow]:
        """The connection to the source of an open link. Nothing is being read ahead on it any more."""
        if self._source is None or self.replayer is None:
            raise psycopg.InterfaceError(_CLOSED)
        self.replayer.stop_reading()
        return self._source

    @property
    def target(self) -> Connection[TupleRow]:
        """The connection to the target of an open link."""
        if self._target is None or self.replayer is None:
            raise psycopg.InterfaceError(_CLOSED)
        return self._target

    @property
    def is_usable(self) -> bool:
        """Whether the link is open and both connections are ready for the next statement."""
        return self.replayer is not None and all(_is_idle(end) for end in (self._source, self._target))

    @property
    def lost(self) -> list[str]:
        """The nodes to which the connection is lost."""
        ends = ((self.link.source, self._source), (self.link.target, self._target))
        return [node for node, end in ends if end is not None and end.pgconn.status == pq.ConnStatus.BAD]

    @property
    def is_busy(self) -> bool:
        """Whether a server is at work for us."""
        ends = (self._source, self._target)
        return any(end.pgconn.transaction_status == pq.TransactionStatus.ACTIVE for end in ends if end is not None)

    def has_other_tables(self) -> bool:
        """Whether the tables of a side may have changed since the plan was made."""
        return self._fingerprints(self.source, self.target) != self._catalogs

    def cancel(self) -> None:
        """Cancel what the servers do for us. The transaction of the batch is rolled back: nothing is lost."""
        for end in (self._target, self._source):
            if end is not None:
                with suppress(psycopg.Error):
                    end.cancel_safe(timeout=CANCEL_SECONDS)

    def is_seeding(self) -> bool:
        """Whether somebody seeds the link, or has begun to."""
        row = self.target.execute("SELECT seeding FROM ucrepl.link WHERE name = %s", [self.link.name]).fetchone()
        return bool(row and row[0])

    def record_error(self, text: str | None) -> None:
        """Write the last error of the link, or that there is none, on the target, if it is there and the lock ours."""
        if not (self.is_locked and self._target is not None and _is_idle(self._target)):
            return
        with suppress(psycopg.Error), self._target.transaction():
            self._target.execute("SET LOCAL lock_timeout = '2s'")
            self._target.execute(
                "UPDATE ucrepl.link SET last_error = %(text)s,"
                " last_error_at = CASE WHEN %(text)s::text IS NOT NULL THEN now() END"
                " WHERE name = %(link)s AND (last_error IS NOT NULL OR %(text)s::text IS NOT NULL)",
                {"text": text, "link": self.link.name},
            )

    def record_waiting(self, text: str | None) -> None:
        """Write down what the link waits for, on the target, or that it goes on."""
        self.target.execute(
            "UPDATE ucrepl.link SET waits_for = %(text)s WHERE name = %(link)s AND waits_for IS DISTINCT FROM %(text)s",
            {"text": text, "link": self.link.name},
        )

    def close(self) -> None:
        """Close both connections; the lock goes with the one to the target."""
        if self.replayer:
            self.replayer.stop_reading()
        self.replayer = self._nodes = self._target = self._source = None
        self.is_locked = False
        self._to_close.close()


def _is_idle(connection: Connection[TupleRow] | None) -> bool:
    return connection is not None and connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
