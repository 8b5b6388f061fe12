"""The finer grain: when a batch can't be applied as a whole, its parts are, and what still fails is parked."""

from bisect import bisect_left
from collections.abc import Mapping

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.db.sqlstate import Verdict, classify
from ucrepl.link.apply import Applied, Applier, NeedsOrderError


class FinerGrain:
    """Applies the changes in `pg_temp.received` part by part, each with a savepoint of its own.

    `prepare` makes that table. Parts are halves that end where a source transaction ends, then the parts of a
    transaction between what must be applied by itself, then halves of these, down to single changes. What of a
    transaction did not go then is tried once more when the rest of it has gone: deferred constraints let a transaction
    write a row before that to which it refers.
    """

    def __init__(self, connection: Connection[TupleRow], applier: Applier) -> None:
        self.connection = connection
        self.applier = applier
        self.transaction_ends: list[int] = []
        self.ordered: set[tuple[int, int]] = set()
        self.boundaries: list[int] = []

    def prepare(self) -> None:
        """Makes room for what is to be received, where the session has none."""
        self.connection.execute(query("staging_received"))

    def apply(self, *, parked: bool) -> Applied:
        """Applies all that is received. Raises what is not to be parked (lost connection, deadlock, lack of rights)."""
        self.connection.execute(query("order_received"))
        rows = self.connection.execute(query("transactions_received")).fetchall()
        self.transaction_ends = [row[0] for row in rows]
        self.ordered = {(row[0], row[1]) for row in self.connection.execute(query("ordered_received"))}
        self.boundaries = sorted({place for first, last in self.ordered for place in (first - 1, last)})
        result = Applied()
        if self.transaction_ends:
            self._apply_part(1, self.transaction_ends[-1], result, parked=parked)
        return result

    def _apply_part(self, first: int, last: int, result: Applied, *, parked: bool) -> None:
        try:
            with self.connection.transaction():
                self._stage(first, last)
                alone = first == last or (first, last) in self.ordered
                applied = self.applier.apply(parked=parked or result.parked > 0, careful=True, alone=alone)
        except NeedsOrderError:
            self._split(first, last, result, parked=parked)
        except psycopg.Error as error:
            if classify(error) is not Verdict.PARK:
                raise
            if first == last:
                self._park(first, error)
                result.parked += 1
            else:
                self._split(first, last, result, parked=parked)
        else:
            result.add(applied)

    def _split(self, first: int, last: int, result: Applied, *, parked: bool) -> None:
        parked_before = result.parked
        middle = self._middle(first, last)
        self._apply_part(first, middle, result, parked=parked)
        self._apply_part(middle + 1, last, result, parked=parked)
        if result.parked > parked_before and self._is_transaction(first, last):
            self._try_once_more(last, result)

    def _is_transaction(self, first: int, last: int) -> bool:
        """Whether these are the places of one transaction, all of them."""
        end = bisect_left(self.transaction_ends, last)
        ends = self.transaction_ends[end : end + 1]
        return ends == [last] and first == (self.transaction_ends[end - 1] if end else 0) + 1

    def _try_once_more(self, place: int, result: Applied) -> None:
        again = [
            row[0]
            for row in self.connection.execute(
                query("take_back"), {"place": place, "link": self.applier.link_id}
            ).fetchall()
        ]
        if again:
            result.parked -= len(again)
            self._apply_part(min(again), max(again), result, parked=True)

    def _middle(self, first: int, last: int) -> int:
        """Where to cut: nearest to the middle, at a transaction's end, or beside what must be applied by itself."""
        half = (first + last) // 2
        cuts = _between(self.transaction_ends, first, last) or _between(self.boundaries, first, last)
        return min(cuts, key=lambda cut: abs(cut - half)) if cuts else half

    def _stage(self, first: int, last: int) -> None:
        self._execute("DELETE FROM pg_temp.change", {})
        self._execute(query("stage_received"), {"first": first, "last": last})

    def _park(self, place: int, error: psycopg.Error) -> None:
        with self.connection.transaction():
            self._stage(place, place)
            self._execute(
                "INSERT INTO pg_temp.trouble (seq, reason, sqlstate, message)"
                " SELECT seq, %(reason)s, %(sqlstate)s, %(message)s FROM pg_temp.change",
                {
                    "reason": "unresolved" if error.sqlstate == "UC001" else "error",
                    "sqlstate": error.sqlstate,
                    "message": (error.diag.message_primary or str(error)).strip(),
                },
            )
            self._execute(query("park_trouble"), {"link": self.applier.link_id})

    def _execute(self, statement: str, values: Mapping[str, object]) -> None:
        self.connection.execute(statement.encode(), values or None)


def _between(places: list[int], first: int, last: int) -> list[int]:
    """Those of the sorted places after which one can cut, so that something is left on either side."""
    return places[bisect_left(places, first) : bisect_left(places, last)]
