"""Events of the streaming API, as server-sent events or in the envelope of its WebSocket."""

from collections.abc import Mapping
from typing import Any

import httpx
import orjson
from httpx_sse import EventSource

from services.ingest.json_payload import parse_json
from services.ingest.loose_fields import as_id, as_text
from services.ingest.source import MalformedPayload, Mapped, Rejection, SourceConfig
from services.ingest.sources.mastodon.entities import joined, map_entity
from services.ingest.sources.mastodon.statuses import deletion

_ENTITIES = frozenset({"update", "status.update", "notification", "conversation", "announcement"})
# Something changed that is nobody's act, or that others must not know.
_SILENT = frozenset({"filters_changed", "announcement.reaction", "encrypted_message", "notifications_merged", ""})
_EVENT_STARTS = (b"event:", b"data:", b"id:", b"retry:", b":")


def map_event(event: str, data: str, config: SourceConfig) -> Mapped:
    """Map one event. Never raises: one that can't be read is a rejection with its bytes."""
    if event in _SILENT:
        return Mapped()
    if event in ("delete", "announcement.delete"):
        native = as_id(data.strip().strip('"'))
        if not native:
            return Mapped(rejections=(Rejection("id-missing", "a deletion without an id"),))
        return Mapped((deletion(native if event == "delete" else f"announcement/{native}", config),))
    if event not in _ENTITIES:
        return Mapped(
            rejections=(Rejection("unknown-event", "an event that is not known here", payload=data.encode(errors="replace")),)
        )
    try:
        return map_entity(parse_json(data.encode()), config)
    except (MalformedPayload, UnicodeEncodeError):
        return Mapped(
            rejections=(Rejection("json-malformed", f"the data of an event {event}", payload=data.encode(errors="replace")),)
        )


def is_envelope(document: Any) -> bool:
    """Return whether it is an event as the WebSocket sends it."""
    return (
        isinstance(document, dict) and isinstance(document.get("event"), str) and ("payload" in document or "stream" in document)
    )


def map_envelope(document: Mapping[str, Any], config: SourceConfig) -> Mapped:
    """Map an event as the WebSocket sends it, its payload as text or already read."""
    payload = document.get("payload")
    data = payload if isinstance(payload, str) else orjson.dumps(payload).decode()
    return map_event(as_text(document.get("event")), data, config)


def is_event_stream(payload: bytes) -> bool:
    """Return whether it is recorded text of an event stream."""
    return payload.lstrip(b"\xef\xbb\xbf \r\n").startswith(_EVENT_STARTS)


def map_event_stream(payload: bytes, config: SourceConfig) -> Mapped:
    """Map recorded text of an event stream; heartbeats say nothing."""
    text = payload.lstrip(b"\xef\xbb\xbf \r\n") + b"\n\n"
    response = httpx.Response(200, headers={"Content-Type": "text/event-stream; charset=utf-8"}, content=text)
    return joined([map_event(event.event, event.data, config) for event in EventSource(response).iter_sse()])
