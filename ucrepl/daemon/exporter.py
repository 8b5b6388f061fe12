"""Serves the metrics over HTTP, for Prometheus. The nodes are asked when it asks; replay has no part in it."""

import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Final

import structlog

from ucrepl.config import Config, Link, Metrics
from ucrepl.daemon.durations import Durations
from ucrepl.daemon.trouble import describe
from ucrepl.link.nodes import Nodes
from ucrepl.link.status import LinkStatus, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.simple_server import WSGIServer

    from prometheus_client.metrics_core import Metric

ANSWER_SECONDS: Final = 3.0
"""A scrape waits for the nodes no longer than this."""

CONNECT_SECONDS: Final = 2
COUNTED_ROWS: Final = 100_000
"""A lag is counted up to here and estimated from here on: a link that is far behind must not cost more."""

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class Inquiry:
    """Asks the nodes of a link for its status, in a thread of its own: nobody has to wait for one that is down."""

    def __init__(self, config: Config, link: Link) -> None:
        self._config = config
        self._link = link
        self._status: LinkStatus | None = None
        self._answered = threading.Event()
        threading.Thread(target=self._ask, name=f"metrics {link.name}", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether the nodes have answered, or will not any more."""
        return self._answered.is_set()

    def answer(self, until: float) -> LinkStatus | None:
        """The status, waited for until this time; None where it has not come."""
        self._answered.wait(max(0.0, until - monotonic()))
        return self._status

    def _ask(self) -> None:
        try:
            with Nodes(self._config, "metrics", CONNECT_SECONDS, statement_timeout=ANSWER_SECONDS) as nodes:
                self._status = status_of(self._link, nodes, COUNTED_ROWS)
        except Exception as error:  # a scrape must not fail
            log.exception("no metrics of a link", link=self._link.name, error=describe(error))
        finally:
            self._answered.set()


class Exporter:
    """Serves metrics where the configuration says so. `config` and `durations` are asked at each scrape."""

    def __init__(self, config: Callable[[], Config], durations: Callable[[], Mapping[str, Durations]]) -> None:
        self._config = config
        self._durations = durations
        self._inquiries: dict[str, Inquiry] = {}
        self._lock = threading.Lock()
        self._served: Metrics | None = None
        self._server: WSGIServer | None = None

    def serve(self, wanted: Metrics | None) -> None:
        """Serve at this address, and at no other one any more; None: nowhere. What can't be had is logged."""
        if self._server and wanted == self._served:
            return
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            log.info("metrics are not served any more", address=self._served and self._served.listen)
        self._served = wanted
        if wanted:
            self._listen(wanted)

    def _listen(self, wanted: Metrics) -> None:
        from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app

        from ucrepl.daemon.http import serve

        registry = CollectorRegistry()
        registry.register(self)
        ProcessCollector(registry=registry)
        try:
            self._server = serve(wanted.host, wanted.port, make_wsgi_app(registry))
        except OSError as error:
            log.error(  # noqa: TRY400 - an address that is taken is not a bug
                "metrics are not served; all else goes on",
                address=wanted.listen,
                error=error.strerror or str(error),
                hint="free the address, or choose another one under 'metrics.listen', then send SIGHUP",
            )
        else:
            log.info("metrics are served", address=wanted.listen, port=self._server.server_port)

    def collect(self) -> "Iterator[Metric]":
        """The metrics, as prometheus_client calls for them at a scrape."""
        from ucrepl.daemon.metrics import Seen, families

        config, durations = self._config(), self._durations()
        until = monotonic() + ANSWER_SECONDS
        inquiries = {link.name: self._inquiry(config, link) for link in config.links}
        return families(
            {
                name: Seen(inquiry.answer(until), durations.get(name) or Durations())
                for name, inquiry in inquiries.items()
            }
        )

    def _inquiry(self, config: Config, link: Link) -> Inquiry:
        """A new one, or the one that is still under way: a node that hangs is not asked again and again."""
        with self._lock:
            inquiry = self._inquiries.get(link.name)
            if inquiry is None or inquiry.is_over:
                inquiry = self._inquiries[link.name] = Inquiry(config, link)
            return inquiry
