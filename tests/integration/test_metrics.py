"""Metrics: what a scrape of the daemon tells, and that no node makes it wait or fail."""

import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from signal import SIGHUP
from time import monotonic

import psycopg
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from psycopg.conninfo import make_conninfo

from tests.integration.links import MakePair, Pair
from tests.integration.terminal import BACK, FORTH
from tests.support.cli import two_node_config
from tests.support.daemon import daemon_running
from tests.support.waiting import wait_for
from ucrepl.config import Config
from ucrepl.daemon import exporter, http
from ucrepl.daemon.durations import Durations
from ucrepl.daemon.exporter import Exporter
from ucrepl.link.nodes import Nodes
from ucrepl.link.status import all_status, status_of

DDL = "CREATE TABLE partner (id serial PRIMARY KEY, name text UNIQUE); CREATE TABLE bus (id serial PRIMARY KEY)"
HERE = "127.0.0.1:0"

Samples = dict[tuple[str, ...], float]


def scrape(port: int) -> Samples:
    """Every sample, by its name and the values of its labels, these in the order of their names."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as client:
        client.request("GET", "/metrics")
        response = client.getresponse()
        text = response.read().decode()
        assert response.status == 200, text
    return {_key(sample): sample.value for family in text_string_to_metric_families(text) for sample in family.samples}


def _key(sample: Sample) -> tuple[str, ...]:
    return (sample.name, *(sample.labels[name] for name in sorted(sample.labels)))


@pytest.fixture
def taken() -> Iterator[str]:
    """An address at which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield f"127.0.0.1:{other.getsockname()[1]}"


def test_a_scrape_of_the_daemon(make_pair: MakePair, tmp_path: Path, taken: str) -> None:
    pair = make_pair(DDL)
    pair.a.run("INSERT INTO bus DEFAULT VALUES; INSERT INTO partner (name) VALUES ('one'), ('two'), ('refused')")
    pair.b.run("ALTER TABLE partner ADD CHECK (name <> 'refused')")
    config = two_node_config(tmp_path, pair.a.dsn, pair.b.dsn, rules=[{"table": "bus", "skip": True, "name": "no bus"}])
    document = yaml.safe_load(config.read_text())

    def listen(address: str | None) -> None:
        metrics = {"metrics": {"listen": address}} if address else {}
        config.write_text(yaml.safe_dump(document | metrics))

    listen(HERE)
    with daemon_running(config) as daemon:
        port = daemon.wait_for_line("metrics are served", address=HERE)["port"]
        daemon.wait_for_line("batch", link=FORTH, parked=1)
        wait_for(lambda: scrape(port)["ucrepl_lag_rows", FORTH] == 0, what="the end of the lag")
        seen = scrape(port)
        assert {
            name: seen[f"ucrepl_{name}", FORTH] for name in ("applied_total", "parked", "held", "files_parked")
        } == {
            "applied_total": 2,
            "parked": 1,
            "held": 0,
            "files_parked": 0,
        }
        assert seen["ucrepl_skipped_total", FORTH, "no bus"] == 1
        assert (seen["ucrepl_link_state", FORTH, "idle"], seen["ucrepl_link_state", FORTH, "down"]) == (1, 0)
        assert (seen["ucrepl_link_error", FORTH], seen["ucrepl_lag_seconds", FORTH]) == (0, 0)
        wait_for(
            lambda: scrape(port)["ucrepl_batch_seconds_count", FORTH] == len(daemon.lines("batch", link=FORTH)) > 0,
            what="all batches to be counted",
        )
        seen = scrape(port)
        assert seen["ucrepl_batch_seconds_bucket", "+Inf", FORTH] == seen["ucrepl_batch_seconds_count", FORTH]
        assert 0 < seen["ucrepl_batch_seconds_sum", FORTH] < 60
        assert seen["ucrepl_applied_total", BACK] == 0
        assert seen["process_resident_memory_bytes",] > 1_000_000

        listen("localhost:0")
        daemon.send(SIGHUP)
        moved = daemon.wait_for_line("metrics are served", address="localhost:0")["port"]
        assert scrape(moved)["ucrepl_applied_total", FORTH] == 2
        with pytest.raises(ConnectionRefusedError):
            scrape(port)

        listen(taken)
        daemon.send(SIGHUP)
        line = daemon.wait_for_line("metrics are not served; all else goes on", address=taken)
        assert (line["level"], line["error"]) == ("error", "Address already in use")
        assert "metrics.listen" in line["hint"]

        listen(None)
        daemon.send(SIGHUP)
        daemon.wait_for_line("ready", number=4)
        pair.a.run("INSERT INTO partner (name) VALUES ('later')")
        wait_for(lambda: pair.b.rows("SELECT FROM partner WHERE name = 'later'"), what="a change after all that")
        assert len(daemon.lines("link opened", link=FORTH)) == 1
        assert len(daemon.lines("metrics are served")) == 2
        assert len(daemon.lines("metrics are not served; all else goes on")) == 1


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return make_pair(DDL)


