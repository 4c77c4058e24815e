"""How long to wait before trying again."""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubling waits in seconds, from first to most, each shortened by up to half so that many don't come back together."""

    first: float = 0.1
    most: float = 10.0
    chance: Callable[[], float] = random.random

    def seconds(self, failures: int) -> float:
        """Return the wait after that many failures in a row (1 and up)."""
        # The exponent is bounded: a server that is away for weeks must not overflow it.
        return float(min(self.most, self.first * 2 ** min(failures - 1, 30)) * (1 - self.chance() / 2))
