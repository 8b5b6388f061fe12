"""Many clients at once: not one row is missing, and not one is there twice."""

import os
from collections import Counter
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from tests.support.clients import Ledger, write_for
from tests.support.compare import assert_equal
from tests.support.databases import MakeDatabase
from tests.support.pair import Pair, value

SECONDS = float(os.environ.get("UCREPL_CLIENT_SECONDS", "60"))


@pytest.mark.long
@pytest.mark.slow
def test_300_clients_write_for_a_minute_and_no_row_is_missing(database: MakeDatabase, tmp_path: Path) -> None:
    pair = Pair.linked(tmp_path, database("shop"), database("shop"))
    pair.run("install")
    pair.run("seed", "--same-ids")
    weights = {dsn: weight(dsn, product) for product, dsn in enumerate((pair.turin, pair.milan), 1)}
    with pair.daemon() as daemon:
        ledgers = write_for(SECONDS, {pair.turin: 250, pair.milan: 50})
        assert daemon.poll() is None
        status = pair.status()
    drained = pair.drain_all()

    assert_equal(pair.turin, pair.milan)
    assert min(link["applied"] for link in status.values()) > 5 * SECONDS, "the daemon was not at work"
    assert all(link["conflicts"] == 0 for link in drained.values())
    for dsn in (pair.turin, pair.milan):
        assert_holds(dsn, ledgers)
        for product, writer in enumerate((pair.turin, pair.milan), 1):
            assert weight(dsn, product) == weights[writer] + ledgers[writer].counted


def weight(dsn: str, product: int) -> Decimal:
    """Of the record that all clients of a site change."""
    return Decimal(value(dsn, "SELECT weight FROM product_product WHERE id = %s", product))


def assert_holds(dsn: str, ledgers: dict[str, Ledger]) -> None:
    """The database has what the clients of both sites have committed, once, and nothing of what they have given up."""
    partners = Counter[tuple[str, int]]()
    orders = Counter[tuple[str, int]]()
    for ledger in ledgers.values():
        partners.update(ledger.partners.items())
        orders.update(ledger.orders.items())
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT ref, coalesce(color, 0) FROM res_partner WHERE name LIKE 'Client %'")
        assert Counter(found.fetchall()) == partners
        found = connection.execute(
            "SELECT o.client_order_ref, count(l.id) FROM sale_order AS o JOIN sale_order_line AS l ON l.order_id = o.id"
            " JOIN res_partner AS p ON p.id = o.partner_id AND p.ref = o.client_order_ref || ' buyer'"
            " WHERE o.name LIKE 'S %/%' GROUP BY o.id"
        )
        assert Counter(found.fetchall()) == orders
