"""Purging: what goes, what stays, and that nobody waits for it."""

from datetime import timedelta

import psycopg
import pytest

from tests.integration.links import FORTH, MakePair, Pair
from ucrepl.db.connect import connect
from ucrepl.link.purge import Purged, purge_journal, purge_tombstones

PART = 1 << 20
NOW = timedelta(0)
MANY_ROWS = 2500  # a tick is made after every thousandth


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return make_pair("CREATE TABLE note (id serial PRIMARY KEY, text text)", both_ways=False)


def fill(pair: Pair, part: int) -> None:
    """Write changes into a part of the ring, as if those before it were full."""
    pair.a.run("SELECT setval('ucrepl.journal_seq', %s)", max(1, part * PART))
    pair.a.run("INSERT INTO note (text) SELECT 'x' FROM generate_series(1, %s)", MANY_ROWS)


def consume(pair: Pair) -> None:
    """Replay all, and confirm it."""
    pair.forth()
    replayer = pair.replayer(FORTH)
    replayer.confirm(replayer.position()[0])


def purge(pair: Pair, retention: timedelta = NOW) -> Purged:
    with connect(pair.a.dsn) as connection:
        return purge_journal(connection, retention)


def sizes(pair: Pair) -> list[int]:
    return [pair.a.value(f"SELECT count(*) FROM ucrepl.journal_{part}") for part in range(4)]


def test_a_part_goes_when_all_of_it_is_confirmed_and_another_one_is_being_written(pair: Pair) -> None:
    fill(pair, 0)
    pair.replayer(FORTH)  # the link is known to the source
    consume(pair)
    assert purge(pair).parts == ()
    fill(pair, 1)
    assert sizes(pair) == [MANY_ROWS, MANY_ROWS, 0, 0]

    assert purge(pair).parts == (0,)
    assert sizes(pair) == [0, MANY_ROWS, 0, 0]
    assert purge(pair).parts == ()


def test_a_part_stays_while_a_link_has_not_confirmed_it(pair: Pair) -> None:
    pair.replayer(FORTH)
    fill(pair, 0)
    fill(pair, 1)
    assert purge(pair) == Purged()

    consume(pair)
    pair.a.run("INSERT INTO ucrepl.consumer (link, confirmed) VALUES ('turin->rome', '3:3:')")
    assert purge(pair) == Purged()
    pair.a.run("DELETE FROM ucrepl.consumer WHERE link = 'turin->rome'")
    assert purge(pair).parts == (0,)


def test_a_part_stays_for_the_time_of_retention(pair: Pair) -> None:
    fill(pair, 0)
    consume(pair)
    fill(pair, 1)
    assert purge(pair, timedelta(minutes=1)) == Purged()
    pair.a.run("UPDATE ucrepl.tick SET at = at - interval '2 minutes' WHERE seq < %s", 1000)
    assert purge(pair, timedelta(minutes=1)) == Purged()
    pair.a.run("UPDATE ucrepl.tick SET at = at - interval '2 minutes' WHERE seq <= %s", PART + 1000)
    assert purge(pair, timedelta(minutes=1)).parts == (0,)


def test_a_node_that_no_link_reads_is_purged_by_age(pair: Pair) -> None:
    fill(pair, 0)
    fill(pair, 1)
    assert pair.a.value("SELECT count(*) FROM ucrepl.consumer") == 0
    assert purge(pair, timedelta(hours=1)).parts == ()
    assert purge(pair).parts == (0,)


def test_changes_of_an_open_transaction_are_not_truncated_and_arrive(pair: Pair) -> None:
    pair.replayer(FORTH)
    with pair.a.another() as late:
        late.execute("INSERT INTO note (text) VALUES ('late')")
        fill(pair, 0)
        consume(pair)
        fill(pair, 1)
        consume(pair)
        refused = purge(pair)
        assert (refused.parts, refused.busy) == ((), (0,))
        late.commit()
        assert purge(pair).parts == ()

    consume(pair)
    assert pair.b.value("SELECT count(*) FROM note WHERE text = 'late'") == 1
    fill(pair, 2)
    consume(pair)
    fill(pair, 3)
    assert set(purge(pair).parts) >= {0, 1}
    assert pair.b.value("SELECT count(*) FROM note") == 3 * MANY_ROWS + 1


