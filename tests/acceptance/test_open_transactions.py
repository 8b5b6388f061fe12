"""Transactions that stay open across many batches, are given up, or are committed in two phases."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.support.compare import assert_equal
from tests.support.databases import MakeDatabase
from tests.support.pair import Pair, value
from tests.support.waiting import wait_for

BATCHES = 25


@pytest.fixture
def pair(database: MakeDatabase, tmp_path: Path) -> Iterator[Pair]:
    """Two shops with a daemon at work."""
    pair = Pair.linked(tmp_path, database("shop"), database("shop"))
    pair.run("install")
    pair.run("seed", "--same-ids")
    with pair.daemon():
        yield pair


def test_a_transaction_left_open_across_many_batches_delays_nobody_and_is_not_lost(pair: Pair) -> None:
    with psycopg.connect(pair.turin) as patient, psycopg.connect(pair.turin) as fickle:
        add_partner(patient, "early")
        add_partner(fickle, "given up")
        for number in range(BATCHES):
            commit_partner(pair.turin, f"quick {number}")
            wait_for(lambda name=f"quick {number}": has(pair.milan, name))  # type: ignore[misc]
            if number == BATCHES // 2:
                # it refers to what was made and replayed since it began, and was given an id after that
                patient.execute("UPDATE res_partner SET city = 'seen' WHERE name = 'quick 3'")
                patient.execute(
                    "INSERT INTO res_partner (name, type, parent_id)"
                    " SELECT 'late', 'contact', id FROM res_partner WHERE name = 'quick 5'"
                )
                fickle.rollback()
        assert not has(pair.milan, "early")
        assert value(pair.milan, "SELECT city FROM res_partner WHERE name = 'quick 3'") is None
        patient.commit()
    wait_for(lambda: has(pair.milan, "late"))

    assert has(pair.milan, "early")
    assert value(pair.milan, "SELECT city FROM res_partner WHERE name = 'quick 3'") == "seen"
    assert not has(pair.milan, "given up")
    pair.drain_all()
    assert_equal(pair.turin, pair.milan)


def test_what_was_prepared_is_replayed_when_it_is_committed_and_not_before(pair: Pair) -> None:
    with psycopg.connect(pair.turin, autocommit=True) as connection:
        connection.execute("SET ucrepl.notify = ''")  # as it is where nobody has set it
        for name in ("prepared", "prepared in vain"):
            connection.execute("BEGIN")
            add_partner(connection, name)
            connection.execute(f"PREPARE TRANSACTION '{name}'".encode())
        commit_partner(pair.turin, "quick")
        wait_for(lambda: has(pair.milan, "quick"))
        assert not has(pair.milan, "prepared")
        connection.execute("ROLLBACK PREPARED 'prepared in vain'")
        connection.execute("COMMIT PREPARED 'prepared'")
    wait_for(lambda: has(pair.milan, "prepared"))

    pair.drain_all()
    assert_equal(pair.turin, pair.milan)
    assert not has(pair.milan, "prepared in vain")


def test_what_a_savepoint_gave_up_is_not_replayed(pair: Pair) -> None:
    with psycopg.connect(pair.turin) as connection:
        add_partner(connection, "kept")
        with connection.transaction(force_rollback=True):
            add_partner(connection, "given up")
            connection.execute("UPDATE res_partner SET city = 'given up' WHERE name = 'kept'")
        with connection.transaction():
            connection.execute("UPDATE res_partner SET city = 'kept' WHERE name = 'kept'")
    wait_for(lambda: has(pair.milan, "kept"))

    pair.drain_all()
    assert_equal(pair.turin, pair.milan)
    assert value(pair.milan, "SELECT city FROM res_partner WHERE name = 'kept'") == "kept"
    assert not has(pair.milan, "given up")


def test_the_order_in_which_two_transactions_wait_for_each_other_is_the_order_of_replay(pair: Pair) -> None:
    """The transaction with the higher number writes a row first; the one with the lower number writes it after that."""
    with psycopg.connect(pair.turin) as first, psycopg.connect(pair.turin) as second:
        add_partner(first, "first to begin")
        second.execute("UPDATE res_partner SET city = 'second', zip = '2' WHERE id = 1")
        second.commit()
        first.execute("UPDATE res_partner SET city = 'first' WHERE id = 1")
        first.commit()
    wait_for(lambda: has(pair.milan, "first to begin"))

    pair.drain_all()
    assert_equal(pair.turin, pair.milan)
    assert value(pair.milan, "SELECT city || zip FROM res_partner WHERE id = 1") == "first2"


def add_partner(connection: Connection[TupleRow], name: str) -> None:
    connection.execute("INSERT INTO res_partner (name, type) VALUES (%s, 'contact')", [name])


def commit_partner(dsn: str, name: str) -> None:
    with psycopg.connect(dsn) as connection:
        add_partner(connection, name)


def has(dsn: str, name: str) -> bool:
    return bool(value(dsn, "SELECT count(*) FROM res_partner WHERE name = %s", name))
