"""The finer grain: when a batch can't be applied as a whole, its parts are, and what still fails is parked."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.errors import LockNotAvailable
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.db.sqlstate import Verdict, classify
from ucrepl.link.applied import Applied, NeedsOrderError
from ucrepl.link.apply import Applier
from ucrepl.link.refused import RefusedChange, RefusedChangesError

SIFTED_ROWS: Final = 1000
"""Of a part of so many changes at the most it is found out in one go which of them are refused, for that takes a while.
A larger one is halved before, unless it is one transaction."""


@dataclass
class Part:
    """Whole transactions of the source that are applied together, by the places of their changes.

    `parked`: changes of the link are parked, later ones of the same records wait behind them. `applied` is what became
    of the changes of the part.
    """

    first: int
    last: int
    parked: bool
    applied: Applied = field(default_factory=Applied)


Step = Callable[[Part], AbstractContextManager[None]]
"""What surrounds an attempt to apply a part, and undoes it after an error."""


class FinerGrain:
    """Applies the changes in `pg_temp.received` part by part.

    `prepare` makes that table, empty. Parts are halves that end where a source transaction ends, down to single
    transactions. A transaction is applied as a whole if it can be; else what lies between that which must be applied by
    itself, then halves of these, down to single changes. What of a transaction did not go then is tried once more when
    the rest of it has gone: deferred constraints let a transaction write a row before that to which it refers.

    Changes that a constraint or a trigger refuses for what they are, are found in one go, parked together, and the rest
    of the part is applied without them: the number of attempts does not grow with theirs.
    """

    def __init__(self, connection: Connection[TupleRow], applier: Applier) -> None:
        self.connection = connection
        self.applier = applier
        self.transactions: list[str] = []
        self.transaction_ends: list[int] = []
        self.ordered: set[tuple[int, int]] = set()
        self.boundaries: list[int] = []
        self._patience: float | None = None

    @property
    def last(self) -> int:
        """The last place of what is being applied."""
        return self.transaction_ends[-1] if self.transaction_ends else 0

    def prepare(self) -> None:
        """Makes room for what is to be received, and empties it."""
        self.connection.execute(query("staging_received"))

    def apply(self, *, parked: bool, step: Step | None = None, patience: float | None = None) -> Applied:
        """Applies all that is received, which is empty then.

        `step` surrounds each part, and makes it last; without it all of them are in the transaction at hand. With
        `patience` each part locks its rows first, and is halved where it has waited in vain for so many seconds. Raises
        what is not to be parked (lost connection, deadlock, lack of rights); what steps have made last stays then.
        """
        self.connection.execute(query("order_received"))
        rows = self.connection.execute(query("transactions_received")).fetchall()
        self.transaction_ends = [last for last, _ in rows]
        self.transactions = [xid for _, xid in rows]
        self.ordered = {(row[0], row[1]) for row in self.connection.execute(query("ordered_received"))}
        self.boundaries = sorted({place for first, last in self.ordered for place in (first - 1, last)})
        result = Applied()
        self._patience = patience
        self._apply_transactions(1, self.last, result, parked=parked, step=step or self._savepoint)
        self.connection.execute("TRUNCATE pg_temp.received")
        return result

    def _apply_transactions(self, first: int, last: int, result: Applied, *, parked: bool, step: Step) -> None:
        """Applies whole transactions, one after the other where they can't be applied together."""
        cuts = _between(self.transaction_ends, first, last)
        part = Part(first, last, parked or result.parked > 0)
        try:
            if cuts:
                self._attempt(part, step, sift=last - first < SIFTED_ROWS, patience=self._patience)
            else:
                with step(part):
                    self._apply_within(first, last, part.applied, parked=part.parked, patience=self._patience)
        except (NeedsOrderError, psycopg.Error) as error:
            if not (cuts and self._may_halve(error)):
                raise
            middle = _nearest(cuts, first, last)
            self._apply_transactions(first, middle, result, parked=parked, step=step)
            self._apply_transactions(middle + 1, last, result, parked=parked, step=step)
        else:
            result.add(part.applied)

    def _may_halve(self, error: NeedsOrderError | psycopg.Error) -> bool:
        """Whether halves of a part may go through where the whole has not."""
        if isinstance(error, LockNotAvailable):
            return self._patience is not None
        return isinstance(error, NeedsOrderError) or classify(error) is Verdict.PARK

    def _apply_within(self, first: int, last: int, result: Applied, *, parked: bool, patience: float | None) -> None:
        """Applies changes of one transaction, in the transaction at hand."""
        alone = first == last or (first, last) in self.ordered
        part = Part(first, last, parked or result.parked > 0)
        try:
            self._attempt(part, self._savepoint, alone=alone, sift=True, patience=patience)
        except NeedsOrderError:
            self._split(first, last, result, parked=parked)
        except psycopg.Error as error:
            if classify(error) is not Verdict.PARK:
                raise
            if first == last:
                with self.connection.transaction():
                    result.parked += self._park(part, [self._refused(first, error)])
            else:
                self._split(first, last, result, parked=parked)
        else:
            result.add(part.applied)

    def _attempt(self, part: Part, step: Step, *, alone: bool = False, sift: bool, patience: float | None) -> None:
        """Applies a part, without the changes that are refused for what they are: these are parked.

        `alone`: what is staged must be applied by itself. `sift`: it may be found out which changes are refused.
        Raises NeedsOrderError and what PostgreSQL does.
        """
        refused: list[RefusedChange] = []
        while True:
            part.applied = Applied()
            try:
                with step(part):
                    if refused:
                        part.applied.parked += self._park(part, refused)
                    self._stage(part)
                    behind = part.parked or bool(refused)
                    self.applier.patience = patience
                    applied = self.applier.apply(parked=behind, careful=True, alone=alone, sift=sift and not alone)
                    part.applied.add(applied)
                    return
            except RefusedChangesError as error:
                found = self._by_themselves(part, error.changes)
                if not found:
                    raise error.cause from None
                refused += found
            finally:
                self.applier.patience = None

    @contextmanager
    def _savepoint(self, _part: Part) -> Iterator[None]:
        with self.connection.transaction():
            yield

    def _by_themselves(self, part: Part, refused: Sequence[RefusedChange]) -> list[RefusedChange]:
        """Those that are the only change of their record in the part: applied in order they would fail alike."""
        values = {"seqs": [change.seq for change in refused], "first": part.first, "last": part.last}
        once = {seq for (seq,) in self.connection.execute(query("changed_once"), values).fetchall()}
        return [change for change in refused if change.seq in once]

    def _split(self, first: int, last: int, result: Applied, *, parked: bool) -> None:
        parked_before = result.parked
        cuts = _between(self.boundaries, first, last)
        middle = _nearest(cuts, first, last) if cuts else (first + last) // 2
        # a change before has locked rows by now: nothing is waited for any more
        at_once = None if self._patience is None else 0.0
        self._apply_within(first, middle, result, parked=parked, patience=at_once)
        self._apply_within(middle + 1, last, result, parked=parked, patience=at_once)
        if result.parked > parked_before and self._is_transaction(first, last):
            self._try_once_more(last, result)

    def _is_transaction(self, first: int, last: int) -> bool:
        """Whether these are the places of one transaction, all of them."""
        end = bisect_left(self.transaction_ends, last)
        ends = self.transaction_ends[end : end + 1]
        return ends == [last] and first == (self.transaction_ends[end - 1] if end else 0) + 1

    def _try_once_more(self, place: int, result: Applied) -> None:
        xid = self.transactions[bisect_left(self.transaction_ends, place)]
        values = {"xid": xid, "link": self.applier.link_id}
        again = [row[0] for row in self.connection.execute(query("take_back"), values).fetchall()]
        if again:
            result.parked -= len(again)
            at_once = None if self._patience is None else 0.0
            self._apply_within(min(again), max(again), result, parked=True, patience=at_once)

    def _stage(self, part: Part) -> None:
        self._execute("DELETE FROM pg_temp.change", {})
        self._execute(query("stage_received"), {"first": part.first, "last": part.last})

    def _refused(self, place: int, error: psycopg.Error) -> RefusedChange:
        row = self.connection.execute("SELECT seq FROM pg_temp.received WHERE place = %s", [place]).fetchone()
        return RefusedChange.by(error, row[0] if row else 0)

    def _park(self, part: Part, refused: Sequence[RefusedChange]) -> int:
        """Parks received changes of the part. Returns how many."""
        self._execute("DELETE FROM pg_temp.change", {})
        columns = {
            "seqs": [change.seq for change in refused],
            "reasons": [change.reason for change in refused],
            "sqlstates": [change.sqlstate for change in refused],
            "messages": [change.message for change in refused],
        }
        self._execute(query("park_received"), {**columns, "first": part.first, "last": part.last})
        self._execute(query("park_trouble"), {"link": self.applier.link_id})
        return len(refused)

    def _execute(self, statement: str, values: Mapping[str, object]) -> None:
        self.connection.execute(statement.encode(), values or None)


def _between(places: list[int], first: int, last: int) -> list[int]:
    """Those of the sorted places after which one can cut, so that something is left on either side."""
    return places[bisect_left(places, first) : bisect_left(places, last)]


def _nearest(cuts: list[int], first: int, last: int) -> int:
    """The cut that is nearest to the middle."""
    half = (first + last) // 2
    return min(cuts, key=lambda cut: abs(cut - half))
