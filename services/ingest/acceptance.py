"""What Sluice takes: every activity passes here before Kafka, whichever way it came."""

import json
from dataclasses import asdict, dataclass, replace

import protovalidate

from services.contracts.activity import DAY_MS, EPOCH_MS, Activity, Audience, Entity, Object, ReportedTotals, Scope, Verb
from services.contracts.codec import activity_to_bytes, activity_to_proto
from services.ingest.cleaning import clean_language, clean_tags, clean_text, clean_url, unfit_for_name
from services.ingest.source import Rejection

MAX_CONTENT_BYTES = 262_144
# Far below Kafka's max.message.bytes: refine adds the plain text and the links to the same record.
MAX_ACTIVITY_BYTES = 1_048_576
MAX_NAME = 500
MAX_TITLE = 5000
MAX_ATTACHMENTS = 50
MAX_MENTIONS = 500
_MAX_VERSION = 2**63 - 1
_MAX_MEDIA_TYPE = 200
_ADDRESSED = {Scope.GROUP: "groups", Scope.DIRECT: "recipients"}


@dataclass(frozen=True, slots=True)
class Accepted:
    """An activity that Sluice takes. value: the record value of `sluice.activities.raw.v1`."""

    activity: Activity
    value: bytes

    @property
    def key(self) -> bytes:
        """The record key."""
        return self.activity.id.encode()


