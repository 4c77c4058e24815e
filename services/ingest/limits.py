"""How much one sender, and all of them together, may hand in."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.contracts.errors import Overloaded

_MOST_KEYS = 10_000


class RateLimited(Overloaded):
    """This caller or source sent more than its share."""

    reason = "RATE_LIMITED"


class RateLimit:
    """A token bucket a key. rate: tokens a second; burst: tokens of a full bucket; clock: seconds, never going back.

    Only the 10,000 most recent keys are remembered: a flood of made-up names costs no memory, and the forgotten start full.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, tokens: float = 1.0) -> None:
        """Take tokens out of key's bucket. Raises RateLimited with the seconds until they are there; then none are taken.

        More than a full bucket is let through by a full one, which then owes: a large batch is slowed down, never shut out.
        """
        now = self._clock()
        level, since = self._buckets.pop(key, (self._burst, now))
        level = min(self._burst, level + (now - since) * self._rate)
        missing = min(tokens, self._burst) - level
        self._buckets[key] = (level, now) if missing > 0 else (level - tokens, now)
        if len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
        if missing > 0:
            raise RateLimited("too many activities from this sender", retry_after_s=missing / self._rate)


class InFlight:
    """How many activities may wait for Kafka at a time, over all senders."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.count = 0

    @contextmanager
    def of(self, activities: int) -> Iterator[None]:
        """Hold a place for activities. Raises Overloaded where there is none; one sender alone always has a place."""
        if self.count and self.count + activities > self._most:
            raise Overloaded("too many activities are waiting for Kafka")
        self.count += activities
        try:
            yield
        finally:
            self.count -= activities
