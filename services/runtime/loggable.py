"""What of an event or an exception may be logged: ids, counts and reasons, never a user's text and never a token."""

import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]

DROPPED = frozenset(
    {
        "access_token", "api_key", "authorization", "body", "claims", "content", "cookie", "credentials", "document", "email", "headers",
        "highlight", "html", "key_file_content", "message", "password", "payload", "query", "record", "request", "response", "secret",
        "signature", "summary", "text", "title", "token", "value",
    }
)  # fmt: skip
# Texts of these are about connections, files and our own rules. Others (ValueError of a parser, a validation error, an answer
# of Elasticsearch) quote what they choked on.
_QUOTE_NOTHING = (OSError, RuntimeError, ImportError, MemoryError)
_QUOTE_NOTHING_FROM = ("services.", "kafka.", "aiokafka.", "grpc.", "joserfc.", "mode.")


def without_content(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return event without the fields that may carry content, at any depth, and the names of what was left out as `dropped`."""
    dropped: set[str] = set()
    kept = {name: _cleaned(value, dropped) for name, value in event.items() if not _is_content(name, dropped)}
    if dropped:
        kept["dropped"] = sorted(dropped)
    return kept


def describe(error: BaseException) -> str:
    """Return `Type: text`, or the type alone where the text might quote content."""
    name = type(error).__qualname__
    module = f"{type(error).__module__}."
    if (isinstance(error, _QUOTE_NOTHING) or module.startswith(_QUOTE_NOTHING_FROM)) and str(error):
        return f"{name}: {error}"
    return name


def stack_of(error: BaseException) -> list[str]:
    """Return where error was raised, innermost last, and below it what caused it: places and types, no values, no source."""
    lines = [f"{place.filename}:{place.lineno} in {place.name}" for place in traceback.extract_tb(error.__traceback__)]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return lines if cause is None else [*lines, f"because of {describe(cause)}", *stack_of(cause)]


def exception_of(info: Any) -> BaseException | None:
    """Return the exception of what logging calls exc_info: True, a triple or the exception itself."""
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple):
        return info[1] if isinstance(info[1], BaseException) else None
    return None


def _is_content(name: str, dropped: set[str]) -> bool:
    if name.lower() not in DROPPED:
        return False
    dropped.add(name)
    return True


def _cleaned(value: Any, dropped: set[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _cleaned(inner, dropped) for name, inner in value.items() if not _is_content(str(name), dropped)}
    if isinstance(value, list | tuple):
        return [_cleaned(inner, dropped) for inner in value]
    if isinstance(value, BaseException):
        return describe(value)
    return value
