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

    Parts are halves that end where a source transaction ends, then the changes of a transaction in the order of
    writing, one by one where need be.
    """

    def __init__(self, connection: Connection[TupleRow], applier: Applier) -> None:
        self.connection = connection
        self.applier = applier
        self.transaction_ends: list[int] = []

    def apply(self, *, parked: bool) -> Applied:
        """Applies all that is received. Raises what is not to be parked (lost connection, deadlock, lack of rights)."""
        self.connection.execute(query("order_received"))
        rows = self.connection.execute(query("transactions_received")).fetchall()
        self.transaction_ends = [row[0] for row in rows]
        result = Applied()
        if self.transaction_ends:
            self._apply_part(1, self.transaction_ends[-1], result, parked=parked)
        return result

    def _apply_part(self, first: int, last: int, result: Applied, *, parked: bool) -> None:
        try:
            with self.connection.transaction():
                self._stage(first, last)
                applied = self.applier.apply(parked=parked or result.parked > 0, careful=True, alone=first == last)
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
        middle = self._middle(first, last)
        self._apply_part(first, middle, result, parked=parked)
        self._apply_part(middle + 1, last, result, parked=parked)

    def _middle(self, first: int, last: int) -> int:
        """Where to cut: at the transaction's end nearest to the middle; a single transaction at its middle."""
        half = (first + last) // 2
        inside = self.transaction_ends[
            bisect_left(self.transaction_ends, first) : bisect_left(self.transaction_ends, last)
        ]
        return min(inside, key=lambda end: abs(end - half)) if inside else half

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
