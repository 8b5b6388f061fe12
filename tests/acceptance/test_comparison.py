"""The comparison that bears witness in the other tests notices whatever is wrong."""

from pathlib import Path

import psycopg

from tests.support.compare import assert_equal, compare
from tests.support.databases import MakeDatabase
from tests.support.pair import Pair
from tests.support.site import Site
from ucrepl.throwaway import Server

WRONG = {
    "a value": ("UPDATE res_partner SET city = city || '!' WHERE id = 6", "res_partner 6: city is"),
    "a row too many": ("INSERT INTO res_country (name, code) VALUES ('{}', '??')", "is in milan only"),
    "a row too few": (
        "DELETE FROM sale_order_line WHERE id = (SELECT max(id) FROM sale_order_line)",
        "is missing in milan",
    ),
    "a link too few": ("DELETE FROM res_partner_res_partner_category_rel", "is missing in milan"),
    "a raw id in a foreign key": ("UPDATE sale_order SET partner_id = 7 WHERE id = 1", "sale_order 1: partner_id is"),
    "a raw id behind a model's name": ("UPDATE mail_message SET res_id = res_id + 1", ": res_id is"),
    "a pair that one side only knows": (
        """DELETE FROM ucrepl.identity AS i USING ucrepl.table_name AS t
        WHERE t.table_id = i.local_table AND t.table_name = 'res_partner' AND i.local_id = 6""",
        "res_partner 6 = 6 is a pair in turin only",
    ),
    "a foreign key that points to nothing": (
        "SET session_replication_role = replica; UPDATE sale_order SET user_id = 4711 WHERE id = 1",
        "sale_order.user_id of milan points to nothing in 1 rows",
    ),
}


def test_it_notices_all_that_is_wrong(database: MakeDatabase, server: Server, tmp_path: Path) -> None:
    pair = Pair.linked(tmp_path, database("shop"), database("shop", "milan"))
    pair.run("install")
    pair.run("seed", "--same-ids")
    with Site(pair.turin, 0) as turin, Site(pair.milan, 1, may_write=lambda _table, _column: False) as milan:
        turin.work(20)
        milan.work(20)
    pair.drain()
    assert_equal(pair.turin, pair.milan)

    overlooked = {}
    for what, (statement, problem) in WRONG.items():
        server.run("createdb", "--template", "milan", "wrong")
        with psycopg.connect(server.dsn("wrong"), autocommit=True) as connection:
            connection.execute(statement.encode())
        found = compare(pair.turin, server.dsn("wrong")).problems
        if not any(problem in line for line in found):
            overlooked[what] = found
        server.run("dropdb", "wrong")
    assert not overlooked
