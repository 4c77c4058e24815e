"""A record of `sluice.activities.v1`: how a winner is written, and how it is read back."""

from dataclasses import dataclass

from google.protobuf.message import DecodeError
from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.cloud_events import RAW_DIGEST, RAW_OFFSET, REFINED, EventHeaders, Headers
from services.contracts.codec import UndecodableRecord, milliseconds
from services.contracts.interactions import edge_of
from services.runtime.records import Record
from services.stream.refine.audiences import summary_of
from services.stream.refine.folding import Folded
from services.stream.refine.raw_record import DIGEST_BYTES, NO_AUDIENCE, NO_DIGEST, id_bytes
from services.stream.refine.refusals import Refused

SOURCE = "/sluice/refine"
_HEADERS = EventHeaders(REFINED, SOURCE)


@dataclass(frozen=True, slots=True)
class Observed:
    """A record of the output, read back. folded None: a tombstone. raw_offset: the raw record it came from, -1 unknown."""

    key: bytes
    folded: Folded | None
    raw_offset: int


def headers_of(activity_id: bytes, folded: Folded, raw_offset: int, time_ms: int) -> Headers:
    """Return the headers of a refined activity. time_ms: when this version was accepted."""
    state = b".deleted" if folded.deleted else b""
    headers = _HEADERS.of(event_id=b"%b.%d%b" % (activity_id, folded.version, state), subject=activity_id, time_ms=time_ms)
    headers += (RAW_OFFSET, b"%d" % raw_offset), (RAW_DIGEST, folded.digest.hex().encode())
    return headers


def read_refined(record: Record) -> Observed:
    """Read a record of the output back. Raises UndecodableRecord on what refine never wrote."""
    headers = dict(record.headers)
    try:
        raw_offset = int(headers.get(RAW_OFFSET, b"-1"))
        if not record.value:
            return Observed(id_bytes(record.key, (record.key or b"").decode()), None, raw_offset)
        message = pb.Activity.FromString(record.value)
        key = id_bytes(record.key, message.id)
        digest = bytes.fromhex(headers.get(RAW_DIGEST, b"").decode()) or NO_DIGEST
    except (DecodeError, Refused, ValueError):
        raise UndecodableRecord("not a record of sluice.activities.v1") from None
    if len(digest) != DIGEST_BYTES:
        raise UndecodableRecord("the digest of a record of sluice.activities.v1 has the wrong length")
    return Observed(key, _folded(message, digest, record.offset), raw_offset)


def _folded(message: pb.Activity, digest: bytes, offset: int) -> Folded:
    audience = NO_AUDIENCE if message.deleted else summary_of(message.audience)
    accepted_ms = milliseconds(message.accepted)
    edge = edge_of(message)
    return Folded(message.version, message.deleted, digest, audience, message.sort_time_ms, accepted_ms, offset, edge)
