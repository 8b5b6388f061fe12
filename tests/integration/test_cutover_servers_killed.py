"""A cut-over during which a server is killed: whatever the step, it is gone on with or taken back, one side is open."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.integration.clerk import writing
from tests.integration.links import Pair
from tests.integration.terminal import FORTH, Terminal
from tests.integration.test_cutover import DDL, open_sides, over
from tests.integration.test_cutover_pgbouncer import STEPS, in_front
from tests.support.databases import Databases
from ucrepl.errors import Exit, RefusedError, UnreachableError
from ucrepl.throwaway import Server

DECIDED = STEPS.index("close")
FEW = {("level", "milan", "resume", "at once")}
WAYS = [("resume", "at once"), ("abort", "at once"), ("abort", "later"), ("resume", "later")]
CASES = [
    (step, lost, command, returns)
    for place, step in enumerate(STEPS)
    for lost in ("turin", "milan")
    # Before the decision there is little that differs.
    for command, returns in (WAYS if place >= DECIDED else WAYS[place % 2 :: 2])
]


@pytest.fixture(scope="module")
def mortal() -> Iterator[Databases]:
    """Databases on a server that is there to be killed."""
    with Server() as server:
        yield Databases(server)


@pytest.mark.parametrize(
    ("step", "lost", "command", "returns"),
    [pytest.param(*case, marks=[] if case in FEW else pytest.mark.long) for case in CASES],
)
def test_killed_before_a_step(  # noqa: PLR0913, PLR0917 - a case has four parts
    databases: Databases, mortal: Databases, tmp_path: Path, step: str, lost: str, command: str, returns: str
) -> None:
    """`returns`: when the server does, at once or after the command has given up."""
    other = mortal.server
    dsns = [place.server.dsn(place.create()) for place in (databases, mortal)]
    with Pair(*(dsns if lost == "milan" else dsns[::-1])) as pair:
        pair.run(DDL)
        pair.install()
        pair.seed_both()
        pair.close_links()

        def told(at: str) -> None:
            if at == step:
                other.kill()
                if returns == "at once":
                    other.start()

        with ExitStack() as stack:
            # The step "pause" is there with a PgBouncer only.
            way = stack.enter_context(in_front(pair)).dsn if step == "pause" else None
            terminal = Terminal(pair, tmp_path)
            writers = stack.enter_context(writing(pair, way))
            now_open, notes = "milan", []
            try:
                notes = over(pair, told=told)["notes"]
            except (RefusedError, UnreachableError) as error:
                now_open = "" if "not to the end" in error.message else "turin"
            if returns == "later":
                assert not other.running
                terminal("cutover", "status", code=Exit.UNREACHABLE)
                terminal.refused("cutover", "resume", FORTH, code=Exit.UNREACHABLE)
                other.start()
            side = pair.side(lost)
            side.connection.close()
            side.connection = psycopg.connect(side.dsn, autocommit=True)
            if terminal("cutover", "status", code=None).code == Exit.FINDING:
                if now_open == "milan":
                    assert notes == [f"it could not be written down on node {lost!r}: ucrepl cutover resume '{FORTH}'"]
                code = terminal("cutover", command, FORTH, code=None).code
                if command == "abort" and code == Exit.REFUSED:
                    assert open_sides(pair) == ["milan"]
                    terminal("cutover", "resume", FORTH)
                else:
                    assert code == Exit.OK
                now_open = "turin" if command == "abort" and code == Exit.OK else "milan"
            terminal("cutover", "status")
            assert open_sides(pair) == [now_open]
            writers.go_on_at(now_open)
        writers.assert_never_two_open(now_open)
        writers.assert_kept()
