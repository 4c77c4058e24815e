"""The entries of a page as protobuf, put together from bodies that are serialised already."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import chain, repeat

from sluice.feed.v1 import counts_pb2
from sluice.feed.v1 import feed_entry_pb2 as pb

from services.stream.feeds.object_tally import NOTHING, Tally
from services.stream.feeds.pages import Entry

# Field numbers and wire type 2 (a length, then as many bytes), as in feed_service.proto and feed_entry.proto; a test reads the bytes back.
_ENTRIES, _ACTIVITY, _VIEWER_STATE, _COUNTS = b"\x0a", b"\x0a", b"\x12", b"\x22"


def entries_bytes(
    entries: Iterable[Entry], rest: bytes = b"", tallies: Iterable[Tally] = (), extras: Iterable[bytes] = ()
) -> bytes:
    """Return what a GetFeedResponse with these entries is serialised to. rest: its other fields, serialised.

    tallies: what is on the entries, one by one; where they end, nothing is told of it. extras: further fields of
    entries, serialised, one by one.
    """
    parts: list[bytes] = []
    told = zip(entries, chain(tallies, repeat(NOTHING)), chain(extras, repeat(b"")))  # noqa: B905 - endless
    for (_, body, liked, saved, read, done, seen), tally, extra in told:
        any_done = liked or saved or read or done or seen
        state = _viewer_state(liked, saved, read, done, seen) if any_done else _NOTHING_DONE
        if tally is not NOTHING:
            state += _counts(tally)
        if extra:
            state += extra
        parts += (_head(len(body), len(state)), body, state)
    parts.append(rest)
    return b"".join(parts)


@lru_cache(maxsize=65_536)
def _head(body: int, state: int) -> bytes:
    """Return what stands before a body of a FeedEntry. body, state: lengths in bytes."""
    activity = _ACTIVITY + _varint(body)
    return _ENTRIES + _varint(len(activity) + body + state) + activity


@lru_cache(maxsize=32)
def _viewer_state(liked: bool, saved: bool, read: bool, done: bool, seen: bool) -> bytes:  # noqa: FBT001 - flags of one message
    state = pb.ViewerState(liked=liked, saved=saved, read=read, done=done, seen=seen).SerializeToString()
    return _VIEWER_STATE + _varint(len(state)) + state


@lru_cache(maxsize=65_536)
def _counts(tally: Tally) -> bytes:
    if tally == NOTHING:
        return b""
    counts = counts_pb2.Counts(**tally._asdict()).SerializeToString()
    return _COUNTS + _varint(len(counts)) + counts


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


_NOTHING_DONE = _viewer_state(False, False, False, False, False)  # noqa: FBT003 - as above
