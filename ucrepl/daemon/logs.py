"""Sets up the logs: `key=value` in colours on a terminal, one JSON object a line anywhere else.

Everybody logs with `structlog.stdlib.get_logger(__name__)`. What a thread binds with
`structlog.contextvars.bind_contextvars(link=…)` stands in every line that it causes, those of psycopg included.
"""

import logging
import math
import os
import re
import sys
from collections.abc import Mapping
from typing import Final, TextIO

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import ExceptionRenderer, JSONRenderer, TimeStamper, format_exc_info
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from ucrepl.dsn import redact
from ucrepl.errors import ConfigError

_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_FIRST: Final = ("timestamp", "level", "event", "logger", "link")
_MANY_LINES: Final = ("exception", "stack")
_SECRET_KEY: Final = re.compile(r"(?i)passw(?:or)?d|secret")
_HIDDEN: Final = "***"


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, and known as such, so that setting up again replaces it and leaves others' handlers alone."""


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logs of `level` and above to `stream`, by default standard error.

    `level` is debug, info, warning, error or critical; another one raises ConfigError. May be called again, as
    on a reload: loggers that exist follow.
    """
    if level not in _LEVELS:
        msg = f"there is no log level {level!r}"
        raise ConfigError(msg, hint=f"set it to one of: {', '.join(_LEVELS)}")
    stream = stream or sys.stderr
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *common,
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = _Handler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=common,
            processors=[
                ProcessorFormatter.remove_processors_meta,
                *(_for_terminal() if stream.isatty() else _for_machines()),
            ],
        )
    )
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)


def _for_machines() -> list[Processor]:
    # without the local variables of each frame: they hold passwords, and rows of customers
    exceptions = ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    return [exceptions, _scrub, _in_order, JSONRenderer()]


def _for_terminal() -> list[Processor]:
    colors = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    renderer = ConsoleRenderer(colors=colors, sort_keys=False, exception_formatter=plain_traceback)
    return [format_exc_info, _scrub, _in_order, _tame, renderer]


def _scrub(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Bring all values to what JSON has, with no password in them."""
    return {key: _plain(key, value) for key, value in event.items()}


def _plain(key: str, value: object) -> object:
    if _SECRET_KEY.search(key):
        return _HIDDEN
    if isinstance(value, Mapping):
        return {str(k): _plain(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(key, item) for item in value]
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return redact(value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value))


def _in_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put first what every line has."""
    return {**{key: event[key] for key in _FIRST if key in event}, **event}


def _tame(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Let no text play with the terminal, and none but a traceback begin a line."""
    return {
        key: _escaped(value, "\n" if key in _MANY_LINES else "") if isinstance(value, str) else value
        for key, value in event.items()
    }


def _escaped(text: str, but: str) -> str:
    return "".join(c if c.isprintable() or c in but else ascii(c)[1:-1] for c in text)
