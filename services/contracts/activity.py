"""The language all services share: an activity, who did it, who may read it."""

import hashlib
from dataclasses import dataclass, field, replace
from enum import IntEnum

EPOCH_MS = 0
DAY_MS = 86_400_000


class Verb(IntEnum):
    """What the actor did. The numbers are those of `sluice.activity.v1.Verb`."""

    UNSPECIFIED = 0
    POST = 1
    COMMENT = 2
    SHARE = 3
    LIKE = 4
    FOLLOW = 5
    MENTION = 6
    JOIN = 7
    LEAVE = 8
    UPDATE = 9
    ADD = 10
    OTHER = 11


class Scope(IntEnum):
    """Who may read. The numbers are those of `sluice.activity.v1.Scope`; UNSPECIFIED is readable by nobody."""

    UNSPECIFIED = 0
    PUBLIC = 1
    INTERNAL = 2
    GROUP = 3
    DIRECT = 4


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may read an activity: see `sluice.activity.v1.Audience`. The default is readable by nobody."""

    scope: Scope = Scope.UNSPECIFIED
    groups: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """Somebody or something that acts, is written to or is followed. name: `kind:id`."""

    name: str
    display_name: str = ""
    handle: str = ""
    url: str = ""
    avatar_url: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, picture, recording or link card."""

    url: str
    media_type: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Object:
    """What the actor acted on. content is HTML; activity_id is the Sluice id where the object is itself an activity."""

    id: str = ""
    type: str = "note"
    title: str = ""
    content: str = ""
    url: str = ""
    attachments: tuple[Attachment, ...] = ()
    activity_id: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """The channel an activity came through; (kind, instance, native_id) decides the activity's id."""

    kind: str
    instance: str
    native_id: str
    channel: str = ""

    @property
    def activity_id(self) -> str:
        """The deterministic id of the activity that this source names."""
        return activity_id(self.kind, self.instance, self.native_id)


@dataclass(frozen=True, slots=True)
class ReportedTotals:
    """What a source says of its own likes, shares, comments and views. observed_ms: when it said so, 0 where that isn't known yet."""

    likes: int = 0
    shares: int = 0
    comments: int = 0
    views: int = 0
    observed_ms: int = 0


@dataclass(frozen=True, slots=True)
class Activity:
    """One event of the stream. Times are int64 milliseconds since the epoch, 0 where unknown; see the proto for each field."""

    source: Source
    id: str = ""
    version: int = 0
    verb: Verb = Verb.UNSPECIFIED
    actor: Entity | None = None
    object: Object = field(default_factory=Object)
    target: Entity | None = None
    audience: Audience = field(default_factory=Audience)
    published_ms: int = 0
    updated_ms: int = 0
    accepted_ms: int = 0
    deleted: bool = False
    tags: tuple[str, ...] = ()
    mentions: tuple[Entity, ...] = ()
    in_reply_to: str = ""
    rollup_id: str = ""
    language: str = ""
    sort_time_ms: int = 0
    text: str = ""
    links: tuple[str, ...] = ()
    cluster_id: str = ""
    reported: ReportedTotals | None = None

    def with_id(self) -> "Activity":
        """Return the same activity under its deterministic id."""
        return replace(self, id=self.source.activity_id)

    def as_deleted(self, version: int) -> "Activity":
        """Return the positive marker of the deletion: everything that is somebody's text is gone."""
        return Activity(
            source=self.source,
            id=self.id,
            version=version,
            accepted_ms=self.accepted_ms,
            sort_time_ms=self.sort_time_ms,
            deleted=True,
        )


def activity_id(kind: str, instance: str, native_id: str) -> str:
    """Return 32 hex digits: 128 bits of SHA-256 over the three parts, separated by NUL so that they can't run together."""
    return hashlib.sha256(b"\0".join(part.encode() for part in (kind, instance, native_id))).hexdigest()[:32]
