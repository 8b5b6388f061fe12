"""How the scene is shown: live on a terminal, as plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.live import Live

from ucrepl.demo.scene import Progress, Scene
from ucrepl.demo.view import plain_lines, render

_REFRESH_PER_SECOND: Final = 8


class Show:
    """Tells the acts on a console while they are played."""

    def __init__(self, scene: Scene, console: Console) -> None:
        self._scene, self._console = scene, console
        self._is_live = console.is_terminal and not console.is_dumb_terminal and not console.options.ascii_only

    @contextmanager
    def raise_curtain(self) -> Iterator[None]:
        """Show the scene while the block runs. On a terminal its last picture stays."""
        if not self._is_live:
            yield
            self._say(*plain_lines(self._scene))
            return
        with Live(
            console=self._console,
            get_renderable=lambda: render(self._scene),
            refresh_per_second=_REFRESH_PER_SECOND,
            vertical_overflow="crop",
        ):
            try:
                yield
            except BaseException:
                self._fail()
                raise

    def begin(self, number: int) -> None:
        """The act of this number (from 1) begins."""
        act = self._scene.acts[number - 1]
        act.progress = Progress.RUNNING
        if not self._is_live:
            self._say(f"{number}. {act.title}: {act.sentence}")

    def end(self, number: int, outcome: str, *, failed: bool = False) -> None:
        """It came out like this."""
        act = self._scene.acts[number - 1]
        act.outcome, act.progress = outcome, Progress.FAILED if failed else Progress.DONE
        if not self._is_live:
            self._say(f"   {outcome}")

    def _fail(self) -> None:
        for act in self._scene.acts:
            if act.progress is Progress.RUNNING:
                act.progress = Progress.FAILED

    def _say(self, *lines: str) -> None:
        for line in lines:
            self._console.out(line, highlight=False)
