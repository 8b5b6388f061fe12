"""A cut-over during which the daemon is killed: whatever the step, it is done without one, and nothing is lost."""

from pathlib import Path
from signal import SIGKILL

import pytest

from tests.integration.clerk import Clerk, wait_for_more
from tests.integration.links import BACK as BACK_LINK
from tests.integration.links import FORTH as FORTH_LINK
from tests.integration.links import MakePair, Pair
from tests.integration.terminal import Terminal
from tests.integration.test_cutover import DDL, PARTNERS, STEPS, open_sides, over
from tests.support.daemon import Daemon, daemon_running
from ucrepl.throwaway import Server

PLANNING = ("catalog_tables", "catalog_columns", "catalog_foreign_keys", "catalog_unique_indexes", "staging")
"""The named queries with which a link is opened."""


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(DDL)
    pair.seed_both()
    pair.close_links()
    return pair


@pytest.mark.long
def test_the_daemon_is_killed_before_each_step(pair: Pair, tmp_path: Path) -> None:
    config = Terminal(pair, tmp_path).path
    with Clerk(pair.a.dsn, "turin", patient=True) as at_turin, Clerk(pair.b.dsn, "milan", patient=True) as at_milan:
        ahead, behind = (FORTH_LINK, "milan", at_milan), (BACK_LINK, "turin", at_turin)
        for step in STEPS:
            with daemon_running(config, f"daemon {step}") as daemon:

                def told(at: str, kill: str = step, daemon: Daemon = daemon) -> None:
                    if at == kill:
                        daemon.end(SIGKILL)

                link, to, clerk = ahead
                assert over(pair, link, told=told, deadline=60.0)["outcome"] == "done"
                assert daemon.process.poll() is not None
            assert open_sides(pair) == [to]
            wait_for_more(clerk)
            ahead, behind = behind, ahead
    assert at_turin.failures == at_milan.failures == []
    pair.settle()
    names = [name for (name,) in pair.assert_same(PARTNERS)]
    assert sorted(n for n in names if " " in n) == sorted(at_turin.acknowledged + at_milan.acknowledged)
    pair.assert_clean()


def test_nothing_is_planned_while_writers_wait_when_the_daemon_has_died(
    pair: Pair, server: Server, tmp_path: Path
) -> None:
    for side in (pair.a, pair.b):
        side.run(f"ALTER DATABASE \"{side.connection.info.dbname}\" SET log_statement = 'all'")
    at: dict[str, int] = {}
    with daemon_running(Terminal(pair, tmp_path).path) as daemon:

        def told(step: str) -> None:
            if step == "fence":
                daemon.end(SIGKILL)
                pair.a.run("INSERT INTO partner (name) VALUES ('to be replayed')")
            at[step] = server.log.stat().st_size

        report = over(pair, told=told)
    assert (report["outcome"], report["rows"]) == ("done", 1)
    assert pair.b.column(PARTNERS) == ["a", "b", "to be replayed"]
    log = server.log.read_bytes()
    before, meanwhile = log[: at["fence"]].decode(), log[at["fence"] : at["resume"]].decode()
    assert [name for name in PLANNING if f"-- {name}:" not in before] == []
    assert "-- begin_batch:" in meanwhile
    assert [name for name in PLANNING if f"-- {name}:" in meanwhile] == []
