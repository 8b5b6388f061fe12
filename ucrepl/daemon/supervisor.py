"""The daemon: starts a worker for each link, listens to signals, and tells systemd how it is."""

import logging
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from types import FrameType
from typing import Final

import structlog

from ucrepl.config import Config, InvalidConfigError, Link, Node, Rule
from ucrepl.daemon import logs
from ucrepl.daemon.exporter import Exporter
from ucrepl.daemon.files import FileService
from ucrepl.daemon.notify import Notifier, watchdog_interval
from ucrepl.daemon.trouble import describe
from ucrepl.daemon.waker import Waker
from ucrepl.daemon.worker import State, Worker
from ucrepl.errors import UcreplError

LOOK_SECONDS: Final = 1.0
READY_SECONDS: Final = 20.0
"""A node that does not answer holds up the READY for no longer than this."""

CANCEL_SECONDS: Final = 8.0
"""After a signal to end, a batch that takes longer than this is cancelled ..."""

GIVE_UP_SECONDS: Final = 9.5
"""... and what has not ended then is left to the servers, which roll it back."""

OPENING_GIVE_UP_SECONDS: Final = 1.5
"""A worker that is only connecting is not waited for."""

_NOT_RELOADED: Final = "configuration not reloaded: the old one stays in force"

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Everything on which a worker depends: one that has the same as before goes on untouched."""

    link: Link
    rules: list[Rule]
    source: Node
    target: Node
    is_two_way: bool

    @classmethod
    def of(cls, config: Config, link: Link) -> "_Wanted":
        return cls(
            link,
            config.rules_for(link),
            config.nodes[link.source],
            config.nodes[link.target],
            any(other.source == link.target and other.target == link.source for other in config.links),
        )


class Supervisor:
    """Runs the links of a configuration until a signal ends it. `load` reads the configuration anew for a SIGHUP."""

    def __init__(self, config: Config, load: Callable[[], Config], notifier: Notifier | None = None) -> None:
        self._config = config
        self._load = load
        self._notifier = notifier or Notifier()
        self._waker = Waker()
        self._wanted: dict[str, _Wanted] = {}
        self._workers: dict[str, Worker] = {}
        self._retiring: list[Worker] = []
        self._services: dict[str, tuple[Node, FileService]] = {}
        self._exporter = Exporter(
            lambda: self._config, lambda: {w.link.name: w.durations for w in tuple(self._workers.values())}
        )
        self._end_by: int | None = None
        self._has_to_reload = False
        self._ready_by: float | None = None
        self._status = ""
        self._watchdog_interval = watchdog_interval()
        self._next_watchdog = monotonic()

    def run(self) -> int:
        """Run until SIGTERM or SIGINT, and return the exit code. To be called in the main thread."""
        self._handle_signals()
        log.info("start", links=[link.name for link in self._config.links])
        self._use(self._config)
        interval = min(LOOK_SECONDS, self._watchdog_interval or LOOK_SECONDS)
        while self._end_by is None:
            if self._has_to_reload:
                self._reload()
            self._reap()
            self._start_missing()
            self._say_ready()
            self._say_status()
            self._feed_watchdog()
            self._waker.wait(0.05 if self._ready_by or self._retiring else interval)
        return self._end()

    def _handle_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_end)
        signal.signal(signal.SIGHUP, self._on_hangup)

    def _on_end(self, number: int, _: FrameType | None) -> None:
        if self._end_by is not None:
            os._exit(128 + number)  # the second one: at once. The servers roll back what was open
        self._end_by = number
        self._waker.wake()

    def _on_hangup(self, _number: int, _: FrameType | None) -> None:
        self._has_to_reload = True
        self._waker.wake()

    def _reload(self) -> None:
        """Use the configuration as it is now in its file; where it is wrong, go on with the old one."""
        self._has_to_reload = False
        self._notifier.reloading("reloading the configuration")
        try:
            config = self._load()
        except UcreplError as error:
            problems = error.problems if isinstance(error, InvalidConfigError) else [describe(error)]
            for problem in problems:
                log.error(_NOT_RELOADED, problem=str(problem))  # noqa: TRY400 - a wrong file is not a bug
        else:
            self._use(config)
            log.info("configuration reloaded", links=[link.name for link in config.links])
        self._ready_by = monotonic() + READY_SECONDS
        self._status = ""

    def _use(self, config: Config) -> None:
        """Ask the workers of links that have changed or gone to end; what is to be started, `_start_missing` does."""
        logs.configure(config.daemon.log_level)
        self._config = config
        self._ready_by = monotonic() + READY_SECONDS
        wanted = {link.name: _Wanted.of(config, link) for link in config.links}
        for name in [name for name in self._workers if self._wanted[name] != wanted.get(name)]:
            worker = self._workers.pop(name)
            worker.stop()
            self._retiring.append(worker)
        for worker in self._workers.values():
            worker.nudge()  # what it waits for may have been mended along with the file
        self._wanted = wanted
        self._serve_files(config)
        self._exporter.serve(config.metrics)

    def _serve_files(self, config: Config) -> None:
        """Have the filestores on this host served; those that have changed or gone, no longer."""
        beside = {name: node for name, node in config.nodes.items() if node.filestore}
        for name in [name for name, (node, _) in self._services.items() if beside.get(name) != node]:
            self._services.pop(name)[1].stop()
        for name in beside.keys() - self._services.keys():
            self._services[name] = beside[name], FileService(config, name)
            self._services[name][1].start()

    def _reap(self) -> None:
        self._retiring = [worker for worker in self._retiring if not worker.join(0)]

    def _start_missing(self) -> None:
        """Start the links that have no worker, each after its former worker has ended."""
        leaving = {worker.link.name for worker in self._retiring}
        for name, wanted in self._wanted.items():
            if name not in self._workers and name not in leaving:
                self._workers[name] = Worker(self._config, wanted.link)
                self._workers[name].start()

    def _say_ready(self) -> None:
        """Say READY when every link has been tried once, whatever came of it, or has taken too long."""
        if self._ready_by is None:
            return
        has_tried_all = self._workers.keys() == self._wanted.keys() and all(
            worker.attempted.is_set() for worker in self._workers.values()
        )
        if has_tried_all or monotonic() > self._ready_by:
            self._ready_by = None
            self._status = self._summary()
            self._notifier.ready(self._status)
            log.info("ready", status=self._status)

    def _say_status(self) -> None:
        status = self._summary()
        if self._ready_by is None and status != self._status:
            self._status = status
            self._notifier.status(status)

    def _summary(self) -> str:
        """As `2 links: 1 idle, 1 running, lag 120`."""
        states = Counter(worker.state for worker in self._workers.values())
        parts = [f"{states[state]} {state}" for state in State if states[state]]
        if lag := sum(worker.lag for worker in self._workers.values()):
            parts.append(f"lag {lag}")
        number = len(self._wanted)
        return f"{number} link{'s' * (number != 1)}: {', '.join(parts) or 'none started'}"

    def _feed_watchdog(self) -> None:
        """Ping while all is well. Done by the main thread, so that its own death is noticed too."""
        if self._watchdog_interval is None or monotonic() < self._next_watchdog:
            return
        hanging = [worker.link.name for worker in (*self._workers.values(), *self._retiring) if not worker.is_well()]
        if hanging:
            log.error("links hang: the watchdog is not fed", links=hanging)
        else:
            self._notifier.watchdog()
        self._next_watchdog = monotonic() + self._watchdog_interval / 2

    def _end(self) -> int:
        """Let the workers finish their batches, within ten seconds."""
        began = monotonic()
        workers = [*self._workers.values(), *self._retiring]
        self._notifier.stopping("finishing what is being applied")
        log.info("end", signal=signal.Signals(self._end_by or signal.SIGTERM).name)
        services = [service for _, service in self._services.values()]
        for worker in workers:
            worker.stop()
        for service in services:
            service.stop()
        cancelled = False
        while workers := [worker for worker in workers if not worker.join(0)]:
            passed = monotonic() - began
            limit = OPENING_GIVE_UP_SECONDS if all(worker.is_opening for worker in workers) else GIVE_UP_SECONDS
            if passed > limit:
                log.warning("left behind: the servers roll it back", links=[worker.link.name for worker in workers])
                logging.shutdown()
                os._exit(0)  # an ordinary exit could wait for these threads
            if passed > CANCEL_SECONDS and not cancelled:
                cancelled = True
                log.warning("the batch takes too long and is cancelled", links=[worker.link.name for worker in workers])
                for worker in workers:
                    threading.Thread(target=worker.cancel, daemon=True).start()
            self._waker.wait(0.02)
        for service in services:
            service.join(GIVE_UP_SECONDS - CANCEL_SECONDS)
        log.info("ended")
        return 0
