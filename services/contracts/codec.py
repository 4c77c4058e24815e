"""Domain ⇄ protobuf ⇄ bytes for activities. Round trips are exact: `activity_from_proto(activity_to_proto(a)) == a`."""

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.activity import Activity, Attachment, Audience, Entity, Object, ReportedTotals, Scope, Source, Verb

_SCOPES: dict[int, Scope] = {int(scope): scope for scope in Scope}
_VERBS: dict[int, Verb] = {int(verb): verb for verb in Verb}


class UndecodableRecord(ValueError):
    """The bytes are not the message they should be. The text never carries content."""


def timestamp(ms: int) -> Timestamp:
    """Return ms (since the epoch) as a Timestamp."""
    return Timestamp(seconds=ms // 1000, nanos=(ms % 1000) * 1_000_000)


def milliseconds(value: Timestamp) -> int:
    """Return a Timestamp as milliseconds since the epoch, rounded down."""
    return int(value.seconds) * 1000 + int(value.nanos) // 1_000_000


def entity_to_proto(entity: Entity) -> pb.Entity:
    """Return the message of an entity."""
    return pb.Entity(
        name=entity.name,
        display_name=entity.display_name,
        handle=entity.handle,
        url=entity.url,
        avatar_url=entity.avatar_url,
    )


def entity_from_proto(message: pb.Entity) -> Entity:
    """Return the entity of a message."""
    return Entity(message.name, message.display_name, message.handle, message.url, message.avatar_url)


def object_to_proto(obj: Object) -> pb.Object:
    """Return the message of an object."""
    return pb.Object(
        id=obj.id,
        type=obj.type,
        title=obj.title,
        content=obj.content,
        url=obj.url,
        attachments=[pb.Attachment(url=a.url, media_type=a.media_type, title=a.title) for a in obj.attachments],
        activity_id=obj.activity_id,
    )


def object_from_proto(message: pb.Object) -> Object:
    """Return the object of a message; an empty type is a note."""
    return Object(
        id=message.id,
        type=message.type or "note",
        title=message.title,
        content=message.content,
        url=message.url,
        attachments=tuple(Attachment(a.url, a.media_type, a.title) for a in message.attachments),
        activity_id=message.activity_id,
    )


def audience_to_proto(audience: Audience) -> pb.Audience:
    """Return the message of an audience."""
    return pb.Audience(scope=pb.Scope.ValueType(audience.scope), groups=audience.groups, recipients=audience.recipients)


def audience_from_proto(message: pb.Audience) -> Audience:
    """Return the audience of a message. A scope that this version doesn't know is UNSPECIFIED: closed to everybody."""
    scope = _SCOPES.get(int(message.scope), Scope.UNSPECIFIED)
    return Audience(scope, tuple(message.groups), tuple(message.recipients))


def source_to_proto(source: Source) -> pb.Source:
    """Return the message of a source."""
    return pb.Source(kind=source.kind, instance=source.instance, native_id=source.native_id, channel=source.channel)


def source_from_proto(message: pb.Source) -> Source:
    """Return the source of a message."""
    return Source(message.kind, message.instance, message.native_id, message.channel)


def reported_to_proto(reported: ReportedTotals) -> pb.ReportedTotals:
    """Return the message of what a source reports."""
    message = pb.ReportedTotals(likes=reported.likes, shares=reported.shares, comments=reported.comments, views=reported.views)
    if reported.observed_ms:
        message.observed.CopyFrom(timestamp(reported.observed_ms))
    return message


def reported_from_proto(message: pb.ReportedTotals) -> ReportedTotals:
    """Return what a source reports."""
    return ReportedTotals(message.likes, message.shares, message.comments, message.views, milliseconds(message.observed))


def activity_to_proto(activity: Activity) -> pb.Activity:
    """Return the message of an activity."""
    message = pb.Activity(
        id=activity.id,
        version=activity.version,
        source=source_to_proto(activity.source),
        verb=pb.Verb.ValueType(activity.verb),
        deleted=activity.deleted,
        tags=activity.tags,
        mentions=[entity_to_proto(entity) for entity in activity.mentions],
        in_reply_to=activity.in_reply_to,
        rollup_id=activity.rollup_id,
        language=activity.language,
        sort_time_ms=activity.sort_time_ms,
        text=activity.text,
        links=activity.links,
        cluster_id=activity.cluster_id,
    )
    if not activity.deleted:
        message.object.CopyFrom(object_to_proto(activity.object))
        message.audience.CopyFrom(audience_to_proto(activity.audience))
    if activity.reported:
        message.reported.CopyFrom(reported_to_proto(activity.reported))
    if activity.actor:
        message.actor.CopyFrom(entity_to_proto(activity.actor))
    if activity.target:
        message.target.CopyFrom(entity_to_proto(activity.target))
    for name, ms in (
        ("published", activity.published_ms),
        ("updated", activity.updated_ms),
        ("accepted", activity.accepted_ms),
    ):
        if ms:
            getattr(message, name).CopyFrom(timestamp(ms))
    return message


def activity_from_proto(message: pb.Activity) -> Activity:
    """Return the activity of a message. A verb that this version doesn't know is OTHER."""
    return Activity(
        source=source_from_proto(message.source),
        id=message.id,
        version=message.version,
        verb=_VERBS.get(int(message.verb), Verb.OTHER),
        actor=entity_from_proto(message.actor) if message.HasField("actor") else None,
        object=object_from_proto(message.object),
        target=entity_from_proto(message.target) if message.HasField("target") else None,
        audience=audience_from_proto(message.audience),
        published_ms=milliseconds(message.published),
        updated_ms=milliseconds(message.updated),
        accepted_ms=milliseconds(message.accepted),
        deleted=message.deleted,
        tags=tuple(message.tags),
        mentions=tuple(entity_from_proto(entity) for entity in message.mentions),
        in_reply_to=message.in_reply_to,
        rollup_id=message.rollup_id,
        language=message.language,
        sort_time_ms=message.sort_time_ms,
        text=message.text,
        links=tuple(message.links),
        cluster_id=message.cluster_id,
        reported=reported_from_proto(message.reported) if message.HasField("reported") else None,
    )


def activity_to_bytes(activity: Activity) -> bytes:
    """Return the record value of an activity; the same activity gives the same bytes."""
    return activity_to_proto(activity).SerializeToString(deterministic=True)


def activity_from_bytes(data: bytes) -> Activity:
    """Read a record value back. Raises UndecodableRecord."""
    try:
        message = pb.Activity.FromString(data)
    except DecodeError:
        raise UndecodableRecord("not a sluice.activity.v1.Activity") from None
    return activity_from_proto(message)
