"""XML from strangers, read within bounds: no document types (hence no entities to expand), a limit on depth and size."""

from typing import Any
from xml.etree import ElementTree as ET

from services.ingest.source import MalformedPayload

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 100


class _Refused(Exception):
    """The document uses what isn't read here."""


class _Guard(ET.TreeBuilder):
    """Builds the tree, stops at a document type and at too many levels."""

    _depth = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        del name, pubid, system
        raise _Refused("xml-doctype", "document types are not read")

    def start(self, tag: Any, attrs: Any, /) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _Refused("xml-too-deep", f"nested deeper than {MAX_DEPTH} levels")
        return super().start(tag, attrs)

    def end(self, tag: Any, /) -> Any:
        self._depth -= 1
        return super().end(tag)


def parse_xml(payload: bytes) -> ET.Element:
    """Return the root. Raises MalformedPayload: `payload-empty`, `payload-too-large`, `xml-malformed`, `xml-doctype`, `xml-too-deep`."""
    if len(payload) > MAX_BYTES:
        raise MalformedPayload("payload-too-large", f"{len(payload)} bytes of XML, {MAX_BYTES} are read")
    text = payload.strip()
    if not text:
        raise MalformedPayload("payload-empty", "the payload is empty")
    try:
        # Safe without defusedxml: entities need a document type, which the guard refuses.
        return ET.fromstring(text, parser=ET.XMLParser(target=_Guard()))  # noqa: S314
    except _Refused as refusal:
        reason, detail = refusal.args
        raise MalformedPayload(reason, detail) from None
    except ET.ParseError as error:
        line, column = error.position
        raise MalformedPayload("xml-malformed", f"not XML at line {line}, column {column}") from None
    except (ValueError, LookupError):  # an encoding that expat doesn't know or that can't be
        raise MalformedPayload("xml-malformed", "the declared encoding can't be read") from None
