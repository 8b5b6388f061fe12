"""The cut-over with PgBouncer in front: its clients wait, and see no error."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import psycopg
import pytest
import yaml

from tests.integration.clerk import Clerk, wait_for_more
from tests.integration.links import BACK as BACK_LINK
from tests.integration.links import FORTH as FORTH_LINK
from tests.integration.links import MakePair, Pair
from tests.integration.terminal import FORTH, Terminal
from tests.integration.test_cutover import DDL, PARTNERS, open_sides, over
from tests.integration.test_cutover_killed import KILLED_AT
from tests.support.bouncer import RunningBouncer, bouncer_running
from tests.support.cli import ucrepl_environment
from ucrepl.config import Cutover
from ucrepl.errors import RefusedError
from ucrepl.link.cutover.pgbouncer import Bouncer


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(DDL)
    pair.seed_both()
    pair.close_links()
    return pair


@pytest.fixture
def bouncer(pair: Pair) -> Iterator[RunningBouncer]:
    with bouncer_running(pair.a.dsn) as running:
        pair.config = type(pair.config).model_validate(
            {
                "nodes": pair.config.model_dump()["nodes"],
                "links": [{"from": link.source, "to": link.target} for link in pair.config.links],
                "cutover": {"pgbouncer": running.settings},
            }
        )
        yield running


def test_clients_see_a_pause_and_no_error_forth_and_back(pair: Pair, bouncer: RunningBouncer) -> None:
    with Clerk(bouncer.dsn) as clerk:
        wait_for_more(clerk)
        report = over(pair)
        wait_for_more(clerk)
        assert open_sides(pair) == ["milan"]
        assert report["pause_ms"] is not None
        assert 0 < report["pause_ms"] <= report["waited_ms"] + 100
        over(pair, BACK_LINK)
        wait_for_more(clerk)
    assert clerk.failures == []
    assert open_sides(pair) == ["turin"]
    pair.settle()
    names = [name for (name,) in pair.assert_same(PARTNERS) if name.startswith("clerk")]
    assert sorted(names) == sorted(clerk.acknowledged)
    assert "other = host=/nowhere" in bouncer.config.read_text()


@pytest.mark.long
def test_a_transaction_that_pgbouncer_waits_for_in_vain_takes_it_back(pair: Pair, bouncer: RunningBouncer) -> None:
    with psycopg.connect(bouncer.dsn) as user:
        user.execute("INSERT INTO partner (name) VALUES ('long')")
        with pytest.raises(RefusedError, match="PgBouncer did not answer in time"):
            over(pair, deadline=0.5)
        user.commit()
        user.execute("INSERT INTO partner (name) VALUES ('goes on')")
        user.commit()
    assert "turin" in open_sides(pair)


@pytest.mark.long
def test_it_takes_back_what_it_has_told_pgbouncer(pair: Pair, bouncer: RunningBouncer) -> None:
    before = bouncer.config.read_text()
    console = Bouncer(pair.config.cutover.pgbouncer, pair.config.nodes)  # type: ignore[arg-type]
    console.pause(5)
    assert console.database()["paused"]
    console.point_to("milan")
    with pytest.raises(RefusedError, match="does not lead to node 'turin'"):
        over(pair)
    console.point_to("turin")
    console.resume()
    console.resume()
    assert not console.database()["paused"]
    assert bouncer.config.read_text().split() == before.replace("'", "").split()


@pytest.mark.long
def test_a_pgbouncer_that_dies_takes_it_back(pair: Pair, bouncer: RunningBouncer) -> None:
    def told(step: str) -> None:
        if step == "switch":
            bouncer.kill()

    with pytest.raises(RefusedError, match=r"PgBouncer's console does not answer.*do it by hand"):
        over(pair, FORTH_LINK, told=told)
    assert open_sides(pair) == ["turin"]
    bouncer.start()
    with psycopg.connect(bouncer.dsn) as user:
        user.execute("INSERT INTO partner (name) VALUES ('again')")


@pytest.mark.long
@pytest.mark.parametrize(("command", "side"), [("abort", "turin"), ("resume", "milan")])
def test_clients_that_a_killed_cut_over_has_left_waiting_go_on(
    pair: Pair, bouncer: RunningBouncer, tmp_path: Path, command: str, side: str
) -> None:
    pair.config = pair.config.model_copy(update={"cutover": Cutover()})
    terminal = Terminal(pair, tmp_path)
    with terminal.path.open("a", encoding="utf-8") as file:
        file.write(yaml.safe_dump({"cutover": {"pgbouncer": bouncer.settings}}))
    run = [sys.executable, "-c", KILLED_AT, str(terminal.path), "close"]
    with Clerk(bouncer.dsn) as clerk:
        wait_for_more(clerk)
        assert subprocess.run(run, check=False, env=ucrepl_environment()).returncode == -SIGKILL
        terminal("cutover", command, FORTH)
        wait_for_more(clerk)
    assert clerk.failures == []
    assert open_sides(pair) == [side]
    pair.settle()
    names = [name for (name,) in pair.assert_same(PARTNERS) if name.startswith("clerk")]
    assert sorted(names) == sorted(clerk.acknowledged)
