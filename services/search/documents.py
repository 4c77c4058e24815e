"""What the index keeps of an activity."""

import base64
import re
from dataclasses import dataclass
from typing import Any

import orjson

from services.contracts.activity import Activity
from services.contracts.activity_facts import facts_to_message
from services.contracts.codec import UndecodableRecord, activity_from_bytes
from services.contracts.matching import delivered_to, facts_of
from services.search.id_order import order_fields

_ID = re.compile(rb"[0-9a-f]{32}")
BODY, FACTS = "body", "facts"


class RecordRefused(ValueError):
    """A record that can't become a document. reason: a stable code for the dead letter queue; the text never carries content."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Document:
    """One write to the index. version: decides between writes of one id, higher wins. source: the document as JSON."""

    id: str
    version: int
    source: bytes


def version_at(offset: int) -> int:
    """Return the version of what stands at offset of its partition. An id has one partition, so offsets order its versions."""
    return offset + 1


def document_at(key: bytes | None, value: bytes | None, offset: int) -> Document:
    """Return the document of a record of `sluice.activities.v1`; of a tombstone the marker that hides the activity.

    Raises RecordRefused for what is not an activity or not the one its key names.
    """
    if value is None:
        if key is None or not _ID.fullmatch(key):
            raise RecordRefused("key-unusable", "a tombstone whose key is not an activity id")
        return hidden(key.decode(), offset)
    try:
        activity = activity_from_bytes(value)
    except UndecodableRecord as error:
        raise RecordRefused("undecodable", str(error)) from None
    if activity.id.encode() != key or not _ID.fullmatch(key):
        raise RecordRefused("key-mismatch", "the key is not the id of the activity")
    return document_of(activity, value, offset)


def document_of(activity: Activity, value: bytes, offset: int) -> Document:
    """Return the document of an activity whose record value stands at offset."""
    return Document(activity.id, version_at(offset), orjson.dumps(_fields(activity, value)))


def hiding(key: bytes | None, offset: int) -> Document | None:
    """Return what hides the activity of a record that was refused, None where its key names none.

    The log says that the version before it is over, and it may have been readable by more people: the gate fails closed.
    """
    return hidden(key.decode(), offset) if key is not None and _ID.fullmatch(key) else None


def hidden(activity: str, offset: int, sort_time_ms: int = 0) -> Document:
    """Return the marker of an activity that nobody may read any more."""
    fields = {"sort_time": sort_time_ms, **order_fields(activity), "deleted": True}
    return Document(activity, version_at(offset), orjson.dumps(fields))


def body_of(source: dict[str, Any]) -> bytes | None:
    """Return the activity's bytes from a document's source; None where it has none (a marker)."""
    body = source.get(BODY)
    return base64.b64decode(body) if body else None


def _fields(activity: Activity, body: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = {"sort_time": activity.sort_time_ms, **order_fields(activity.id), "deleted": activity.deleted}
    if activity.deleted:
        return fields
    audience, facts = activity.audience, facts_of(activity)
    optional: dict[str, Any] = {
        "verb": activity.verb.name,
        "source_kind": activity.source.kind,
        "channel": activity.source.channel,
        "actor": activity.actor.name if activity.actor else "",
        "delivered_to": delivered_to(facts),
        "tags": activity.tags,
        "language": activity.language,
        "scope": audience.scope.name,
        "audience": audience_names(activity),
        "object_activity_id": activity.object.activity_id,
        "in_reply_to": activity.in_reply_to,
        "title": activity.object.title,
        "text": activity.text,
        "actor_name": actor_words(activity),
    }
    fields.update((name, value) for name, value in optional.items() if value)
    fields[FACTS] = base64.b64encode(facts_to_message(facts).SerializeToString(deterministic=True)).decode()
    fields[BODY] = base64.b64encode(body).decode()
    return fields


def audience_names(activity: Activity) -> tuple[str, ...]:
    """Return the groups or people that the audience names, by its scope; none for the scopes that need no name."""
    return {"GROUP": activity.audience.groups, "DIRECT": activity.audience.recipients}.get(activity.audience.scope.name, ())


def actor_words(activity: Activity) -> str:
    """Return the words by which the actor is found."""
    return f"{activity.actor.display_name} {activity.actor.handle}".strip() if activity.actor else ""
