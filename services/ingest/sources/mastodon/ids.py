"""Ids of statuses: texts that grow with time, compared by length first."""

# Mastodon's ids are milliseconds in their upper bits; smaller numbers are of old or other servers and say nothing of time.
_MILLISECOND_BITS = 16
_FIRST_TIMED = 1_000_000_000_000 << _MILLISECOND_BITS


def place(native_id: str) -> tuple[int, str]:
    """Return what ids are ordered by."""
    return len(native_id), native_id


def earlier(native_id: str, ms: int) -> str:
    """Return the id of that many milliseconds before, or the same where the id doesn't hold a time."""
    if not (native_id.isascii() and native_id.isdigit() and int(native_id) >= _FIRST_TIMED):
        return native_id
    return str(int(native_id) - (ms << _MILLISECOND_BITS))
