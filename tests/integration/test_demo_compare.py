"""The comparison at the end of the demo finds whatever is not equal, and nothing where all is."""

from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from tests.support.databases import MakeDatabase
from ucrepl.demo.compare import Side, compare

LEAVE_OUT = {"res_partner": {"comment"}}

# What the view of the product shows, filled by hand: the clones' rows are the same under the same ids.
MAP = """
    CREATE SCHEMA ucrepl;
    CREATE TABLE ucrepl.identity_map (peer text, table_name text, remote_id bigint, local_id bigint);
"""
MAP_OF_CLONES = "INSERT INTO ucrepl.identity_map SELECT {peer}, {name}, id, id FROM {table}"

NEW = """
    INSERT INTO res_partner (name, type, parent_id, comment) VALUES ('Ada', 'contact', 6, current_database());
    INSERT INTO res_partner_res_partner_category_rel SELECT max(id), 2 FROM res_partner;
    INSERT INTO mail_message (model, res_id, author_id, message_type)
        SELECT 'res.partner', max(id), max(id), 'comment' FROM res_partner;
"""
BURN_ONE_ID = """
    SELECT nextval('res_partner_id_seq');
    SELECT nextval('mail_message_id_seq');
"""
# turin's partner 13 and message 6 are milan's 14 and 7; each side knows one of the pairs
PAIR_OF_PARTNERS = "INSERT INTO ucrepl.identity_map VALUES ('turin', 'res_partner', 13, 14)"
PAIR_OF_MESSAGES = "INSERT INTO ucrepl.identity_map VALUES ('milan', 'mail_message', 7, 6)"


@pytest.fixture
def sides(database: MakeDatabase) -> Iterator[tuple[Connection[TupleRow], Connection[TupleRow]]]:
    with psycopg.connect(database("shop")) as turin, psycopg.connect(database("shop")) as milan:
        for connection, peer in ((turin, "milan"), (milan, "turin")):
            connection.execute(MAP)
            tables = connection.execute(
                "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'id'"
            ).fetchall()
            for (table,) in tables:
                connection.execute(sql.SQL(MAP_OF_CLONES).format(peer=peer, name=table, table=sql.Identifier(table)))
        milan.execute(BURN_ONE_ID)
        for connection in (turin, milan):
            connection.execute(NEW)
        turin.execute(PAIR_OF_MESSAGES)
        milan.execute(PAIR_OF_PARTNERS)
        turin.commit()
        milan.commit()
        yield turin, milan


def test_equal_sides_are_equal_whatever_their_ids(sides: tuple[Connection[TupleRow], Connection[TupleRow]]) -> None:
    turin, milan = sides

    comparison = compare(Side("turin", turin), Side("milan", milan), leave_out=LEAVE_OUT)

    assert comparison.equal, comparison.differences
    assert comparison.tables == 13
    assert comparison.rows == 114


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        pytest.param(
            "UPDATE res_partner SET name = 'Eva' WHERE id = 14",
            ["res_partner 14: name is 'Ada' in turin, 'Eva' in milan"],
            id="a value",
        ),
        pytest.param(
            "UPDATE res_partner SET credit_limit = NULL WHERE id = 6",
            ["res_partner 6: credit_limit is '5000' in turin, None in milan"],
            id="a null",
        ),
        pytest.param(
            "UPDATE sale_order SET amount_total = 1415.0 WHERE id = 1",
            ["sale_order 1: amount_total is '1415.00' in turin, '1415.0' in milan"],
            id="the same number written otherwise",
        ),
        pytest.param(
            "UPDATE mail_message SET author_id = 13 - 1 WHERE id = 7",
            ["mail_message 7: author_id is '14' in turin, '12' in milan"],
            id="a foreign key",
        ),
        pytest.param(
            "UPDATE mail_message SET res_id = 13 WHERE id = 7",
            ["mail_message 7: res_id is '14' in turin, '13' in milan"],
            id="a reference by model that was not translated",
        ),
        pytest.param(
            "UPDATE res_partner_res_partner_category_rel SET category_id = 3 WHERE partner_id = 14",
            [
                "res_partner_res_partner_category_rel 14, 2: only in turin",
                "res_partner_res_partner_category_rel 14, 3: only in milan",
            ],
            id="a many2many",
        ),
        pytest.param(
            "DELETE FROM ir_model_data WHERE id = 1", ["ir_model_data 1: only in turin"], id="a row that is missing"
        ),
        pytest.param(
            "INSERT INTO res_country (name, code) VALUES ('{}', 'XX')",
            ["res_country 7: only in milan"],
            id="a row too many",
        ),
        pytest.param(
            "DELETE FROM ucrepl.identity_map WHERE table_name = 'res_partner' AND local_id = 14",
            [
                "mail_message 7: author_id is '13, which has no counterpart' in turin, '14' in milan",
                "mail_message 7: res_id is '13, which has no counterpart' in turin, '14' in milan",
                "res_partner 13, which has no counterpart: only in turin",
                "res_partner 14: only in milan",
                "res_partner_res_partner_category_rel 13, which has no counterpart, 2: only in turin",
                "res_partner_res_partner_category_rel 14, 2: only in milan",
            ],
            id="a pair that is missing",
        ),
        pytest.param(
            "UPDATE ucrepl.identity_map SET remote_id = 4 WHERE table_name = 'res_company' AND local_id = 2",
            ["res_company 2 of milan is both 2 and 4 of turin"],
            id="two records that are said to be one",
        ),
        pytest.param(
            "UPDATE ucrepl.identity_map SET local_id = 4 WHERE table_name = 'res_company' AND local_id = 2",
            ["res_company 2 of turin is both 2 and 4 of milan"],
            id="one record that is said to be two",
        ),
        pytest.param("DROP TABLE ir_model_data", ["ir_model_data: only in turin"], id="a table"),
        pytest.param(
            "ALTER TABLE res_company ADD COLUMN motto text DEFAULT 'aurora'",
            [
                "res_company 1: motto is None in turin, 'aurora' in milan",
                "res_company 2: motto is None in turin, 'aurora' in milan",
            ],
            id="a column",
        ),
    ],
)
def test_what_is_not_equal_is_named(
    sides: tuple[Connection[TupleRow], Connection[TupleRow]], damage: LiteralString, expected: list[str]
) -> None:
    turin, milan = sides

    milan.execute(damage)
    milan.commit()

    assert compare(Side("turin", turin), Side("milan", milan), leave_out=LEAVE_OUT).differences == expected
