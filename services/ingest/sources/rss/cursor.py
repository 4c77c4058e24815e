"""Where a feed was left: the address, what makes the next request conditional, and which entries are known as they are."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from services.contracts.activity import Activity
from services.ingest.source import Cursor

# About 30 bytes each in the ledger. A feed with more entries has its oldest published again at each change, which changes nothing.
_REMEMBERED = 5000
_DIGEST_HEX = 12


@dataclass(frozen=True, slots=True)
class FeedCursor:
    """url: where a permanent redirect led, else empty; asked: the configured URL it holds for. seen: entry → content, short hashes."""

    asked: str = ""
    url: str = ""
    etag: str = ""
    last_modified: str = ""
    seen: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: Cursor, configured_url: str) -> "FeedCursor":
        """Return the cursor as stored; for another URL than it was made for only what is known of the entries."""
        seen = {str(key): str(value) for key, value in (cursor.get("seen") or {}).items()}
        if cursor.get("asked") != configured_url:
            return cls(asked=configured_url, seen=seen)
        url, etag, last_modified = (str(cursor.get(key) or "") for key in ("url", "etag", "last_modified"))
        return cls(configured_url, url, etag, last_modified, seen)

    def stored(self) -> dict[str, Any]:
        """Return what `read` reads."""
        return {
            "asked": self.asked,
            "url": self.url,
            "etag": self.etag,
            "last_modified": self.last_modified,
            "seen": dict(self.seen),
        }

    def conditions(self) -> dict[str, str]:
        """Return the headers that let the server say that nothing changed."""
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value}

    def without_known(self, activities: Iterable[Activity]) -> tuple[tuple[Activity, ...], "FeedCursor"]:
        """Return the activities that are new or changed, and the cursor that knows all of them, those of this feed last."""
        digests = [(_short(activity.source.native_id), _short(repr(activity)), activity) for activity in activities]
        news = tuple(activity for name, content, activity in digests if self.seen.get(name) != content)
        current = {name: content for name, content, _ in digests}
        seen = {name: content for name, content in self.seen.items() if name not in current} | current
        return news, replace(self, seen=dict(list(seen.items())[-_REMEMBERED:]))


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_HEX]