def test_a_dump_makes_it_skip_and_is_not_waited_for(pair: Pair) -> None:
    fill(pair, 0)
    consume(pair)
    fill(pair, 1)
    with pair.a.another() as dump:
        dump.execute("LOCK TABLE ucrepl.journal_0 IN ACCESS SHARE MODE")
        with connect(pair.a.dsn) as connection:
            connection.execute("SET statement_timeout = '5s'")
            assert purge_journal(connection, NOW).busy == (0,)
        pair.a.run("SET statement_timeout = '5s'")
        pair.a.run("INSERT INTO note (text) VALUES ('nobody queues behind it')")
    assert purge(pair).parts == (0,)


def test_ticks_go_but_for_the_last_one_that_is_old_enough(pair: Pair) -> None:
    fill(pair, 0)
    fill(pair, 1)
    fill(pair, 2)
    assert pair.a.column("SELECT DISTINCT seq / %s FROM ucrepl.tick ORDER BY 1", PART) == [0, 1, 2]
    pair.a.run("UPDATE ucrepl.tick SET at = at - interval '2 minutes' WHERE seq < %s", 2 * PART)
    assert purge(pair, timedelta(minutes=1)).ticks == MANY_ROWS // 1000
    assert pair.a.column("SELECT DISTINCT seq / %s FROM ucrepl.tick ORDER BY 1", PART) == [1, 2]


def test_ticks_stay_that_a_link_has_not_passed(pair: Pair) -> None:
    pair.replayer(FORTH)
    fill(pair, 0)
    fill(pair, 1)
    assert purge(pair).ticks == 0
    consume(pair)
    assert purge(pair).ticks == MANY_ROWS // 1000


def test_a_part_that_comes_round_again_before_it_is_consumed_keeps_both(pair: Pair) -> None:
    pair.replayer(FORTH)
    for part in range(5):
        fill(pair, part)
    assert sizes(pair) == [2 * MANY_ROWS, MANY_ROWS, MANY_ROWS, MANY_ROWS]
    consume(pair)
    assert purge(pair).parts == (1, 2, 3)
    assert pair.b.value("SELECT count(*) FROM note") == 5 * MANY_ROWS


def test_tombstones_go_when_they_are_old_and_can_not_be_met_any_more(pair: Pair) -> None:
    pair.a.run("INSERT INTO note (text) VALUES ('one'), ('two'), ('three')")
    pair.forth()
    pair.a.run("DELETE FROM note WHERE text <> 'three'")
    pair.forth()
    assert buried(pair) == 2
    with connect(pair.b.dsn) as target:
        assert purge_tombstones(target) == 0
        pair.b.run("UPDATE ucrepl.identity SET deleted_at = now() - interval '31 days' WHERE remote_id = 1")

        pair.b.run("UPDATE ucrepl.link SET position_at = now() - interval '2 days'")  # a link that is behind
        assert purge_tombstones(target) == 0
        pair.b.run("UPDATE ucrepl.link SET position_at = now()")

        pair.b.run("UPDATE ucrepl.identity SET shipped_xid = pg_current_xact_id() WHERE remote_id = 1")
        pair.b.run("INSERT INTO ucrepl.consumer (link, confirmed) VALUES ('milan->turin', '3:3:')")  # not shipped yet
        assert purge_tombstones(target) == 0
        pair.b.run("UPDATE ucrepl.consumer SET confirmed = pg_current_snapshot()")

        assert purge_tombstones(target) == 1
    assert buried(pair) == 1
    assert pair.b.value("SELECT count(*) FROM ucrepl.identity") == 2


def buried(pair: Pair) -> int:
    return int(pair.b.value("SELECT count(*) FROM ucrepl.identity WHERE deleted_at IS NOT NULL"))


def test_purging_while_others_write_loses_nothing(pair: Pair) -> None:
    with psycopg.connect(pair.a.dsn, autocommit=True) as writer:
        for part in range(6):
            writer.execute("SELECT setval('ucrepl.journal_seq', %s)", [max(1, part * PART - 1000)])
            writer.execute("INSERT INTO note (text) SELECT 'x' FROM generate_series(1, %s)", [MANY_ROWS])
            consume(pair)
            purge(pair)
    consume(pair)
    assert pair.b.value("SELECT count(*) FROM note") == 6 * MANY_ROWS
    assert sum(sizes(pair)) < 2 * MANY_ROWS
