"""The second gate: whatever the query let through is judged once more, by what would be sent."""

from google.protobuf.message import DecodeError
from sluice.activity.v1 import activity_pb2
from sluice.search.v1 import activity_facts_pb2

from services.contracts.activity import Audience
from services.contracts.activity_facts import audience_of, parse_facts
from services.contracts.codec import UndecodableRecord, audience_from_proto
from services.contracts.matching import may_read
from services.search.queries import Reader


def open_activity(body: bytes | None, reader: Reader) -> activity_pb2.Activity | None:
    """Return the activity when the reader may read it."""
    if body is None:
        return None
    try:
        message = activity_pb2.Activity.FromString(body)
    except DecodeError:
        return None
    return message if not message.deleted and _open(audience_from_proto(message.audience), reader) else None


def open_facts(data: bytes, reader: Reader) -> activity_facts_pb2.ActivityFacts | None:
    """Return the facts of an activity that the reader may read."""
    try:
        message = parse_facts(data)
    except UndecodableRecord:
        return None
    return message if _open(audience_of(message), reader) else None


def _open(audience: Audience, reader: Reader) -> bool:
    return may_read(reader.user, employee=reader.employee, groups=reader.groups, audience=audience)
