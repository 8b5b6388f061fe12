"""What stands in front of both sides: PgBouncer, a command, or both. Leads the clients over, and back."""

from uuid import UUID

from ucrepl.config import Config, Link
from ucrepl.errors import UcreplError
from ucrepl.link.cutover.pgbouncer import Bouncer, BouncerError
from ucrepl.link.cutover.switch import SwitchError, look_through, run_switch


class Front:
    """Remembers what it has done, so that it can be undone. `bouncer` is None where there is no PgBouncer."""

    def __init__(self, config: Config, link: Link) -> None:
        self._config, self._link = config, link
        self._settings = config.cutover_of(link)
        pgbouncer = self._settings.pgbouncer
        self.bouncer = Bouncer(pgbouncer, config.nodes) if pgbouncer else None
        self._has_paused = self._has_pointed = self._has_switched = False

    def assume_all(self, *, switched: bool) -> None:
        """What an interrupted cut-over may have done counts as done. `switched`: the command may have been run."""
        self._has_paused = self._has_pointed = True
        self._has_switched = switched and bool(self._settings.switch)

    def pause(self, seconds: float) -> None:
        """Has the clients of PgBouncer wait. Raises TimeoutError, BouncerError, UnreachableError."""
        if self.bouncer:
            self._has_paused = True
            self.bouncer.pause(seconds)

    def lead_over(self, new_side: UUID) -> None:
        """Leads the clients to the new side. Raises SwitchError, BouncerError, ConfigError, UnreachableError."""
        if self.bouncer:
            self._has_pointed = True
            self.bouncer.point_to(self._link.target)
        if self._settings.switch:
            self._has_switched = True
            run_switch(self._settings, self._link)
        if not self.bouncer:  # its clients wait, and so would we
            look_through(self._settings, new_side)

    def resume(self) -> None:
        """Lets the clients of PgBouncer go on. Raises BouncerError, UnreachableError."""
        if self.bouncer:
            self.bouncer.resume()

    def lead_back(self) -> list[str]:
        """Leads the clients to the old side as far as they have been led away. Returns what could not be done."""
        notes = []
        if self._has_switched:
            notes += self._switch_back()
        if self.bouncer:
            try:
                if self._has_pointed:
                    self.bouncer.point_to(self._link.source)
                if self._has_paused:
                    self.bouncer.resume()
            except (BouncerError, UcreplError, TimeoutError) as error:
                notes.append(f"PgBouncer could not be led back, do it by hand: {error}")
        return notes

    def _switch_back(self) -> list[str]:
        back = self._config.way_back(self._link)
        settings = self._config.cutover_of(back) if back else None
        if back is None or settings is None or not settings.switch:
            return [f"the command {self._settings.switch[0]!r} was run, see that the clients are led back"]
        try:
            run_switch(settings, back)
        except SwitchError as error:
            return [f"the clients could not be led back, do it by hand: {error}"]
        return []
