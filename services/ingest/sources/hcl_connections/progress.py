"""How far the activity stream has been read: the newest update seen, and which stories around it are known. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from services.contracts.activity import Activity
from services.ingest.loose_fields import as_dict
from services.ingest.source import Cursor

# More than a page, so that a page of nothing but known stories ends the reading; small enough to be stored with every poll.
MAX_KNOWN = 300


@dataclass(frozen=True, slots=True)
class Progress:
    """newest_ms: the latest update delivered, 0 at the beginning.

    known: native id → version of the newest stories; answers: of the newest comments that came inside stories; MAX_KNOWN of each.
    """

    newest_ms: int = 0
    known: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, int] = field(default_factory=dict)

    def since_ms(self, overlap_ms: int, first_ms: int) -> int:
        """Return from when on to ask. overlap_ms: how late a story may turn up in the stream; first_ms: where a new source begins."""
        return max(0, self.newest_ms - overlap_ms) if self.newest_ms else max(0, first_ms)

    def unknown(self, activities: Iterable[Activity]) -> tuple[Activity, ...]:
        """Return the activities that weren't delivered in this or a later version. One without a version is delivered once."""
        delivered = {**self.answers, **self.known}
        return tuple(activity for activity in activities if activity.version > delivered.get(activity.source.native_id, -1))

    def after(self, known: Mapping[str, int], answers: Mapping[str, int], *, newest_limit_ms: int) -> "Progress":
        """Return the progress when these are delivered.

        newest_limit_ms: later times are a server's wrong clock; following them would hide what comes before.
        """
        times = [version for version in known.values() if version <= newest_limit_ms]
        return Progress(max([self.newest_ms, *times]), _newest(self.known, known), _newest(self.answers, answers))

    def without(self, natives: Collection[str]) -> "Progress":
        """Return the progress after these were deleted."""
        return replace(self, known={native: version for native, version in self.known.items() if native not in natives})

    def vanished(self, live: Collection[str], oldest_ms: int) -> frozenset[str]:
        """Return known stories that aren't live although they are newer than the oldest that is."""
        return frozenset(native for native, version in self.known.items() if version > oldest_ms and native not in live)


def _newest(before: Mapping[str, int], added: Mapping[str, int]) -> dict[str, int]:
    merged = dict(before)
    for native, version in added.items():
        merged[native] = max(version, merged.get(native, 0))
    return dict(sorted(merged.items(), key=lambda item: (-item[1], item[0]))[:MAX_KNOWN])


def progress_of(cursor: Cursor) -> Progress:
    """Read a stored cursor; what can't be read of it begins anew, which repeats but never skips."""
    newest = cursor.get("newest_ms")
    return Progress(
        newest if _is_number(newest) and newest > 0 else 0, _versions(cursor.get("known")), _versions(cursor.get("answers"))
    )


def cursor_of(progress: Progress) -> dict[str, Any]:
    """Return the cursor to store."""
    return {"newest_ms": progress.newest_ms, "known": dict(progress.known), "answers": dict(progress.answers)}


def _versions(value: Any) -> dict[str, int]:
    return {native: version for native, version in as_dict(value).items() if _is_number(version)}


def _is_number(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
