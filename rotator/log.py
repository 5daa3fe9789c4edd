"""How is what happens written down, and what keeps secrets out of it?

One chain for our own events and for the standard library's loggers (azure, httpx, msal, uvicorn and the like). The
redacting processor stands last before the renderer, and the rendered line is searched once more for secrets by shape.
No text of a secret is remembered here to be searched for: that would be one more place to lose it.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Literal, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter

from rotator.redaction import redact, redact_shapes

if TYPE_CHECKING:
    from types import TracebackType

    from structlog.typing import EventDict, Processor, WrappedLogger

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "console"]

#: Others speak from `warning` on; at `debug` from `info` on, unless their lines carry headers, bodies or rows.
_OTHERS = ("apscheduler", "asyncio", "azure", "httpx", "kiota", "msal", "msgraph", "stamina", "tenacity", "uvicorn")
_NEVER_BELOW_WARNING = (
    "aiohttp.access",
    "azure.core.pipeline.policies.http_logging_policy",
    "boto3",
    "botocore",
    "h2",
    "hpack",
    "httpcore",
    "msal.token_cache",
    "sqlalchemy",
    "urllib3",
    "uvicorn.access",
)
_ALWAYS_INFO = ("alembic",)  # a migration is worth a line, its SQL is not


def configure(level: Level = "info", format: Format = "auto", stream: TextIO | None = None) -> None:
    """Send all logging to `stream` (default: standard error) as `json` or `console`; `auto` is console on a terminal.

    May be called again, as a reload does: loggers already handed out follow. Run uvicorn with `log_config=None`.
    Raises ValueError for a level or a format that does not exist.
    """
    number = _number(level)
    stream = sys.stderr if stream is None else stream
    handler = _Handler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[ProcessorFormatter.remove_processors_meta, _redacted, _renderer(format, stream)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    _set_levels(number)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_shared(), ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _number(level: str) -> int:
    numbers = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
    if level not in numbers:
        raise ValueError(f"log level {level!r} does not exist (allowed: {', '.join(numbers)})")
    return numbers[level]


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.ExceptionRenderer(_traceback),
    ]


def _traceback(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    """The traceback as one text: never with local variables, which are where secrets are while they are in use."""
    return "".join(traceback.format_exception(*exc_info)).rstrip()


def _redacted(_logger: WrappedLogger, _method: str, event: EventDict) -> MutableMapping[str, object]:
    safe = redact(dict(event))
    assert isinstance(safe, dict)
    return safe


def _renderer(format: str, stream: TextIO) -> Processor:
    if format not in ("auto", "json", "console"):
        raise ValueError(f"log format {format!r} does not exist (allowed: auto, json, console)")
    terminal = stream.isatty()
    if format == "json" or (format == "auto" and not terminal):
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=terminal, sort_keys=False)


def _set_levels(level: int) -> None:
    for name in _OTHERS:
        logging.getLogger(name).setLevel(logging.INFO if level <= logging.DEBUG else max(level, logging.WARNING))
    for name in _NEVER_BELOW_WARNING:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    for name in _ALWAYS_INFO:
        logging.getLogger(name).setLevel(max(level, logging.INFO))


class _Handler(logging.StreamHandler[TextIO]):
    """Writes a line and, should that fail, says so without the message: `logging` itself would print the arguments."""

    def format(self, record: logging.LogRecord) -> str:
        return redact_shapes(super().format(record))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        kind = sys.exc_info()[0]
        why = kind.__name__ if kind else "unknown"
        try:
            sys.stderr.write(f"a log line of {record.name} could not be written: {why}\n")
        except (OSError, ValueError):
            return  # standard error is closed too: nobody is left to be told


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger("rotator").critical("uncaught error", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    error = args.exc_value or args.exc_type()
    _uncaught(args.exc_type, error, args.exc_traceback)
