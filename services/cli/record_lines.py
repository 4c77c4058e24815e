"""A record of any of our topics as one JSON object, for `sluice topics tail`."""

from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from sluice.activity.v1 import (
    activity_pb2,
    identity_pb2,
    index_progress_pb2,
    interaction_pb2,
    marker_pb2,
    preference_pb2,
    relation_pb2,
    source_state_pb2,
)

from services.contracts import topics
from services.runtime.records import Record

_MESSAGES: dict[str, type[Message]] = {
    topics.ACTIVITIES_RAW.name: activity_pb2.Activity,
    topics.ACTIVITIES.name: activity_pb2.Activity,
    topics.INTERACTIONS.name: interaction_pb2.Interaction,
    topics.RELATIONS.name: relation_pb2.Relation,
    topics.RELATIONS_INVERSE.name: relation_pb2.Relation,
    topics.IDENTITIES.name: identity_pb2.Identity,
    topics.MARKERS.name: marker_pb2.Marker,
    topics.PREFERENCES.name: preference_pb2.Preference,
    topics.INDEX_PROGRESS.name: index_progress_pb2.IndexProgress,
    topics.SOURCES.name: source_state_pb2.SourceState,
}


def line_of(record: Record) -> dict[str, Any]:
    """Return place, key, headers and value; a tombstone's value is null, what can't be decoded is given as its size."""
    line: dict[str, Any] = {
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": (record.key or b"").decode(errors="replace"),
        "headers": {name: bytes(value).decode(errors="replace") for name, value in record.headers},
    }
    return line | _value(record)


def _value(record: Record) -> dict[str, Any]:
    if record.value is None:
        return {"value": None}
    message = _MESSAGES.get(record.topic)
    if message is None:
        return {"bytes": len(record.value)}
    try:
        return {"value": MessageToDict(message.FromString(record.value))}
    except DecodeError:
        return {"undecodable_bytes": len(record.value)}
