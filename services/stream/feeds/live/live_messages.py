"""The messages of a live feed, put together from bodies that are serialised already."""

from collections.abc import Iterable, Mapping

from sluice.feed.v1 import watch_pb2 as pb
from sluice.feed.v1.counts_pb2 import Counts

from services.stream.feeds.live.live_view import Event, Kind
from services.stream.feeds.object_tally import NOTHING, Tally
from services.stream.feeds.page_bytes import entries_bytes

# Field numbers and wire type 2 (a length, then as many bytes), as in watch.proto; a test reads the bytes back. entries_bytes gives an
# entry as field 1, which is what `added` is.
_EVENTS, _EDITED = b"\x0a", b"\x12"
_SEVEN_BITS = 0x7F


def message_bytes(
    events: Iterable[Event], rest: pb.WatchFeedResponse, tallies: Mapping[str, Tally], counted: Iterable[str] = ()
) -> bytes:
    """Return a serialised message with events. rest: its other fields, of the events those that tell counts.

    tallies: by activity, what is on the entries of events; counted: entries of which only that is told.
    """
    for activity_id in counted:
        counts = Counts(**tallies.get(activity_id, NOTHING)._asdict())
        rest.events.append(pb.WatchEvent(counted=pb.CountedEntry(activity_id=activity_id, counts=counts)))
    return b"".join((*(_event_bytes(event, tallies.get(event.id, NOTHING)) for event in events), rest.SerializeToString()))


def _event_bytes(event: Event, tally: Tally) -> bytes:
    if event.entry is None:
        inner = pb.WatchEvent(removed_id=event.id).SerializeToString()
    else:
        inner = entries_bytes((event.entry,), tallies=(tally,))
        if event.kind is Kind.EDITED:
            inner = _EDITED + inner[1:]
    return _EVENTS + _varint(len(inner)) + inner


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > _SEVEN_BITS:
        encoded.append(number & _SEVEN_BITS | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
