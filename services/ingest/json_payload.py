"""JSON from strangers, read within bounds: depth, size, numbers that are no numbers, encodings that lie."""

import codecs
from typing import Any

import orjson

from services.ingest.source import MalformedPayload

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 100
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def parse_json(payload: bytes) -> Any:
    """Return the document. Of repeated keys the last one counts; integers beyond 64 bits become floats.

    Raises MalformedPayload: `payload-empty`, `payload-too-large`, `json-malformed` (NaN, lone surrogates and wrong encodings
    included) or `json-too-deep`.
    """
    if len(payload) > MAX_BYTES:
        raise MalformedPayload("payload-too-large", f"{len(payload)} bytes of JSON, {MAX_BYTES} are read")
    text = _utf8(payload).strip()
    if not text:
        raise MalformedPayload("payload-empty", "the payload is empty")
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        reason = "json-too-deep" if "depth limit" in str(error) else "json-malformed"
        raise MalformedPayload(reason, f"not JSON at character {error.pos}") from None
    _refuse_depth(document)
    return document


def _utf8(payload: bytes) -> bytes:
    if payload.startswith(codecs.BOM_UTF8):
        return payload[len(codecs.BOM_UTF8) :]
    if payload.startswith(_UTF16):
        try:
            return payload.decode("utf-16").encode()
        except UnicodeError:
            raise MalformedPayload("json-malformed", "the byte order mark says UTF-16, the bytes are not") from None
    return payload


def _refuse_depth(document: Any) -> None:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node) if isinstance(child, dict | list)]
        if not level:
            return
    raise MalformedPayload("json-too-deep", f"nested deeper than {MAX_DEPTH} levels")


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []
