"""Hundreds of clients that write to the demo's shop, each a little, and remember what they have committed."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

_SETTLE_IN_SECONDS: Final = 3.0
_MOST_LINES: Final = 4
_CONNECTING_AT_ONCE: Final = 20


@dataclass
class Ledger:
    """What must be there in the end.

    `orders`: reference -> number of lines; `partners`: reference -> how often it was changed; `counted`: how often a
    record was changed that all clients of the site change; `given_up`: how many transactions were rolled back.
    """

    orders: dict[str, int] = field(default_factory=dict)
    partners: dict[str, int] = field(default_factory=dict)
    counted: int = 0
    given_up: int = 0


def write_for(seconds: float, sites: Mapping[str, int]) -> dict[str, Ledger]:
    """Has so many clients write to each database (by DSN) for so long, all at once. Gives what each has committed."""
    return asyncio.run(_write_for(seconds, sites))


async def _write_for(seconds: float, sites: Mapping[str, int]) -> dict[str, Ledger]:
    ledgers = {dsn: Ledger() for dsn in sites}
    entrance = asyncio.Semaphore(_CONNECTING_AT_ONCE)
    async with asyncio.TaskGroup() as group:
        number = count()
        for site, (dsn, clients) in enumerate(sites.items()):
            for _ in range(clients):
                client = _Client(dsn, next(number), 1 + site, ledgers[dsn])
                group.create_task(client.write_for(seconds, entrance))
    return ledgers


class _Client:
    """One client. It rests between transactions, and inside of them too, so that they are committed in another order
    than they have begun and written in.
    """

    def __init__(self, dsn: str, number: int, product: int, ledger: Ledger) -> None:
        self.dsn = dsn
        self.number = number
        self.product = product
        self.ledger = ledger
        self.random = random.Random(number)  # noqa: S311 - to be the same in each run
        self.written = 0
        self.partners: list[str] = []

    async def write_for(self, seconds: float, entrance: asyncio.Semaphore) -> None:
        async with entrance:
            connection = await AsyncConnection.connect(
                self.dsn, application_name=f"client {self.number}", prepare_threshold=None
            )
        async with connection:
            until = asyncio.get_running_loop().time() + seconds
            await self._rest(_SETTLE_IN_SECONDS)
            while asyncio.get_running_loop().time() < until:
                await self._transaction(connection)
                await self._rest(2.0)

    async def _transaction(self, connection: AsyncConnection[TupleRow]) -> None:
        self.written += 1
        ref = f"{self.number}/{self.written}"
        (kind,) = self.random.choices(("partner", "order", "change", "count", "give up"), (6, 3, 4, 1, 1))
        match kind:
            case "partner":
                await self._partner(connection, ref)
                await connection.commit()
                self.ledger.partners[ref] = 0
                self.partners.append(ref)
            case "order":
                lines = await self._order(connection, ref)
                await connection.commit()
                self.ledger.partners[f"{ref} buyer"] = 0
                self.ledger.orders[ref] = lines
            case "change" if self.partners:
                changed = self.random.choice(self.partners)
                await connection.execute(
                    "UPDATE res_partner SET color = coalesce(color, 0) + 1, city = %s WHERE ref = %s", [ref, changed]
                )
                await self._rest(0.05)
                await connection.commit()
                self.ledger.partners[changed] += 1
            case "count":
                await self._count(connection)
            case _:
                await self._order(connection, ref)
                await connection.rollback()
                self.ledger.given_up += 1

    async def _partner(self, connection: AsyncConnection[TupleRow], ref: str) -> int:
        cursor = await connection.execute(
            "INSERT INTO res_partner (name, type, ref, company_id, active) VALUES (%s, 'contact', %s, 1, true)"
            " RETURNING id",
            [f"Client {ref}", ref],
        )
        row = await cursor.fetchone()
        assert row
        return int(row[0])

    async def _order(self, connection: AsyncConnection[TupleRow], ref: str) -> int:
        """A partner with an order and its lines. Gives the number of lines."""
        partner = await self._partner(connection, f"{ref} buyer")
        await self._rest(0.1)
        cursor = await connection.execute(
            "INSERT INTO sale_order (name, state, date_order, partner_id, partner_invoice_id, company_id,"
            " client_order_ref) VALUES (%s, 'draft', now(), %s, %s, 1, %s) RETURNING id",
            [f"S {ref}", partner, partner, ref],
        )
        row = await cursor.fetchone()
        assert row
        lines = self.random.randint(1, _MOST_LINES)
        for line in range(lines):
            await self._rest(0.05)
            await connection.execute(
                "INSERT INTO sale_order_line (order_id, sequence, name, product_uom_qty, price_unit)"
                " VALUES (%s, %s, %s, 1, 9.95)",
                [row[0], line, f"{ref} line {line}"],
            )
        return lines

    async def _count(self, connection: AsyncConnection[TupleRow]) -> None:
        """One more of a record that all clients of the site change."""
        await connection.execute("UPDATE product_product SET weight = weight + 1 WHERE id = %s", [self.product])
        await connection.commit()
        self.ledger.counted += 1

    async def _rest(self, seconds: float) -> None:
        await asyncio.sleep(self.random.uniform(0, seconds))
