"""What a user cares about, learnt from her own reactions alone: a weight for each name that she reacted to.

It is computed from what the worker has of her: her likes, what she saved and read, her comments and shares in her timeline. Each
reaction counts for the author, group, channel and tags of what it is on, the less the older that is; nobody else's behaviour counts.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, NamedTuple

from services.contracts.matching import Facts
from services.stream.feeds.ranking.entry_columns import TARGETS

HALF_LIFE_DAYS: Final = 30.0
#: A user has weights for at most so many names, the largest.
MOST_NAMES: Final = 500
_DAY_MS: Final = 86_400_000


class Reaction(Enum):
    """What she did; the value is how much it counts."""

    READ = 0.25
    LIKE = 1.0
    SAVE = 2.0
    COMMENT = 3.0
    SHARE = 4.0


class Reacted(NamedTuple):
    """A reaction of hers to an activity."""

    reaction: Reaction
    to: Facts


class Interest(NamedTuple):
    """weights: entity name → what it adds to the interest of an entry that has it, above 0. reactions: how many it comes from."""

    weights: Mapping[str, float]
    reactions: int


#: Of somebody who never reacted.
NO_INTEREST: Final = Interest({}, 0)


def learnt(reactions: Iterable[Reacted], own_names: frozenset[str], now_ms: int) -> Interest:
    """Return what reactions tell. own_names: hers, which don't count. O(reactions).

    A name's points are the sum of what its reactions count, halved for every HALF_LIFE_DAYS of the activities' age; its weight is
    log(1 + points).
    """
    points: defaultdict[str, float] = defaultdict(float)
    count = 0
    for reaction, facts in reactions:
        count += 1
        worth = reaction.value * 0.5 ** (max(0, now_ms - facts.sort_time_ms) / _DAY_MS / HALF_LIFE_DAYS)
        for name in facts.targets[:TARGETS]:
            if name not in own_names:
                points[name] += worth
    largest = sorted(points.items(), key=lambda item: (-item[1], item[0]))[:MOST_NAMES]
    return Interest({name: math.log1p(worth) for name, worth in largest if worth > 0}, count)
