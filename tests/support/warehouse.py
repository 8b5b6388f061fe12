"""A warehouse at work: what an Odoo 18 sends to PostgreSQL when goods are received, reserved, delivered and counted.

It reads what it has, and writes what it then should have, in transactions that see one snapshot. So does Odoo: two that
add to the same stock overwrite each other's sums, where nobody adds up what they have done.
"""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

import psycopg
from psycopg import Connection, IsolationLevel, errors
from psycopg.rows import TupleRow

SUPPLIERS, STOCK, CUSTOMERS, INVENTORY = 4, 8, 5, 14
"""The locations of an Odoo 18 with demo data."""

ON_HAND: Final = """
SELECT product_id, location_id, sum(quantity), sum(reserved_quantity)
FROM stock_quant
GROUP BY 1, 2
HAVING sum(quantity) <> 0 OR sum(reserved_quantity) <> 0
ORDER BY 1, 2
"""
BY_MOVES: Final = """
SELECT product_id, location_id, sum(quantity), sum(reserved)
FROM (
    SELECT product_id, location_dest_id AS location_id, quantity, 0 AS reserved
    FROM stock_move_line WHERE state = 'done' AND reference ~ '^warehouse'
    UNION ALL
    SELECT product_id, location_id, -quantity, 0 FROM stock_move_line WHERE state = 'done' AND reference ~ '^warehouse'
    UNION ALL
    SELECT product_id, location_id, 0, quantity FROM stock_move_line
    WHERE state = 'assigned' AND reference ~ '^warehouse'
) AS line
GROUP BY 1, 2
HAVING sum(quantity) <> 0 OR sum(reserved) <> 0
ORDER BY 1, 2
"""
"""What the moves of warehouses say, of done ones and of reserved ones; `ON_HAND` must be the same."""

_MERGE: Final = """
WITH dupes AS (
    SELECT min(id) AS kept, array_agg(id) AS ids, sum(reserved_quantity) AS reserved, sum(quantity) AS quantity,
        min(in_date) AS in_date
    FROM stock_quant
    GROUP BY product_id, company_id, location_id, lot_id, package_id, owner_id
    HAVING count(id) > 1
),
merged AS (
    UPDATE stock_quant AS q
    SET quantity = d.quantity, reserved_quantity = d.reserved, in_date = d.in_date
    FROM dupes AS d WHERE d.kept = q.id
)
DELETE FROM stock_quant AS q USING dupes AS d WHERE q.id = ANY (d.ids) AND q.id <> d.kept
"""
_DROP_ZEROS: Final = """
DELETE FROM stock_quant
WHERE round(quantity, 2) = 0 AND round(reserved_quantity, 2) = 0 AND coalesce(round(inventory_quantity, 2), 0) = 0
"""


