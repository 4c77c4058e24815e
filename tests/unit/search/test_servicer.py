"""What a request may say before anything is asked of the index."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sluice.search.v1 import search_service_pb2 as pb

from services.contracts.errors import InvalidRequest
from services.search.servicer import filter_of


@pytest.mark.parametrize("field", ["after", "before"])
@pytest.mark.parametrize("seconds", [2**62, -(2**62), 253_402_300_800])
def test_a_time_that_no_calendar_knows_is_the_callers_mistake(field, seconds):
    """The index can't take it, and would be thought away: the caller would try again for ever."""
    with pytest.raises(InvalidRequest) as refused:
        filter_of(pb.SearchFilter(**{field: Timestamp(seconds=seconds)}))
    assert refused.value.field == f"filter.{field}"


def test_times_of_other_centuries_are_bounds_like_any_other():
    """1601 and 2999 find what there is before and after them."""
    wanted = filter_of(pb.SearchFilter(after=Timestamp(seconds=-11_644_473_600), before=Timestamp(seconds=32_472_144_000)))
    assert (wanted.after_ms, wanted.before_ms) == (-11_644_473_600_000, 32_472_144_000_000)
