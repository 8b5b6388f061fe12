"""A cut-over whose program is killed at any step: it is gone on with, or taken back, and exactly one side is open."""

import subprocess
import sys
from pathlib import Path
from signal import SIGKILL

import psycopg
import pytest

from tests.integration.links import MakePair, Pair
from tests.integration.terminal import FORTH, Terminal
from tests.integration.test_cutover import DDL, PARTNERS, STEPS, noting, open_sides, over, with_hook
from tests.support.cli import ucrepl_environment
from tests.support.databases import Databases
from ucrepl.errors import Exit, RefusedError
from ucrepl.throwaway import Server

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
    pair.a.run("INSERT INTO partner (name) VALUES ('c')")
    run = [sys.executable, "-c", KILLED_AT, str(terminal.path), step]
    assert subprocess.run(run, check=False, env=ucrepl_environment()).returncode == -SIGKILL

    at = STEPS.index(step)
    assert "was interrupted" in terminal("cutover", "status", code=Exit.FINDING).err
    if at == DECIDED:
        assert open_sides(pair) == []
    if command == "abort" and at > DECIDED:
        sentence, hint = terminal.refused("cutover", "abort", FORTH, code=Exit.REFUSED)
        assert "'milan' is open already" in sentence
        assert "resume" in hint
        assert open_sides(pair) == ["milan"]
        return
    outcome = terminal("cutover", command, FORTH, "--json").json["outcome"]
    assert outcome == ("done" if command == "resume" else "taken back")
    assert open_sides(pair) == ["milan" if command == "resume" else "turin"]
    led = (tmp_path / "led").read_text().split() if (tmp_path / "led").exists() else []
    assert led[-1:] in ([], ["milan" if command == "resume" else "turin"])
    terminal("cutover", "status")
    pair.settle()
    assert ("c",) in pair.assert_same(PARTNERS)
    pair.assert_clean()


@pytest.mark.long
def test_the_new_side_need_not_be_there_to_take_it_back(make_pair: MakePair, tmp_path: Path) -> None:
    pair: Pair = make_pair(DDL)
    pair.seed_both()
    pair.close_links()
    run = [sys.executable, "-c", KILLED_AT, str(Terminal(pair, tmp_path).path), "numbers"]
    assert subprocess.run(run, check=False, env=ucrepl_environment()).returncode == -SIGKILL
    lost = Terminal(pair, tmp_path, milan="host=/nowhere dbname=odoo")
    lost.refused("cutover", "resume", FORTH, code=Exit.UNREACHABLE)
    assert lost("cutover", "abort", FORTH, "--json").json["outcome"] == "taken back"
    assert open_sides(pair) == ["turin"]
    assert Terminal(pair, tmp_path)("cutover", "abort", FORTH, "--json").json["outcome"] == "taken back"
    assert open_sides(pair) == ["turin"]


@pytest.mark.long
@pytest.mark.parametrize("command", ["resume", "abort"])
@pytest.mark.parametrize("lost", ["turin", "milan"])
@pytest.mark.parametrize("step", ["level", "switch", "close", "open"])
def test_a_server_that_dies_before_a_step(
    server: Server, databases: Databases, tmp_path: Path, step: str, lost: str, command: str
) -> None:
    with Server() as other:
        names = [databases.create(), Databases(other).create()]
        dsns = [server.dsn(names[0]), other.dsn(names[1])]
        with Pair(*(dsns if lost == "milan" else dsns[::-1])) as pair:
            pair.run(DDL)
            pair.install()
            pair.seed_both()
            pair.close_links()

            def told(at: str) -> None:
                if at == step:
                    other.kill()
                    other.start()

            outcome = "done"
            try:
                over(pair, told=told)
            except RefusedError as error:
                outcome = "unfinished" if "not to the end" in error.message else "taken back"
            side = pair.side(lost)
            side.connection.close()
            side.connection = psycopg.connect(side.dsn, autocommit=True)
            terminal = Terminal(pair, tmp_path)
            if terminal("cutover", "status", code=None).code == Exit.FINDING:
                code = terminal("cutover", command, FORTH, code=None).code
                assert code in ({Exit.OK} if command == "resume" else {Exit.OK, Exit.REFUSED})
                outcome = "done" if command == "resume" or code == Exit.REFUSED else "taken back"
            assert outcome != "unfinished"
            assert open_sides(pair) == ["milan" if outcome == "done" else "turin"]
            pair.settle()
            pair.assert_same(PARTNERS)
        databases.drop(names[0])
