"""Two warehouses of one company, each with an Odoo of its own: on hand and reserved are what the moves say, on both."""

import random
from pathlib import Path
from threading import Event

import psycopg
import pytest

from tests.support.databases import MakeDatabase
from tests.support.pair import Pair, value
from tests.support.warehouse import BY_MOVES, ON_HAND, Warehouse

ROUNDS = 4


def rows(dsn: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement.encode()).fetchall()


@pytest.mark.long
@pytest.mark.xdist_group("odoo18")
@pytest.mark.parametrize("ids", ["remap", "shared"])
def test_two_warehouses_add_up(ids: str, database: MakeDatabase, tmp_path: Path) -> None:
    """Goods that one side has reserved are delivered by the other, while links are cut and the daemon is killed."""
    pair = Pair.linked(tmp_path, database("odoo18"), database("odoo18"), policy="cluster", ids=ids)
    for dsn in (pair.turin, pair.milan):
        with psycopg.connect(dsn) as connection:
            connection.execute("DELETE FROM stock_quant")  # it does not come from moves of this test
    pair.run("install")
    pair.run("seed", "--same-ids")
    if ids == "shared":
        pair.run("ids", "share")
    products = value(pair.turin, "SELECT array_agg(id) FROM (SELECT id FROM product_product ORDER BY id LIMIT 3) AS p")
    turin = Warehouse(pair.turin, "turin", ["milan"], products)
    milan = Warehouse(pair.milan, "milan", ["turin"], products)
    chance = random.Random(ids)  # noqa: S311 - to be the same in each run
    with turin.at_work(), milan.at_work():
        for number in range(ROUNDS):
            if number == ROUNDS // 2:
                pair.run("pause", "turin->milan")
            if number == ROUNDS - 1:
                pair.run("resume", "turin->milan")
            with pair.daemon() as daemon:
                pair.wait_for_progress()
                Event().wait(chance.uniform(0, 0.5))
                assert daemon.poll() is None, pair.log.read_text()[-2000:]
    pair.drain_all()

    for warehouse in (turin, milan):
        assert min(warehouse.done[kind] for kind in ("receive", "reserve", "deliver", "count")) > 0
    on_hand = rows(pair.turin, ON_HAND)
    assert on_hand
    assert on_hand == rows(pair.milan, ON_HAND) == rows(pair.turin, BY_MOVES) == rows(pair.milan, BY_MOVES)
    delivered = "SELECT count(*) FROM stock_move_line WHERE state = 'done' AND location_dest_id = 5"
    assert value(pair.turin, delivered) > 0
    for link in ("turin->milan", "milan->turin"):
        pair.run("verify", link, "--table", "stock_quant")
        assert pair.status()[link]["conflicts"] == 0
