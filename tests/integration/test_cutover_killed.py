"""A cut-over whose program is killed at any step: it is gone on with, or taken back, and exactly one side is open."""

import subprocess
import sys
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.integration.clerk import writing
from tests.integration.links import MakePair, Pair
from tests.integration.terminal import FORTH, Terminal
from tests.integration.test_cutover import DDL, STEPS, noting, open_sides, with_hook
from tests.support.cli import ucrepl_environment
from ucrepl.errors import Exit

DECIDED = STEPS.index("open")
KILLED_AT = """
import os, signal, sys
from pathlib import Path
from ucrepl.config import load_config
from ucrepl.link.cutover.run import Options, cut_over
from ucrepl.link.nodes import Nodes

config, at = load_config(Path(sys.argv[1])), sys.argv[2]

def told(step):
    if step == at:
        os.kill(os.getpid(), signal.SIGKILL)

with Nodes(config, "cutover") as nodes:
    cut_over(config, config.links[0], nodes, Options(told=told))
"""
FEW = {("open", "abort")}


def kill_before(config: Path, step: str) -> None:
    """Runs a cut-over that is killed before it takes the step."""
    run = [sys.executable, "-c", KILLED_AT, str(config), step]
    assert subprocess.run(run, check=False, env=ucrepl_environment()).returncode == -SIGKILL


@pytest.mark.parametrize(
    ("step", "command"),
    [
        pytest.param(step, command, marks=[] if (step, command) in FEW else pytest.mark.long)
        for step in STEPS
        for command in ("resume", "abort")
    ],
)
def test_killed_before_a_step(make_pair: MakePair, tmp_path: Path, step: str, command: str) -> None:
    pair: Pair = make_pair(DDL)
    pair.seed_both()
    pair.close_links()
    with_hook(pair, noting(tmp_path / "led"), noting(tmp_path / "led"))
    terminal = Terminal(pair, tmp_path)
    is_open = STEPS.index(step) > DECIDED
    with writing(pair) as writers:
        kill_before(terminal.path, step)
        assert "was interrupted" in terminal("cutover", "status", code=Exit.FINDING).err
        if step == "open":
            assert open_sides(pair) == []
        if command == "abort" and is_open:
            sentence, hint = terminal.refused("cutover", "abort", FORTH, code=Exit.REFUSED)
            assert "'milan' is open already" in sentence
            assert "resume" in hint
            now_open = "milan"
        else:
            outcome = terminal("cutover", command, FORTH, "--json").json["outcome"]
            now_open = {"done": "milan", "taken back": "turin"}[outcome]
            assert now_open == ("milan" if command == "resume" else "turin")
            terminal("cutover", "status")
            led = (tmp_path / "led").read_text().split() if (tmp_path / "led").exists() else []
            assert led[-1:] in ([], [now_open])
        assert open_sides(pair) == [now_open]
        writers.go_on_at(now_open)
    writers.assert_never_two_open(now_open)
    writers.assert_kept()


@pytest.mark.long
def test_the_new_side_need_not_be_there_to_take_it_back(make_pair: MakePair, tmp_path: Path) -> None:
    pair: Pair = make_pair(DDL)
    pair.seed_both()
    pair.close_links()
    kill_before(Terminal(pair, tmp_path).path, "numbers")
    lost = Terminal(pair, tmp_path, milan="host=/nowhere dbname=odoo")
    lost.refused("cutover", "resume", FORTH, code=Exit.UNREACHABLE)
    assert lost("cutover", "abort", FORTH, "--json").json["outcome"] == "taken back"
    assert open_sides(pair) == ["turin"]
    assert Terminal(pair, tmp_path)("cutover", "abort", FORTH, "--json").json["outcome"] == "taken back"
    assert open_sides(pair) == ["turin"]
