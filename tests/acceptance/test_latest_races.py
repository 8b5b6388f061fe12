"""`conflicts: latest` where somebody commits a later change while an earlier one of the other side is being applied."""

from pathlib import Path

import psycopg
import pytest

from tests.support.compare import assert_equal
from tests.support.databases import MakeDatabase
from tests.support.pair import Pair, value
from tests.support.waiting import wait_for


@pytest.mark.parametrize("elsewhere", [False, True], ids=["nothing else", "a later change of another row"])
def test_a_column_that_goes_back_to_its_old_value_while_a_batch_waits_for_the_row(
    database: MakeDatabase, tmp_path: Path, *, elsewhere: bool
) -> None:
    pair = Pair.linked(tmp_path, database("shop"), database("shop"), lock_timeout_ms=60_000)
    pair.run("install")
    pair.run("seed", "--same-ids")
    with psycopg.connect(pair.turin) as turin:
        turin.execute("UPDATE res_partner SET active = false, city = 'Torino' WHERE id IN (6, 7)")
    with psycopg.connect(pair.milan) as milan:
        if elsewhere:
            milan.execute("UPDATE res_partner SET city = 'Milano' WHERE id = 7")
            milan.commit()
        milan.execute("UPDATE res_partner SET active = false WHERE id = 6")
        milan.execute("UPDATE res_partner SET active = true WHERE id = 6")
        with pair.daemon():
            wait_for(lambda: waits_for_a_lock(pair.milan), what="the batch that waits for the row")
            milan.commit()
            wait_for(lambda: value(pair.milan, "SELECT city FROM res_partner WHERE id = 6") == "Torino")
    pair.drain_all()

    assert_equal(pair.turin, pair.milan)
    assert value(pair.milan, "SELECT active FROM res_partner WHERE id = 6") is True
    assert value(pair.milan, "SELECT city FROM res_partner WHERE id = 7") == ("Milano" if elsewhere else "Torino")


def waits_for_a_lock(dsn: str) -> bool:
    """Whether a session of ucrepl waits for somebody who holds a row."""
    return bool(
        value(
            dsn,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE 'ucrepl%' AND wait_event_type = 'Lock'",
        )
    )
