"""What stands in the logs: a JSON object a line, or colours on a terminal, and never a password."""

import io
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import psycopg
import pytest
import structlog

from ucrepl.daemon.logs import configure
from ucrepl.errors import ConfigError

SECRET = "s3cret"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave the logging of the other tests alone."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [cast("dict[str, Any]", json.loads(line)) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_in_a_fixed_order(stream: io.StringIO) -> None:
    configure("info", stream)
    structlog.stdlib.get_logger("ucrepl.link").info("batch applied", rows=3, link="turin->milan", ms={"copy": 1.5})
    (line,) = lines(stream)
    assert list(line) == ["timestamp", "level", "event", "logger", "link", "rows", "ms"]
    assert line["timestamp"].endswith("Z")
    moment = datetime.fromisoformat(line.pop("timestamp"))
    assert timedelta(0) <= datetime.now(UTC) - moment < timedelta(minutes=1)
    assert line == {
        "level": "info",
        "event": "batch applied",
        "logger": "ucrepl.link",
        "link": "turin->milan",
        "rows": 3,
        "ms": {"copy": 1.5},
    }


def test_values_of_any_type_become_json(stream: io.StringIO) -> None:
    configure("info", stream)
    uuid = UUID(int=7)
    structlog.stdlib.get_logger("x").info(
        "odd",
        nan=float("nan"),
        uuid=uuid,
        path=Path("/a"),
        raw=b"\xff",
        pair=(1, uuid),
        none=None,
        keys={1: "\ud800\n"},
    )
    (line,) = lines(stream)
    del line["timestamp"]
    assert line == {
        "level": "info",
        "event": "odd",
        "logger": "x",
        "nan": "nan",
        "uuid": str(uuid),
        "path": "/a",
        "raw": "\\xff",
        "pair": [1, str(uuid)],
        "none": None,
        "keys": {"1": "\ud800\n"},
    }


def test_the_level_counts_and_can_change_while_running(stream: io.StringIO) -> None:
    configure("warning", stream)
    log = structlog.stdlib.get_logger("x").bind(link="a->b")
    log.info("unheard")
    log.warning("heard")
    configure("debug", stream)
    log.debug("heard too")
    assert [(line["event"], line["level"]) for line in lines(stream)] == [("heard", "warning"), ("heard too", "debug")]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ConfigError, match="'loud'") as caught:
        configure("loud")
    assert caught.value.hint == "set it to one of: debug, info, warning, error, critical"


def test_the_logs_of_libraries_look_alike_and_carry_the_link(stream: io.StringIO) -> None:
    configure("info", stream)
    structlog.contextvars.bind_contextvars(link="turin->milan")
    logging.getLogger("psycopg.pool").warning("error connecting in %r: %s", "pool-1", f"password={SECRET}")
    logging.getLogger("psycopg").debug("unheard")
    (line,) = lines(stream)
    del line["timestamp"]
    assert line == {
        "level": "warning",
        "event": "error connecting in 'pool-1': password=***",
        "logger": "psycopg.pool",
        "link": "turin->milan",
    }


def test_warnings_of_python_are_logged(stream: io.StringIO) -> None:
    configure("info", stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    (line,) = lines(stream)
    assert line["logger"] == "py.warnings"
    assert "DeprecationWarning: old" in line["event"]


@pytest.mark.parametrize("foreign", [False, True])
def test_an_exception_is_a_field_and_not_many_lines(stream: io.StringIO, *, foreign: bool) -> None:
    configure("info", stream)
    password = SECRET
    try:
        try:
            raise psycopg.OperationalError(f"connection to postgresql://u:{password}@h failed")
        except psycopg.Error as cause:
            raise RuntimeError("link lost") from cause
    except RuntimeError:
        logger = logging.getLogger("x") if foreign else structlog.stdlib.get_logger("x")
        logger.exception("link failed")
    (line,) = lines(stream)
    assert line["level"] == "error"
    outer, inner = line["exception"]
    assert (outer["exc_type"], outer["exc_value"]) == ("RuntimeError", "link lost")
    assert (inner["exc_type"], inner["exc_value"]) == (
        "OperationalError",
        "connection to postgresql://u:***@h failed",
    )
    assert outer["frames"][0]["name"] == "test_an_exception_is_a_field_and_not_many_lines"
    assert SECRET not in stream.getvalue()


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_no_password_in_any_line(kind: type[io.StringIO]) -> None:
    stream = kind()
    configure("debug", stream)
    log = structlog.stdlib.get_logger("x")
    dsn = f"host=h password={SECRET} dbname=d"
    url = f"postgresql://u:{SECRET}@h/d"
    event = f"connecting to {dsn}"
    log.info(event)
    log.info("connecting to %s", url)
    log.info("connecting", dsn=dsn, url=url, nested={"nodes": [{"dsn": dsn}, {"password": SECRET}]}, password=SECRET)
    log.info("odd", error=psycopg.OperationalError(dsn), raw=dsn.encode(), both={dsn})
    logging.getLogger("psycopg").info("given %s", dsn)
    try:
        raise ValueError(dsn)  # noqa: TRY301
    except ValueError:
        log.exception("failed")
    assert "failed" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_a_terminal_gets_colours_and_key_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    configure("info", stream)
    structlog.stdlib.get_logger("x").info("batch applied", rows=3)
    assert "\x1b[" in stream.getvalue()
    assert "{" not in stream.getvalue()


def test_a_terminal_is_not_played_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    configure("info", stream)
    structlog.stdlib.get_logger("x").info("two\nlines \x1b[31m", name="\x1b]0;x\x07", both="a \n", plain="a->b", n=0)
    (line,) = stream.getvalue().splitlines()
    assert "\x1b" not in line
    assert r"two\nlines \x1b[31m" in line
    assert r"name=\x1b]0;x\x07" in line
    assert "plain=a->b" in line
    assert "n=0" in line


def test_setting_up_again_does_not_double_the_lines(stream: io.StringIO) -> None:
    configure("info", io.StringIO())
    configure("info", stream)
    structlog.stdlib.get_logger("x").info("once")
    assert len(lines(stream)) == 1


def test_lines_of_many_threads_stay_whole(stream: io.StringIO) -> None:
    configure("info", stream)

    def work(number: int) -> None:
        structlog.contextvars.bind_contextvars(link=f"link {number}")
        log = structlog.stdlib.get_logger("x")
        for row in range(50):
            log.info("batch", rows=row)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = [(line["link"], line["rows"]) for line in lines(stream)]
    assert sorted(seen) == [(f"link {n}", row) for n in range(4) for row in range(50)]
