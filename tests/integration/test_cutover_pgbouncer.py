"""The cut-over with PgBouncer in front: its clients wait, and see no error."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL

import psycopg
import pytest

from tests.integration.clerk import Clerk, wait_for_more, writing
from tests.integration.links import BACK as BACK_LINK
from tests.integration.links import MakePair, Pair
from tests.integration.terminal import FORTH, Terminal
from tests.integration.test_cutover import DDL, PARTNERS, open_sides, over
from tests.integration.test_cutover import STEPS as STEPS_WITHOUT
from tests.integration.test_cutover_killed import kill_before
from tests.support.bouncer import RunningBouncer, bouncer_running
from tests.support.daemon import daemon_running
from ucrepl.errors import Exit, RefusedError, UnreachableError
from ucrepl.link.cutover.pgbouncer import Bouncer

STEPS = ["prepare", "pause", *STEPS_WITHOUT[1:]]
FEW = {("close", "later")}


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(DDL)
    pair.seed_both()
    pair.close_links()
    return pair


@contextmanager
def in_front(pair: Pair) -> Iterator[RunningBouncer]:
    """Has a PgBouncer lead to turin, and the configuration know it."""
    with bouncer_running(pair.a.dsn) as running:
        pair.config = type(pair.config).model_validate(
            {
                "nodes": pair.config.model_dump()["nodes"],
                "links": [{"from": link.source, "to": link.target} for link in pair.config.links],
                "cutover": {"pgbouncer": running.settings},
            }
        )
        yield running


@pytest.fixture
def bouncer(pair: Pair) -> Iterator[RunningBouncer]:
    with in_front(pair) as running:
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


@pytest.mark.parametrize(
    ("step", "returns"),
    [
        pytest.param(step, returns, marks=[] if (step, returns) in FEW else pytest.mark.long)
        for step in STEPS
        for returns in ("at once", "later")
    ],
)
def test_a_pgbouncer_that_is_killed_before_a_step(
    pair: Pair, bouncer: RunningBouncer, tmp_path: Path, step: str, returns: str
) -> None:
    """`returns`: when it does, at once or after the command has given up."""

    def told(at: str) -> None:
        if at == step:
            bouncer.kill()
            if returns == "at once":
                bouncer.start()

    terminal = Terminal(pair, tmp_path)
    with writing(pair, bouncer.dsn) as writers:
        now_open, said = "milan", ""
        try:
            over(pair, told=told)
        except (RefusedError, UnreachableError) as error:
            said = error.message
            now_open = "" if "not to the end" in said else "turin"
        if returns == "later":
            if step not in {"close", "open", "resume", "caches"}:
                assert re.search("PgBouncer's console does not answer.*do it by hand", said)
                assert open_sides(pair) == ["turin"]
            bouncer.start()
        if terminal("cutover", "status", code=None).code == Exit.FINDING:
            terminal("cutover", "resume", FORTH)
            now_open = "milan"
        assert open_sides(pair) == [now_open]
        writers.go_on_at(now_open)
    writers.assert_never_two_open(now_open)
    writers.assert_kept()


@pytest.mark.long
@pytest.mark.parametrize("command", ["abort", "resume"])
@pytest.mark.parametrize("step", STEPS)
def test_clients_that_a_killed_cut_over_has_left_waiting_go_on(
    pair: Pair, bouncer: RunningBouncer, tmp_path: Path, step: str, command: str
) -> None:
    terminal = Terminal(pair, tmp_path)
    with writing(pair, bouncer.dsn) as writers:
        kill_before(terminal.path, step)
        is_open = STEPS.index(step) > STEPS.index("open")
        code = terminal("cutover", command, FORTH, code=None).code
        assert code == (Exit.REFUSED if is_open and command == "abort" else Exit.OK)
        if code == Exit.REFUSED:
            terminal("cutover", "resume", FORTH)
        now_open = "turin" if command == "abort" and not is_open else "milan"
        assert open_sides(pair) == [now_open]
        writers.go_on_at(now_open)
    writers.assert_never_two_open(now_open)
    writers.assert_kept()


@pytest.mark.long
def test_the_daemon_is_killed_before_the_pause(pair: Pair, bouncer: RunningBouncer, tmp_path: Path) -> None:
    with daemon_running(Terminal(pair, tmp_path).path) as daemon, writing(pair, bouncer.dsn) as writers:

        def told(step: str) -> None:
            if step == "pause":
                daemon.end(SIGKILL)

        assert over(pair, told=told)["outcome"] == "done"
        writers.go_on_at("milan")
    writers.assert_never_two_open("milan")
    writers.assert_kept()
    assert writers.at["way"].unsure == []
