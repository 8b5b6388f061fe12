"""A performance: from the making of the stage to its end, however it ends."""

import signal
from collections.abc import Callable
from types import FrameType
from typing import Final

from rich.console import Console

from ucrepl.demo.guide import guide
from ucrepl.demo.show import Show
from ucrepl.demo.stage import Stage
from ucrepl.demo.story import Story, new_scene, verdict

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def perform(console: Console, say: Callable[[str], None], *, keep: bool) -> bool:
    """Play the demo on this console, `say` what came out, and tell whether both sides are equal in the end.

    With `keep` servers and daemon stay, also if an act fails, and how to look around is said. Without, and after Ctrl-C
    in any case, nothing is left.
    """
    before = {number: signal.signal(number, _interrupt) for number in _ENDING}
    try:
        with Stage(keep=keep) as stage:
            try:
                return _play(stage, console, say)
            except Exception:
                if keep:
                    say(guide(stage))
                raise
            finally:
                _disregard_signals()  # the clearing up is not to be disturbed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _play(stage: Stage, console: Console, say: Callable[[str], None]) -> bool:
    scene = new_scene()
    show = Show(scene, console)
    with show.raise_curtain():
        comparison = Story(stage, scene, show).play()
    for difference in comparison.differences:
        say(difference)
    say(f"\n{verdict(comparison)} ({scene.elapsed:.0f} s)")
    if stage.keep:
        stage.start_daemon()
        say(guide(stage))
    return comparison.equal


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    _disregard_signals()
    raise KeyboardInterrupt


def _disregard_signals() -> None:
    """Let signals pass. Not by SIG_IGN, which a program that is being started inherits: it could not be ended then."""
    for number in _ENDING:
        signal.signal(number, lambda _number, _frame: None)
