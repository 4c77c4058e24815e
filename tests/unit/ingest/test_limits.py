import pytest

from services.contracts.errors import Overloaded
from services.ingest.limits import InFlight, RateLimit, RateLimited


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_full_bucket_is_a_burst_and_then_the_rate_counts():
    """The error says when trying again makes sense, and by then it does."""
    clock = Clock()
    limit = RateLimit(rate=2.0, burst=3.0, clock=clock)
    for _ in range(3):
        limit.take("anna")
    with pytest.raises(RateLimited) as refused:
        limit.take("anna")
    assert refused.value.retry_after_s == pytest.approx(0.5)
    clock.now += refused.value.retry_after_s
    limit.take("anna")


def test_one_sender_does_not_use_up_anothers_share():
    limit = RateLimit(rate=1.0, burst=1.0, clock=Clock())
    limit.take("anna")
    limit.take("ben")


def test_a_refused_call_costs_nothing():
    """Otherwise a client that tries again too early would never get in."""
    clock = Clock()
    limit = RateLimit(rate=1.0, burst=1.0, clock=clock)
    limit.take("anna")
    for _ in range(10):
        with pytest.raises(RateLimited):
            limit.take("anna")
    clock.now += 1.0
    limit.take("anna")


def test_a_batch_above_the_burst_gets_in_and_is_paid_off():
    clock = Clock()
    limit = RateLimit(rate=10.0, burst=10.0, clock=clock)
    limit.take("feed", 30)
    with pytest.raises(RateLimited) as refused:
        limit.take("feed")
    assert refused.value.retry_after_s == pytest.approx(2.1)


def test_made_up_names_cost_no_memory():
    limit = RateLimit(rate=1.0, burst=1.0, clock=Clock())
    for number in range(20_000):
        limit.take(str(number))
    assert len(limit._buckets) == 10_000


def test_more_than_may_wait_is_refused_and_what_was_answered_makes_room():
    in_flight = InFlight(2)
    with in_flight.of(2):
        with pytest.raises(Overloaded), in_flight.of(1):
            raise AssertionError("not refused")
        assert in_flight.count == 2
    with in_flight.of(2):
        assert in_flight.count == 2


def test_one_batch_alone_is_never_too_large():
    """A batch above the limit would otherwise be refused for ever."""
    with InFlight(2).of(100):
        pass


def test_a_failure_makes_room_too():
    in_flight = InFlight(1)
    with pytest.raises(OSError, match="away"), in_flight.of(1):
        raise OSError("away")
    assert in_flight.count == 0