class Warehouse:
    """Works on one database. Of what is reserved anywhere it does what is addressed to its `name`: nobody else does.

    `done` counts what it has done, by its kind.
    """

    def __init__(self, dsn: str, name: str, others: list[str], products: list[int], *, seed: int = 0) -> None:
        self.done: Counter[str] = Counter()
        self._dsn, self._name, self._all = dsn, name, [name, *others]
        self._products = products
        self._dice = random.Random(f"{seed} {name}")  # noqa: S311 - not for secrets

    @contextmanager
    def at_work(self, pause: float = 0.1) -> Iterator[None]:
        """Works in a thread for as long as the block runs."""
        stop, failures = Event(), list[BaseException]()

        def work() -> None:
            try:
                with psycopg.connect(self._dsn) as connection:
                    connection.isolation_level = IsolationLevel.REPEATABLE_READ
                    while not stop.wait(self._dice.uniform(0, pause)):
                        self._do_something(connection)
            except BaseException as error:  # noqa: BLE001 - raised again where the block ends
                failures.append(error)

        thread = Thread(target=work, name=self._name)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        if failures:
            raise failures[0]

    def _do_something(self, connection: Connection[TupleRow]) -> None:
        what = self._dice.choices([self._receive, self._reserve, self._deliver, self._count], [2, 4, 4, 1])[0]
        try:
            with connection.transaction():
                if what(connection):
                    connection.execute(_MERGE)
                    connection.execute(_DROP_ZEROS)
            self.done[what.__name__.strip("_")] += 1
        except (errors.SerializationFailure, errors.DeadlockDetected):
            self.done["once more"] += 1

    def _receive(self, connection: Connection[TupleRow]) -> bool:
        product, quantity = self._dice.choice(self._products), self._dice.randint(1, 20)
        self._move(connection, product, quantity, SUPPLIERS, STOCK, "done")
        self._add(connection, product, SUPPLIERS, quantity=-quantity)
        self._add(connection, product, STOCK, quantity=quantity)
        return True

    def _reserve(self, connection: Connection[TupleRow]) -> bool:
        """Reserves for a delivery that some warehouse is to do, this one or another."""
        product, quantity = self._dice.choice(self._products), self._dice.randint(1, 5)
        self._move(connection, product, quantity, STOCK, CUSTOMERS, "assigned", self._dice.choice(self._all))
        self._add(connection, product, STOCK, reserved=quantity)
        return False

    def _deliver(self, connection: Connection[TupleRow]) -> bool:
        line = connection.execute(
            "SELECT id, move_id, product_id, quantity FROM stock_move_line"
            " WHERE state = 'assigned' AND reference = %s ORDER BY id LIMIT 1",
            [f"warehouse {self._name}"],
        ).fetchone()
        if line is None:
            return False
        line_id, move_id, product, quantity = line
        self._add(connection, product, STOCK, reserved=-quantity)
        self._add(connection, product, STOCK, quantity=-quantity)
        self._add(connection, product, CUSTOMERS, quantity=quantity)
        connection.execute("UPDATE stock_move_line SET state = 'done', picked = true WHERE id = %s", [line_id])
        connection.execute("UPDATE stock_move SET state = 'done', picked = true WHERE id = %s", [move_id])
        return True

    def _count(self, connection: Connection[TupleRow]) -> bool:
        """An inventory finds some more, or fewer, than are thought to be there."""
        product, difference = self._dice.choice(self._products), self._dice.randint(-3, 3)
        if not difference:
            return False
        places = (INVENTORY, STOCK) if difference > 0 else (STOCK, INVENTORY)
        self._move(connection, product, abs(difference), *places, "done")
        self._add(connection, product, places[0], quantity=-abs(difference))
        self._add(connection, product, places[1], quantity=abs(difference))
        connection.execute(
            "UPDATE stock_quant SET inventory_quantity = 0, inventory_quantity_set = false, inventory_date = now()"
            " WHERE product_id = %s AND location_id = %s",
            [product, STOCK],
        )
        return True

    def _move(  # noqa: PLR0913, PLR0917 - what is moved, from where to where, and who does it
        self,
        connection: Connection[TupleRow],
        product: int,
        quantity: int,
        origin: int,
        destination: int,
        state: str,
        doer: str = "",
    ) -> None:
        reference = f"warehouse {doer or self._name}"
        row = connection.execute(
            "INSERT INTO stock_move (company_id, product_id, product_uom, location_id, location_dest_id, name, state,"
            " procure_method, product_uom_qty, quantity, date, reference)"
            " VALUES (1, %s, 1, %s, %s, 'move', %s, 'make_to_stock', %s, %s, now(), %s) RETURNING id",
            [product, origin, destination, state, quantity, quantity, reference],
        ).fetchone()
        connection.execute(
            "INSERT INTO stock_move_line (move_id, company_id, product_id, product_uom_id, location_id,"
            " location_dest_id, state, quantity, date, reference) VALUES (%s, 1, %s, 1, %s, %s, %s, %s, now(), %s)",
            [row and row[0], product, origin, destination, state, quantity, reference],
        )

    @staticmethod
    def _add(
        connection: Connection[TupleRow], product: int, location: int, *, quantity: int = 0, reserved: int = 0
    ) -> None:
        """Takes the first quant that nobody else has, and writes what it then holds; makes one where there is none."""
        quant = connection.execute(
            "SELECT id, quantity, reserved_quantity FROM stock_quant"
            " WHERE product_id = %s AND location_id = %s AND lot_id IS NULL AND package_id IS NULL AND owner_id IS NULL"
            " ORDER BY in_date, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED",
            [product, location],
        ).fetchone()
        if quant:
            connection.execute(
                "UPDATE stock_quant SET quantity = %s, reserved_quantity = %s, write_date = now() WHERE id = %s",
                [quant[1] + quantity, quant[2] + reserved, quant[0]],
            )
            return
        connection.execute(
            "INSERT INTO stock_quant (product_id, location_id, company_id, quantity, reserved_quantity, in_date,"
            " create_date, create_uid, write_date, write_uid) VALUES (%s, %s, 1, %s, %s, now(), now(), 1, now(), 1)",
            [product, location, quantity, reserved],
        )