class _Refused(Exception):
    def __init__(self, reason: str, field: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.field, self.detail = reason, field, detail


def accept(activity: Activity, *, now_ms: int, keep_id: bool = False) -> Accepted | Rejection:
    """Return the activity as it is kept, or why it can't be. Pure and idempotent; never raises for what a sender may say.

    now_ms: the acceptance, int64 ms since the epoch. keep_id: the id was given instead of its source (a delete by id). It gives the
    deterministic id, strips control characters from texts, brings tags, URLs and language to one spelling, cuts what only decorates
    (display names, titles, attachments beyond the limits of the proto), adds the actor to a DIRECT audience, and turns a delete
    into a marker without text. Ids and names are never repaired: another name is another thing.

    Reasons: control-character, id-missing, actor-missing, verb-missing, audience-missing, published-out-of-range,
    updated-out-of-range, version-out-of-range, content-too-large, activity-too-large, field-invalid.
    """
    try:
        _check_names(activity)
        _check_times(activity, now_ms)
        kept = _marker(activity, now_ms) if activity.deleted else _complete(activity, now_ms)
        kept = replace(kept if keep_id else kept.with_id(), accepted_ms=now_ms)
        return Accepted(kept, _valid_bytes(kept))
    except _Refused as refused:
        native_id = clean_text(activity.source.native_id, MAX_NAME)
        return Rejection(refused.reason, refused.detail, native_id, _as_it_came(activity), refused.field)


def _check_names(activity: Activity) -> None:
    source, audience = activity.source, activity.audience
    names = [
        ("id", activity.id),
        ("source.kind", source.kind),
        ("source.instance", source.instance),
        ("source.native_id", source.native_id),
        ("source.channel", source.channel),
        ("object.id", activity.object.id),
        ("object.activity_id", activity.object.activity_id),
        ("in_reply_to", activity.in_reply_to),
        ("rollup_id", activity.rollup_id),
        *(("audience.groups", name) for name in audience.groups),
        *(("audience.recipients", name) for name in audience.recipients),
        *(("mentions.name", entity.name) for entity in activity.mentions),
    ]
    names += [(f"{field}.name", entity.name) for field, entity in _who(activity) if entity]
    for field, name in names:
        if unfit_for_name(name):
            raise _Refused("control-character", field, f"{field} holds a control character or half a character")


def _who(activity: Activity) -> tuple[tuple[str, Entity | None], ...]:
    return ("actor", activity.actor), ("target", activity.target)


def _check_times(activity: Activity, now_ms: int) -> None:
    if not 0 <= activity.version <= _MAX_VERSION:
        raise _Refused("version-out-of-range", "version", "version is negative or beyond 64 bits")
    if activity.deleted:
        return
    for field, ms in (("published", activity.published_ms), ("updated", activity.updated_ms)):
        if not EPOCH_MS <= ms <= now_ms + DAY_MS:
            raise _Refused(f"{field}-out-of-range", field, f"{field} lies before 1970 or more than a day ahead")


def _marker(activity: Activity, now_ms: int) -> Activity:
    return replace(activity.as_deleted(activity.version or now_ms), sort_time_ms=0)


def _complete(activity: Activity, now_ms: int) -> Activity:
    """Return the activity in one spelling, without what Sluice itself assigns later."""
    if activity.actor is None:
        raise _Refused("actor-missing", "actor", "actor is missing")
    if activity.verb is Verb.UNSPECIFIED:
        raise _Refused("verb-missing", "verb", "verb is missing")
    return replace(
        activity,
        actor=_entity(activity.actor),
        object=_object(activity.object),
        target=_entity(activity.target) if activity.target else None,
        audience=_audience(activity.audience, activity.actor.name),
        tags=clean_tags(activity.tags),
        mentions=tuple(_entity(entity) for entity in activity.mentions[:MAX_MENTIONS]),
        language=clean_language(activity.language),
        reported=_dated(activity.reported, now_ms) if activity.reported else None,
        sort_time_ms=0,
        text="",
        links=(),
        cluster_id="",
    )


def _dated(reported: ReportedTotals, now_ms: int) -> ReportedTotals:
    """Return totals that have a time. Odd numbers are no reason to refuse what somebody wrote."""
    likes, shares, comments, views = (
        min(max(0, count), _MAX_VERSION) for count in (reported.likes, reported.shares, reported.comments, reported.views)
    )
    return ReportedTotals(
        likes, shares, comments, views, min(reported.observed_ms, now_ms) if reported.observed_ms > 0 else now_ms
    )


def _entity(entity: Entity) -> Entity:
    return Entity(
        name=entity.name,
        display_name=clean_text(entity.display_name, MAX_NAME),
        handle=clean_text(entity.handle, MAX_NAME),
        url=clean_url(entity.url),
        avatar_url=clean_url(entity.avatar_url),
    )


def _object(obj: Object) -> Object:
    content = clean_text(obj.content)
    if len(content) * 4 > MAX_CONTENT_BYTES and len(content.encode()) > MAX_CONTENT_BYTES:
        raise _Refused("content-too-large", "object.content", f"object.content is larger than {MAX_CONTENT_BYTES} bytes")
    attachments = (
        replace(
            attachment,
            url=clean_url(attachment.url),
            media_type=clean_text(attachment.media_type) if len(attachment.media_type) <= _MAX_MEDIA_TYPE else "",
            title=clean_text(attachment.title, MAX_TITLE),
        )
        for attachment in obj.attachments
    )
    return replace(
        obj,
        type=clean_text(obj.type).strip().lower() or "note",
        title=clean_text(obj.title, MAX_TITLE),
        content=content,
        url=clean_url(obj.url),
        attachments=tuple(attachment for attachment in attachments if attachment.url)[:MAX_ATTACHMENTS],
    )


def _audience(audience: Audience, actor: str) -> Audience:
    """Return the audience with only the names that its scope counts, each once; a DIRECT one includes the actor."""
    if audience.scope is Scope.UNSPECIFIED:
        raise _Refused("audience-missing", "audience", "audience is missing: nobody could read it")
    field = _ADDRESSED.get(audience.scope)
    if field is None:
        return Audience(audience.scope)
    names = tuple(dict.fromkeys(getattr(audience, field)))
    if not names:
        raise _Refused("audience-missing", f"audience.{field}", f"a {audience.scope.name} audience names its {field}")
    if audience.scope is Scope.GROUP:
        return Audience(Scope.GROUP, groups=names)
    joined = (actor,) if actor.startswith("person:") and actor not in names else ()
    return Audience(Scope.DIRECT, recipients=names + joined)


def _valid_bytes(activity: Activity) -> bytes:
    if not activity.id:
        raise _Refused("id-missing", "id", "the activity has neither an id nor a source")
    message = activity_to_proto(activity)
    violations = protovalidate.collect_violations(message, fail_fast=True)
    if violations:
        field = _path(violations[0])
        raise _Refused("field-invalid", field, f"{field or 'activity'}: {violations[0].proto.message}")
    value: bytes = message.SerializeToString(deterministic=True)
    if len(value) > MAX_ACTIVITY_BYTES:
        raise _Refused("activity-too-large", "", f"the activity is larger than {MAX_ACTIVITY_BYTES} bytes")
    return value


def _path(violation: protovalidate.Violation) -> str:
    parts = []
    for element in violation.proto.field.elements if violation.proto.field else ():
        place = f"[{element.subscript.value}]" if element.subscript is not None else ""
        parts.append(f"{element.field_name}{place}")
    return ".".join(parts)


def _as_it_came(activity: Activity) -> bytes:
    """Return the bytes for the dead letter queue: protobuf, or JSON where a value has no place in protobuf."""
    try:
        return activity_to_bytes(activity)
    except (ValueError, OverflowError, TypeError):
        return json.dumps(asdict(activity), default=str).encode()
