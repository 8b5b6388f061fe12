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


@pytest.mark.long
def test_the_daemon_is_killed_before_each_step(make_pair: MakePair, tmp_path: Path) -> None:
    pair: Pair = make_pair(DDL)
    pair.seed_both()
    pair.close_links()
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
