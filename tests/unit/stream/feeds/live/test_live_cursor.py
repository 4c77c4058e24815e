"""A cursor says again what it was made of, and anything else is refused by name."""

import base64
import json

import protovalidate
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sluice.feed.v1.feed_service_pb2 import WatchFeedRequest

from services.stream.feeds.live.live_cursor import CursorInvalid, LiveCursor, decode_cursor
from services.stream.feeds.places import BOTTOM, TOP, Place

REQUEST = "0123456789ab"
places = st.one_of(
    st.just(BOTTOM), st.just(TOP), st.builds(Place, st.integers(0, 2**62), st.text("0123456789abcdef", min_size=32, max_size=32))
)
cursors = st.builds(
    LiveCursor, st.dictionaries(st.integers(0, 1023), st.integers(0, 2**63 - 1)), places, st.integers(0, 2**64 - 1)
)


def encoded(values):
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@given(cursors)
def test_what_is_encoded_is_decoded(cursor):
    assert decode_cursor(cursor.encode(REQUEST), REQUEST) == cursor


def test_a_cursor_of_a_thousand_partitions_can_be_asked_with():
    """The proto takes cursors up to a length; a trillion records a partition are within it."""
    cursor = LiveCursor(dict.fromkeys(range(1024), 10**12), Place(10**13, "f" * 32), 2**64 - 1).encode(REQUEST)
    protovalidate.validate(WatchFeedRequest(cursor=cursor))


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["1", "", 0],
        [1, "", -1],
        [1, "", 2**64],
        [1, "", 0, 1],
        [1, "", 0, 1, -1],
        [1, "", 0, 1, 2, 1, 3],
        [1, "", 0, 2, 2, 1, 3],
        [1, "", 0, True, 2],
        [1, "", 0, 1, 2.5],
        [1, "no id", 0, 1, 2],
        [1, 5, 0, 1, 2],
        [2**63, "", 0],
        [1, "", None],
        [[], "", 0],
    ],
)
def test_what_is_no_cursor_is_refused(values):
    with pytest.raises(CursorInvalid):
        decode_cursor(encoded([1, REQUEST, *values]), REQUEST)


def test_a_cursor_of_another_request_is_refused():
    cursor = LiveCursor({0: 1}, BOTTOM, 0).encode("another")
    with pytest.raises(CursorInvalid) as raised:
        decode_cursor(cursor, REQUEST)
    assert (raised.value.status, raised.value.field) == ("INVALID_ARGUMENT", "cursor")
