"""Daemon and servers that die in the middle of the work: nothing is lost and nothing is done twice."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import psycopg
import pytest

from tests.support.compare import assert_equal
from tests.support.databases import Databases, MakeDatabase
from tests.support.pair import Pair, value
from tests.support.site import Site
from tests.support.traffic import Traffic
from tests.support.waiting import wait_for
from ucrepl.throwaway import Server

ROUNDS = 9
TEMPLATES = [
    pytest.param("shop", marks=pytest.mark.xdist_group("shop")),
    pytest.param("odoo18", marks=[pytest.mark.xdist_group("odoo18"), pytest.mark.long]),
]


@pytest.fixture
def milan_server(template: str, server: Server) -> Iterator[Server]:
    """The server of milan: one of its own for the small database, for Odoo the one on which turin is too."""
    with ExitStack() as stack:
        yield stack.enter_context(Server()) if template == "shop" else server


@pytest.mark.slow
@pytest.mark.parametrize("template", TEMPLATES)
def test_killed_again_and_again_it_still_arrives_at_the_same(
    template: str, database: MakeDatabase, milan_server: Server, tmp_path: Path
) -> None:
    milan_dsn = database(template) if template != "shop" else milan_server.dsn(Databases(milan_server).create("shop"))
    pair = Pair.linked(tmp_path, database(template), milan_dsn, batch_rows=1000)
    traffic = Traffic.of(template)
    chance = random.Random(template)  # noqa: S311 - to be the same in each run
    pair.run("install")
    pair.run("seed", "--same-ids")
    with (
        Site(pair.turin, 0, may_write=traffic.is_for_turin) as turin,
        Site(pair.milan, 1, may_write=traffic.is_for_milan) as milan,
    ):
        traffic.play(pair.turin, turin)
        milan.make_some_of_all()
        with turin.at_work(pause=0.05), milan.at_work(pause=0.05):
            for number in range(ROUNDS):
                with pair.daemon() as daemon:
                    match number % 3:
                        case 0:  # at any moment, while it opens its links for instance
                            Event().wait(chance.uniform(0, 2))
                        case 1:  # in its first batch, the one that it finds half done perhaps
                            wait_for_a_batch(pair)
                        case 2:  # in a later one
                            pair.wait_for_progress()
                            wait_for_a_batch(pair)
                    if number == 5:
                        milan_server.restart("immediate")
                        pair.wait_for_progress()
                        wait_for_a_batch(pair)
                    Event().wait(chance.uniform(0, 0.05))
                    assert daemon.poll() is None, pair.log.read_text()[-2000:]

    pair.drain_all()

    assert_equal(pair.turin, pair.milan)
    assert min(site.done["lost"] for site in (turin, milan)) <= 1 <= milan.done["lost"]


def wait_for_a_batch(pair: Pair) -> None:
    """Waits until a batch that has not begun yet is being applied."""
    since = {dsn: value(dsn, "SELECT clock_timestamp()") for dsn in (pair.turin, pair.milan)}
    wait_for(lambda: any(replays(dsn, since[dsn]) for dsn in since), 60, "a batch")


def replays(dsn: str, since: object) -> bool:
    """Whether a transaction that has begun since then has locked the position of a link."""
    try:
        return bool(
            value(
                dsn,
                "SELECT count(*) FROM pg_stat_activity AS a JOIN pg_locks AS l USING (pid)"
                " WHERE a.datname = current_database() AND a.xact_start > %s"
                " AND l.relation = 'ucrepl.link'::regclass AND l.mode = 'RowShareLock'",
                since,
            )
        )
    except psycopg.OperationalError:  # the server is about to go, or not there yet
        return False
