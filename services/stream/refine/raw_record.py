"""What a record of `sluice.activities.raw.v1` says, without more work than folding needs."""

from hashlib import blake2b
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.codec import milliseconds
from services.contracts.interactions import edge_of
from services.stream.refine.audiences import summary_of
from services.stream.refine.folding import Incoming
from services.stream.refine.refusals import KEY_MISMATCH, UNDECODABLE, VERSION_OUT_OF_RANGE, Refused

ID_BYTES = 16
DIGEST_BYTES = 8
NO_DIGEST = bytes(DIGEST_BYTES)
NO_AUDIENCE = 0

# What refine adds, what the source counts, what differs from one acceptance to the next.
_NOT_SAID: Final = ("version", "accepted", "sort_time_ms", "text", "links", "cluster_id", "reported")
# A new avatar or another route to the same post is no new version of it, and no conflict either.
_DECORATION: Final = ("display_name", "handle", "url", "avatar_url")


class RawRecord(NamedTuple):
    """A raw record that was parsed once. key: the id's 16 bytes; message: the whole activity, for whoever refines it."""

    key: bytes
    incoming: Incoming
    message: pb.Activity


def read_raw(key: bytes | None, value: bytes | None, timestamp_ms: int) -> RawRecord:
    """Read a raw record. timestamp_ms: its time in the log, for want of an acceptance time. Raises Refused."""
    try:
        message = pb.Activity.FromString(value or b"")
    except DecodeError:
        raise Refused(UNDECODABLE, "not a sluice.activity.v1.Activity") from None
    if message.version < 0:
        raise Refused(VERSION_OUT_OF_RANGE, "version is negative")
    deleted = message.deleted
    incoming = Incoming(
        message.version,
        deleted,
        NO_DIGEST if deleted else said_digest(message),
        NO_AUDIENCE if deleted else summary_of(message.audience),
        milliseconds(message.published),
        milliseconds(message.accepted) or timestamp_ms,
        edge_of(message),
    )
    return RawRecord(id_bytes(key, message.id), incoming, message)


def id_bytes(key: bytes | None, activity_id: str) -> bytes:
    """Return the 16 bytes of an activity id. Raises Refused unless the record's key is that id."""
    if key is None or key != activity_id.encode():
        raise Refused(KEY_MISMATCH, "the record's key is not the activity's id")
    try:
        packed = bytes.fromhex(activity_id)
    except ValueError:
        packed = b""
    if len(packed) != ID_BYTES or packed.hex() != activity_id:
        raise Refused(KEY_MISMATCH, "the activity's id is not 32 hex digits")
    return packed


def said_digest(message: pb.Activity) -> bytes:
    """Return 8 bytes that differ when the source says something else: content, names, audience, times; never all zero."""
    said = pb.Activity()
    said.CopyFrom(message)
    clear = said.ClearField
    for field in _NOT_SAID:
        clear(field)
    said.source.ClearField("channel")
    # Going over a repeated field by iterator costs twice as much as over a slice of it: it ends with an exception.
    for entity in said.mentions[:]:
        _undecorate(entity)
    if said.HasField("actor"):
        _undecorate(said.actor)
    if said.HasField("target"):
        _undecorate(said.target)
    digest = blake2b(said.SerializeToString(deterministic=True), digest_size=DIGEST_BYTES).digest()
    return digest if digest != NO_DIGEST else b"\1" * DIGEST_BYTES


def _undecorate(entity: pb.Entity) -> None:
    clear = entity.ClearField
    for field in _DECORATION:
        clear(field)
