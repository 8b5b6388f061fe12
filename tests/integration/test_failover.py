"""The source of a link is lost, its target takes over, and the source becomes a peer again when it is back."""

import subprocess
import sys
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.integration.links import MakePair, Pair
from tests.integration.terminal import BACK, FORTH, Terminal
from tests.integration.test_cutover import DDL, PARTNERS, is_open, open_sides, over
from tests.integration.workers import working
from tests.support.cli import ucrepl_environment
from tests.support.waiting import wait_for
from ucrepl.db.connect import connect
from ucrepl.errors import Exit
from ucrepl.link.cutover import fence

GONE = "host=/nowhere dbname=odoo"
KILLED_AT = """
import os, signal, sys
from pathlib import Path
from ucrepl.config import load_config
from ucrepl.link.cutover import failover
from ucrepl.link.cutover.record import Record
from ucrepl.link.nodes import Nodes

config, command, at = load_config(Path(sys.argv[1])), sys.argv[2], sys.argv[3]
write_down = Record.step

def step(record, name):
    write_down(record, name)
    if name == at:
        os.kill(os.getpid(), signal.SIGKILL)

Record.step = step
with Nodes(config, "cutover") as nodes:
    getattr(failover, command)(config.links[0], nodes)
"""


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(DDL)
    pair.seed_both()
    pair.settle()
    return pair


@pytest.fixture
def lost(pair: Pair, tmp_path: Path) -> Terminal:
    """The command line, for which turin is gone."""
    folder = tmp_path / "lost"
    folder.mkdir()
    return Terminal(pair, folder, turin=GONE)


def test_what_was_not_delivered_is_applied_or_parked(pair: Pair, lost: Terminal, tmp_path: Path) -> None:
    pair.a.run("UPDATE partner SET name = 'seen' WHERE id = 2")
    pair.forth()
    pair.close_links()
    pair.a.run("INSERT INTO partner (name) VALUES ('not delivered')")
    pair.a.run("UPDATE partner SET name = 'of turin' WHERE id = 1")
    pair.a.run("DELETE FROM partner WHERE id = 2")

    said = lost("failover", FORTH, "--confirm")
    assert "may be missing" in said.err
    assert "document numbers" in said.err
    pair.b.run("UPDATE partner SET name = 'of milan' WHERE id = 1; INSERT INTO partner (name) VALUES ('since')")
    assert pair.b.rows("SELECT kind, outcome, options ? 'position' FROM ucrepl.cutover") == [("failover", "done", True)]

    back = Terminal(pair, tmp_path)
    report = back("rejoin", FORTH, "--json", code=Exit.PARKED).json
    assert (report["undelivered"], report["parked"], report["rows"]) == (3, 1, 2)
    assert open_sides(pair) == ["milan"]
    assert pair.b.column(PARTNERS) == ["not delivered", "of milan", "since"]
    assert [(p.table, p.reason) for p in pair.b.parked()] == [("partner", "conflict")]
    assert "since" in pair.a.column(PARTNERS)
    back.refused("rejoin", FORTH, code=Exit.REFUSED)

    back("parked", "skip", str(pair.b.value("SELECT parked_id FROM ucrepl.parked")))
    assert back("cutover", BACK, "--yes", "--json").json["outcome"] == "done"
    assert open_sides(pair) == ["turin"]
    pair.assert_same(PARTNERS)


@pytest.mark.long
@pytest.mark.parametrize(
    ("of_failover", "of_rejoin"), [("pause", "close"), ("numbers", "replay"), ("open", "follow"), ("caches", "replay")]
)
def test_killed_before_a_step_it_is_run_again(
    pair: Pair, lost: Terminal, tmp_path: Path, of_failover: str, of_rejoin: str
) -> None:
    pair.close_links()
    pair.a.run("INSERT INTO partner (name) VALUES ('not delivered')")
    pair.a.run("UPDATE partner SET name = 'of turin' WHERE id = 1")
    kill_before(lost.path, "failover", of_failover)
    assert lost("failover", FORTH, "--confirm", "--json").json["outcome"] == "done"
    assert is_open(pair.b)
    pair.b.run("UPDATE partner SET name = 'of milan' WHERE id = 1; INSERT INTO partner (name) VALUES ('since')")

    back = Terminal(pair, tmp_path)
    kill_before(back.path, "rejoin", of_rejoin)
    assert "milan" in open_sides(pair)
    assert back("rejoin", FORTH, "--json", code=None).json["outcome"] == "done"
    assert open_sides(pair) == ["milan"]
    assert pair.b.column(PARTNERS) == ["b", "not delivered", "of milan", "since"]
    assert [(p.table, p.reason) for p in pair.b.parked()] == [("partner", "conflict")]
    assert {"not delivered", "since"} <= {*pair.a.column(PARTNERS)}
    back.refused("rejoin", FORTH, code=Exit.REFUSED)


@pytest.mark.long
@pytest.mark.parametrize("step", ["pause", "numbers", "open"])
def test_one_that_was_interrupted_is_taken_back_when_the_old_side_answers(
    pair: Pair, lost: Terminal, tmp_path: Path, step: str
) -> None:
    pair.close_links()
    with connect(pair.b.dsn) as gate:
        fence.shut(gate, "turin")
    pair.a.run("INSERT INTO partner (name) VALUES ('not delivered')")
    kill_before(lost.path, "failover", step)
    assert "failover" in lost.refused("cutover", "abort", FORTH, code=Exit.REFUSED)[1]
    here = Terminal(pair, tmp_path)
    report = here("cutover", "abort", FORTH, "--json").json
    assert report["outcome"] == "taken back"
    assert f"ucrepl resume '{FORTH}'" in report["notes"][-1]
    assert open_sides(pair) == ["turin"]
    here("resume", FORTH)
    assert here("cutover", FORTH, "--yes", "--json").json["rows"] == 1
    assert open_sides(pair) == ["milan"]


def test_one_that_was_interrupted_when_the_new_side_was_open_is_followed_by_a_rejoin(
    pair: Pair, lost: Terminal, tmp_path: Path
) -> None:
    pair.close_links()
    pair.a.run("INSERT INTO partner (name) VALUES ('not delivered')")
    kill_before(lost.path, "failover", "caches")
    pair.b.run("INSERT INTO partner (name) VALUES ('since')")
    here = Terminal(pair, tmp_path)
    for command in ("abort", "resume"):
        sentence, hint = here.refused("cutover", command, FORTH, code=Exit.REFUSED)
        assert "'milan' is open" in sentence
        assert f"ucrepl rejoin '{FORTH}'" in hint
    kill_before(here.path, "rejoin", "replay")
    assert "ucrepl rejoin" in here.refused("cutover", "abort", FORTH, code=Exit.REFUSED)[1]
    assert here("rejoin", FORTH, "--json").json["outcome"] == "done"
    assert open_sides(pair) == ["milan"]
    assert pair.assert_same(PARTNERS) == [("a",), ("b",), ("not delivered",), ("since",)]
    here("cutover", "status")


def kill_before(config: Path, command: str, step: str) -> None:
    """Runs `failover` or `rejoin`, which is killed before it takes the step."""
    run = [sys.executable, "-c", KILLED_AT, str(config), command, step]
    assert subprocess.run(run, check=False, env=ucrepl_environment()).returncode == -SIGKILL


def test_document_numbers_go_on_above_those_that_the_lost_side_can_have_given(pair: Pair, lost: Terminal) -> None:
    pair.close_links()
    draw = "SELECT max(nextval('ir_sequence_001')) FROM generate_series(1, %s)"
    known = "SELECT max(last_value) FROM ucrepl.source_counter"
    with working(pair):
        for drawn in (4, 7):
            pair.a.rows(draw, drawn)
            last = pair.a.value("SELECT last_value FROM ir_sequence_001")
            wait_for(lambda: pair.b.value(known) == last, what="the number to be known")  # noqa: B023
    pair.a.rows(draw, 50)  # nobody hears of these
    said = lost("failover", FORTH, "--confirm")
    assert "document numbers go on 100 above the last ones" in said.err
    assert pair.b.value("SELECT nextval('ir_sequence_001')") == 4 + 7 + 100 + 1
    assert pair.b.value("SELECT number_next FROM ir_sequence WHERE implementation = 'no_gap'") == 5


@pytest.mark.long
def test_it_takes_over_a_closed_target(pair: Pair, lost: Terminal) -> None:
    pair.close_links()
    over(pair)
    over(pair, 1)
    assert open_sides(pair) == ["turin"]
    lost("failover", FORTH, "--confirm", "--json")
    assert "milan" in open_sides(pair)


@pytest.mark.long
def test_what_forbids_it(pair: Pair, lost: Terminal, tmp_path: Path) -> None:
    here = Terminal(pair, tmp_path)
    assert "'turin' answers" in here.refused("failover", FORTH, "--confirm", code=Exit.REFUSED)[0]
    assert "--confirm" in lost.refused("failover", FORTH, code=Exit.USAGE)[1]
    assert "there was no failover" in here.refused("rejoin", FORTH, code=Exit.REFUSED)[0]
    lost.refused("rejoin", FORTH, code=Exit.UNREACHABLE)
