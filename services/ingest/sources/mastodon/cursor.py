"""Where a timeline was left: the newest id that Kafka has, and the last statuses as they were then."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from services.contracts.activity import Activity
from services.ingest.source import Cursor
from services.ingest.sources.mastodon.ids import place

_SCANS_A_MINUTE = 3
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class TimelineCursor:
    """last_id, last_notification_id: everything up to there is acknowledged. known: id → version of the newest statuses.

    scans_ms: when known was last compared with the server, the newest last.
    """

    last_id: str = ""
    last_notification_id: str = ""
    known: Mapping[str, int] = field(default_factory=dict)
    scans_ms: tuple[int, ...] = ()

    @classmethod
    def read(cls, cursor: Cursor) -> "TimelineCursor":
        """Return the cursor as stored; an empty one starts anew."""
        return cls(
            str(cursor.get("last_id") or ""),
            str(cursor.get("last_notification_id") or ""),
            {str(native): int(version) for native, version in (cursor.get("known") or {}).items()},
            tuple(int(ms) for ms in cursor.get("scans_ms") or ()),
        )

    def stored(self) -> dict[str, Any]:
        """Return what `read` reads."""
        return {
            "last_id": self.last_id,
            "last_notification_id": self.last_notification_id,
            "known": dict(self.known),
            "scans_ms": list(self.scans_ms),
        }

    def is_news(self, activity: Activity) -> bool:
        """Return whether an activity is not known in this version."""
        native = activity.source.native_id
        return activity.deleted or native not in self.known or self.known[native] < activity.version

    def after(self, activities: Iterable[Activity], remember: int) -> "TimelineCursor":
        """Return the cursor once these statuses and deletions are acknowledged. remember: how many statuses are kept in mind."""
        known, last_id = dict(self.known), self.last_id
        for activity in activities:
            native = activity.source.native_id
            if activity.deleted:
                known.pop(native, None)
            else:
                known[native] = max(activity.version, known.get(native, 0))
                last_id = max(last_id, native, key=place)
        newest = sorted(known, key=place)[-remember:] if remember else []
        return replace(self, last_id=last_id, known={native: known[native] for native in newest})

    def scanned(self, now_ms: int) -> "TimelineCursor":
        """Return the cursor once known was compared with the server."""
        return replace(self, scans_ms=(*self.scans_ms, now_ms)[-_SCANS_A_MINUTE:])

    def next_scan_ms(self) -> int:
        """Return when known may be compared again: a stream that breaks every second must not eat up the rate limit."""
        return self.scans_ms[0] + _MINUTE_MS if len(self.scans_ms) == _SCANS_A_MINUTE else 0