def scraped(config: Config) -> tuple[Samples, float]:
    """A scrape of an exporter, and the seconds that it took."""
    serving = Exporter(lambda: config, lambda: {FORTH: Durations()})
    began = monotonic()
    samples = {_key(sample): sample.value for family in serving.collect() for sample in family.samples}
    return samples, monotonic() - began


def with_milan(pair: Pair, dsn: str) -> Config:
    document = pair.config.model_dump(by_alias=True)
    document["nodes"]["milan"]["dsn"] = dsn
    return Config.model_validate(document)


def test_a_node_that_is_down_leaves_the_other_numbers(pair: Pair) -> None:
    pair.b.run("INSERT INTO partner (name) VALUES ('x')")
    pair.back()
    pair.close_links()
    seen, _ = scraped(with_milan(pair, make_conninfo(pair.b.dsn, port="1")))
    for link in (FORTH, BACK):
        assert (seen["ucrepl_link_state", link, "down"], seen["ucrepl_link_error", link]) == (1, 1)
        assert ("ucrepl_lag_rows", link) not in seen
    assert ("ucrepl_applied_total", FORTH) not in seen
    assert seen["ucrepl_applied_total", BACK] == 1  # its target is there
    assert seen["ucrepl_batch_seconds_count", FORTH] == 0


def test_no_scrape_waits_for_a_node_that_does_not_answer(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        seen, seconds = scraped(with_milan(pair, f"host=127.0.0.1 port={port} user=x connect_timeout=60"))
    assert (seen["ucrepl_link_state", FORTH, "down"], seen["ucrepl_link_error", FORTH]) == (1, 1)
    assert seconds < 2


def test_a_scrape_lets_go_of_a_table_that_somebody_has_locked(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "ANSWER_SECONDS", 0.3)
    with psycopg.connect(pair.a.dsn) as user:
        user.execute("LOCK TABLE ucrepl.journal")
        seen, seconds = scraped(pair.config)
        wait_for(
            lambda: not pair.a.rows("SELECT FROM pg_stat_activity WHERE application_name = 'ucrepl metrics'"),
            what="the end of the question",
        )
    assert seen["ucrepl_link_state", FORTH, "down"] == 1
    assert seconds < 2
    assert scraped(pair.config)[0]["ucrepl_link_state", FORTH, "stopped"] == 1


def test_a_client_that_says_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http._Handler, "timeout", 0.05)
    server = http.serve("127.0.0.1", 0, lambda _environ, _start: [])
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as client:
        assert client.recv(1) == b""
    server.shutdown()
    server.server_close()


def test_a_long_lag_is_estimated(pair: Pair) -> None:
    pair.a.run("INSERT INTO partner (name) SELECT g::text FROM generate_series(1, 5500) AS g")
    with Nodes(pair.config, "test") as nodes:
        exact = all_status(pair.config, nodes)[0]
        assert exact.lag_rows == 5500
        assert status_of(pair.config.links[0], nodes, counted=10_000).lag_rows == 5500
        assert 4000 <= (status_of(pair.config.links[0], nodes, counted=10).lag_rows or 0) <= 6500
