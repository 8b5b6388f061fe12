"""What the demo shows is a function of its state, and fits into an ordinary terminal."""

from io import StringIO

from rich.console import Console

from ucrepl.demo.scene import MILAN, TURIN, Link, Partner, Progress, Scene, Site
from ucrepl.demo.story import new_scene
from ucrepl.demo.view import plain_lines, render

WIDTH, HEIGHT = 80, 24


def shown(scene: Scene) -> list[str]:
    console = Console(width=WIDTH, file=StringIO())
    with console.capture() as capture:
        console.print(render(scene))
    return [line.rstrip() for line in capture.get().splitlines()]


def in_the_middle() -> Scene:
    scene = new_scene()
    for act, progress in zip(scene.acts, [Progress.DONE] * 4 + [Progress.RUNNING], strict=False):
        act.progress = progress
        act.outcome = "it went well" if progress is Progress.DONE else ""
    scene.sites = {
        TURIN: Site(up=True, transactions=1234, last="order 7 confirmed"),
        MILAN: Site(up=False, transactions=99, last="order 8 deleted"),
    }
    scene.links = {"turin->milan": Link("down", 12345, 67, 2, 1), "milan->turin": Link("paused")}
    scene.latencies["turin->milan"].seconds = [0.004, 0.006, 0.020]
    scene.partners = [Partner("Studio Riva", (13, 14)), Partner("Bottega [Rossi]", (15, None))] * 2
    return scene


def test_the_picture_tells_what_is_and_what_was() -> None:
    lines = shown(in_the_middle())

    assert "✓ 4 At work              it went well" in lines
    assert "▶ 5 Milan goes down      The server of milan stops while turin works on." in lines
    assert "· 6 A conflict" in lines
    assert "  milan  ○ down            99  order 8 deleted" in lines
    assert "  turin → milan  down     12,345       67  6.0 ms  20.0 ms          2       1" in lines
    assert "  milan → turin  paused        0        0       -        -          0       0" in lines
    assert "  Studio Riva                 13           14" in lines
    assert "  Bottega [Rossi]             15            …" in lines


def test_the_picture_fits_into_an_ordinary_terminal() -> None:
    scene = in_the_middle()
    for act in scene.acts:
        act.progress, act.outcome = Progress.RUNNING, ""

    lines = shown(scene)

    assert len(lines) <= HEIGHT
    assert max(map(len, lines)) <= WIDTH


def test_the_tables_as_lines() -> None:
    assert list(plain_lines(in_the_middle()))[:3] == [
        "turin->milan: down, 12345 applied, 67 waiting, p50 6.0 ms, slowest 20.0 ms, 2 conflicts, 1 parked",
        "milan->turin: paused, 0 applied, 0 waiting, p50 -, slowest -, 0 conflicts, 0 parked",
        "Studio Riva: id 13 in turin, 14 in milan",
    ]
