"""The connector of kind `hcl-connections`: what its APIs return, mapped; its activity stream, polled."""

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, tostring

import orjson

from services.contracts.activity import Activity
from services.ingest.json_payload import parse_json
from services.ingest.loose_fields import time_ms
from services.ingest.source import Cursor, Deliver, MalformedPayload, Mapped, Rejection, SourceConfig
from services.ingest.sources.hcl_connections.atom import ATOM, TOMBSTONE, person_of, read_entry
from services.ingest.sources.hcl_connections.entries import activity_of_entry, source_of
from services.ingest.sources.hcl_connections.polling import Polling
from services.ingest.sources.hcl_connections.stories import activities_of_story
from services.ingest.xml_payload import parse_xml

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
# Documents that describe the API instead of telling something.
_DESCRIPTIONS = frozenset({"service", "categories"})


class HclConnections:
    """Maps stories (JSON) and Atom entries and feeds; polls the activity stream."""

    kind = "hcl-connections"

    def map_payload(self, payload: bytes, config: SourceConfig, *, content_type: str = "") -> Mapped:
        """Map an answer of the activity stream (`list`, `entry` or a bare story) or an Atom document of an application. Pure.

        A service document, a list of categories and an empty feed mean nothing. Raises MalformedPayload: the reasons of
        `parse_json` and `parse_xml`, `error-response` for an error that the server answered, `unknown-document` for the rest.
        """
        if _is_xml(payload, content_type):
            return _map_xml(parse_xml(payload), config)
        return _map_json(parse_json(payload), config)

    async def run(self, config: SourceConfig, cursor: Cursor, deliver: Deliver, http: Any) -> None:
        """Poll the activity stream from cursor on, for ever. Raises FetchRefused, FetchFailed and what deliver raises."""
        await Polling(self.map_payload, config, http).run(cursor, deliver)


def _is_xml(payload: bytes, content_type: str) -> bool:
    start = payload[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(_UTF16):
        return start[2:4].strip(b"\0") == b"<"
    return start.startswith(b"<") or (not start.startswith((b"{", b"[")) and "xml" in content_type.lower())


def _map_json(document: Any, config: SourceConfig) -> Mapped:
    stories = _stories_in(document)
    activities: list[Activity] = []
    rejections: list[Rejection] = []
    for story in stories:
        found = activities_of_story(story, config) if isinstance(story, dict) else []
        activities.extend(found)
        if not found:
            rejections.append(
                Rejection("story-without-id", "a story names neither itself nor an object", payload=orjson.dumps(story))
            )
    return Mapped(tuple(activities), tuple(rejections))


def _stories_in(document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        raise MalformedPayload("unknown-document", "neither a list of stories nor a story")
    for key in ("list", "items"):
        if isinstance(document.get(key), list):
            return list(document[key])
    if isinstance(document.get("entry"), list | dict):
        return document["entry"] if isinstance(document["entry"], list) else [document["entry"]]
    if "verb" in document or "object" in document:
        return [document]
    if "error" in document or "errorMessage" in document:
        raise MalformedPayload("error-response", "the server answered with an error")
    if "totalResults" in document or "itemsPerPage" in document:
        return []
    raise MalformedPayload("unknown-document", "neither a list of stories nor a story")


def _map_xml(root: Element, config: SourceConfig) -> Mapped:
    name = root.tag.rpartition("}")[2].lower()
    if name in _DESCRIPTIONS:
        return Mapped()
    elements = list(_entries_in(root))
    if not elements and root.tag != f"{ATOM}feed":
        reason = "error-response" if name == "error" else "unknown-document"
        raise MalformedPayload(reason, "an XML document without an Atom entry")
    inherited = person_of(root.find(f"{ATOM}author"))
    activities: list[Activity] = []
    rejections: list[Rejection] = []
    for element in elements:
        activity = (
            _deleted(element, config) if element.tag == TOMBSTONE else activity_of_entry(read_entry(element, inherited), config)
        )
        if activity:
            activities.append(activity)
        else:
            rejections.append(Rejection("entry-empty", "an entry has neither id, title nor content", payload=tostring(element)))
    return Mapped(tuple(activities), tuple(rejections))


def _entries_in(root: Element) -> Iterator[Element]:
    """Yield entries and tombstones that don't lie inside another entry."""
    if root.tag in (f"{ATOM}entry", TOMBSTONE):
        yield root
        return
    for child in root:
        yield from _entries_in(child)


def _deleted(element: Element, config: SourceConfig) -> Activity | None:
    native = (element.get("ref") or "").strip()
    if not native:
        return None
    return Activity(source=source_of(native, config)).with_id().as_deleted(max(0, time_ms(element.get("when"))))


CONNECTOR = HclConnections()
