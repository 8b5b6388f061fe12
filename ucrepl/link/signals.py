"""Tells the workers of the target's Odoo, and the open pages of its users, what a batch has changed under them."""

from collections.abc import Collection, Mapping

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.link.bus import Bus
from ucrepl.packs import Packs
from ucrepl.plan import cached
from ucrepl.plan.catalog import TableName
from ucrepl.plan.model import Signal


def signalling(target: Connection[TupleRow], packs: Packs) -> dict[str, bool]:
    """What the target has of the signals that packs know, each with whether it is a sequence."""
    names = sorted({name for relations in packs.signals.values() for name in relations})
    return dict(target.execute(query("signalling"), {"names": names}).fetchall())


def tell_all(target: Connection[TupleRow], packs: Packs) -> int:
    """Tells the workers of a node that all their caches may be out of date. Returns how many signals were given."""
    there = signalling(target, packs)
    caches = (relations for cache, relations in packs.signals.items() if cache != cached.REGISTRY)
    told = {next((name for name in relations if name in there), None) for relations in caches} - {None}
    with target.transaction():
        target.execute("SELECT set_config('ucrepl.origin', 'cutover', true)")  # each node has its own signals
        for name in sorted(filter(None, told)):
            signal = Signal("", TableName("public", name), there[name], ())
            target.execute(cached.tell(signal).encode())
    return len(told)


class Signaller:
    """Tells workers on the connection on which batches are applied.

    Rows of tables become visible with the batch. A number of a sequence is visible at once, and a worker that saw it
    before the commit would keep the old rows: it is noted with the batch, and drawn after it. What a daemon that was
    killed in between has left is taken up by the first `send`.
    """

    def __init__(self, connection: Connection[TupleRow], link_id: int, bus: Bus | None = None) -> None:
        self._connection = connection
        self._link_id = link_id
        self._bus = bus
        self._is_due = True

    def note(self, signals: Collection[Signal]) -> list[str]:
        """Tells of the caches, in the transaction of the batch. Returns their names. Without any nothing is run."""
        if not signals:
            return []
        ways = {signal.relation.sql: signal for signal in signals}
        for signal in ways.values():
            if not signal.is_sequence:
                self._run(cached.tell(signal))
        due = [signal.is_sequence for signal in ways.values()]
        self._run(query("note_signals"), {"link": self._link_id, "relations": list(ways), "due": due})
        self._is_due |= any(due)
        if self._bus:
            self._bus.write()
        return sorted({signal.cache for signal in signals})

    def send(self) -> None:
        """Tells what is due, after the commit; nothing is run where nothing is. Raises what PostgreSQL does."""
        if self._is_due:
            self._run(query("send_signals"), {"link": self._link_id})
            self._is_due = False
        if self._bus:
            self._bus.notify()

    def _run(self, statement: str, values: Mapping[str, object] | None = None) -> None:
        self._connection.execute(statement.encode(), values, prepare=True)
