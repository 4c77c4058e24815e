"""Structured logs on standard error: one line an event, the same shape for our own events and those of libraries."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import orjson
import structlog

from services.runtime.loggable import describe, exception_of, stack_of, without_content

Event = MutableMapping[str, Any]
# At debug and info these log records, queries and URLs, whatever level is asked for.
_TALKATIVE = (
    "aiokafka", "asyncio", "elastic_transport", "elasticsearch", "faust", "grpc", "hpack", "httpcore", "httpx", "kafka", "mode", "urllib3",
)  # fmt: skip


def configure_logging(
    service: str, level: str = "info", fmt: Literal["json", "console"] = "json", *, stream: TextIO | None = None
) -> None:
    """Send all logs of this process to stream (standard error). Repeatable. service: named in every line.

    Fields that may carry content are dropped and named in `dropped`; of an exception the type, the places and, only where it can't
    quote content, the text are kept.
    """
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _service(service),
        _clean_exception,
        _drop_content,
    ]
    renderer: Any = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if fmt == "console" else _json
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _service(service: str) -> Any:
    def add(_logger: Any, _method: str, event: Event) -> Event:
        event["service"] = service
        return event

    return add


def _clean_exception(_logger: Any, _method: str, event: Event) -> Event:
    """Replace exc_info by what of it may be logged."""
    info = event.pop("exc_info", None)
    error = exception_of(sys.exc_info() if info is True else info)
    if error is not None:
        event["error"] = describe(error)
        event["raised_at"] = stack_of(error)
    record = event.get("_record")
    if record is not None:
        # The formatter would add the traceback with its texts.
        record.exc_info = record.exc_text = None
    return event


def _drop_content(_logger: Any, _method: str, event: Event) -> Event:
    internal = {name: value for name, value in event.items() if name.startswith("_")}
    return without_content({name: value for name, value in event.items() if name not in internal}) | internal


def _json(_logger: Any, _method: str, event: Event) -> str:
    return orjson.dumps(dict(event), default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
