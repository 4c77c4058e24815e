from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.cloud_events import EventHeaders, cloud_event

# 0001-01-01 to 9999-12-31, whole milliseconds.
CALENDAR = st.integers(-62_135_596_800_000, 253_402_300_799_999)


def test_headers_follow_the_binary_binding():
    headers = cloud_event(event_type="t", event_id="1", source="/s", subject="ü", time_ms=1_700_000_000_007)
    assert headers == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"1"),
        ("ce_source", b"/s"),
        ("ce_type", b"t"),
        ("ce_subject", "ü".encode()),
        ("ce_time", b"2023-11-14T22:13:20.007Z"),
        ("content-type", b"application/protobuf"),
    ]


@given(CALENDAR)
def test_times_are_rfc_3339_to_the_millisecond(ms):
    written = dict(EventHeaders("t", "/s").of(event_id=b"1", subject=b"x", time_ms=ms))["ce_time"].decode()
    assert written.endswith("Z")
    read = datetime.fromisoformat(written)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert round((read - epoch).total_seconds() * 1000) == ms


@pytest.mark.parametrize("ms", [-62_135_596_800_001, 253_402_300_800_000, 2**63 - 1])
def test_what_is_outside_the_calendar_is_an_error(ms):
    with pytest.raises((ValueError, OverflowError)):
        EventHeaders("t", "/s").of(event_id=b"1", subject=b"x", time_ms=ms)


def test_many_events_of_one_moment_differ_in_their_ids_only():
    headers = EventHeaders("t", "/s")
    many = headers.of_many(3, event_id=b"e", subject=b"x", time_ms=7)
    assert many == [headers.of(event_id=b"e-%d" % number, subject=b"x", time_ms=7) for number in range(3)]
