"""Fields as strangers send them: a text where a list belongs, an object where a text does. What can be read is read."""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# A number this large can't be seconds (it would be the year 5138), so it is milliseconds.
_SECONDS_END = 100_000_000_000
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BINARY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+")


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, nothing as an empty one, and anything else as a list of one."""
    if value is None:
        return []
    if isinstance(value, dict):
        for wrapper in ("@list", "@set"):
            if wrapper in value:
                return as_list(value[wrapper])
    return value if isinstance(value, list) else [value]


def as_dict(value: Any) -> Mapping[str, Any]:
    """Return an object as it is, the first object of a list, and otherwise an empty one."""
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, dict)), {})
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> Iterator[str]:
    """Yield the texts of a value: a string, JSON-LD's `@value`, or a list of them. Numbers and objects are no text."""
    for item in as_list(value):
        text = item.get("@value") if isinstance(item, dict) else item
        if isinstance(text, str) and text.strip():
            yield _BINARY.sub("", text).strip()


def as_text(value: Any) -> str:
    """Return the first text of a value, without control characters, or an empty one."""
    return next(texts(value), "")


def one_line(value: Any, limit: int) -> str:
    """Return the first text of a value on one line of at most limit characters."""
    return " ".join(_CONTROLS.sub(" ", as_text(value)).split())[:limit]


def as_id(value: Any) -> str:
    """Return a text, or a whole number as its digits, as an id: no control characters, no space around it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _CONTROLS.sub("", as_text(value)).strip()


def as_flag(value: Any) -> bool | None:
    """Return true and false also when they come as a text, and None for anything else."""
    if isinstance(value, bool):
        return value
    return {"true": True, "yes": True, "false": False, "no": False}.get(as_text(value).lower())


def time_ms(value: Any) -> int:
    """Return milliseconds since the epoch of an ISO 8601 or RFC 822 text or of a number, 0 where there is no time.

    Texts without a zone are UTC. Numbers are seconds below 10^11, milliseconds from there on. May be negative (before 1970).
    """
    if isinstance(value, bool):
        return 0
    if isinstance(value, int | float):
        return _number_ms(value)
    moment = _moment(as_text(value))
    if moment is None:
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return (moment - _EPOCH) // _MILLISECOND
    except OverflowError:
        return 0


def _number_ms(value: float) -> int:
    if not math.isfinite(value) or abs(value) > _SECONDS_END * 10_000:
        return 0
    return int(value) if abs(value) >= _SECONDS_END else int(value * 1000)


def _moment(text: str) -> datetime | None:
    if not text or len(text) > 64:  # noqa: PLR2004 - no date is longer
        return None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None
