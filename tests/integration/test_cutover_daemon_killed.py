"""A cut-over during which the daemon is killed: whatever the step, one side is open, and nothing is lost."""

from contextlib import ExitStack
from pathlib import Path
from signal import SIGKILL
from threading import Event, Thread
from typing import Self

import psycopg
import pytest

from tests.integration.links import BACK as BACK_LINK
from tests.integration.links import FORTH as FORTH_LINK
from tests.integration.links import MakePair, Pair, Side
from tests.integration.terminal import Terminal
from tests.integration.test_cutover import DDL, PARTNERS, STEPS, open_sides, over
from tests.support.daemon import daemon_running
from tests.support.waiting import wait_for
from ucrepl.errors import RefusedError
from ucrepl.link.cutover.fence import SQLSTATE


class Writer:
    """Adds partners on one side while it is open, and remembers those that were acknowledged."""

    def __init__(self, side: Side) -> None:
        self.acknowledged: list[str] = []
        self._side = side
        self._stop = Event()
        self._thread = Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        with psycopg.connect(self._side.dsn, autocommit=True) as session:
            while not self._stop.wait(0.005):
                name = f"{self._side.name} {len(self.acknowledged)}"
                try:
                    session.execute("INSERT INTO partner (name) VALUES (%s)", [name])
                except psycopg.OperationalError as error:
                    if error.sqlstate != SQLSTATE:
                        raise
                else:
                    self.acknowledged.append(name)


@pytest.mark.long
def test_the_daemon_is_killed_before_each_step(make_pair: MakePair, tmp_path: Path) -> None:
    pair: Pair = make_pair(DDL)
    pair.seed_both()
    pair.close_links()
    config = Terminal(pair, tmp_path).path
    outcomes = {}
    with Writer(pair.a) as at_turin, Writer(pair.b) as at_milan:
        ahead, behind = (FORTH_LINK, "milan", at_milan), (BACK_LINK, "turin", at_turin)
        for step in STEPS:
            with ExitStack() as stack:
                daemon = stack.enter_context(daemon_running(config, f"daemon {step}"))

                def told(at: str, kill: str = step, process: object = daemon) -> None:
                    if at == kill:
                        process.end(SIGKILL)  # type: ignore[attr-defined]

                link, to, writer = ahead
                try:
                    outcomes[step] = over(pair, link, told=told)["outcome"]
                except RefusedError as error:
                    outcomes[step] = error.message
                assert daemon.process.poll() is not None
            if outcomes[step] == "done":
                assert open_sides(pair) == [to]
                known = len(writer.acknowledged)
                wait_for(lambda: len(writer.acknowledged) > known, what="the writer to go on")  # noqa: B023
                ahead, behind = behind, ahead
            else:
                assert "is open as before" in outcomes[step]
                assert to not in open_sides(pair)
    assert outcomes == dict.fromkeys(STEPS, "done")
    pair.settle()
    names = [name for (name,) in pair.assert_same(PARTNERS)]
    assert sorted(n for n in names if " " in n) == sorted(at_turin.acknowledged + at_milan.acknowledged)
    pair.assert_clean()
