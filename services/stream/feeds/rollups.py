"""Which activities of a feed belong together. Computed at reading, so that a changed rule changes old entries too. Pure."""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.contracts.activity import Verb
from services.contracts.matching import Facts

Numbers = NDArray[np.int64]
Kinds = NDArray[np.uint8]

HOUR_MS: Final = 3_600_000


class By(IntEnum):
    """What activities have in common. The numbers are those of `sluice.feed.v1.RollUpBy`."""

    ACT = 1
    THREAD = 2
    SOURCE = 3
    STORY = 4


class Rule(NamedTuple):
    """How a feed is rolled up. by: any of these holds activities together. bucket_ms: the length of a bucket, from the epoch on."""

    by: frozenset[By] = frozenset(By)
    bucket_ms: int = 6 * HOUR_MS

    def bucket_of(self, sort_time_ms: int) -> int:
        """Return the first millisecond of the bucket that a time is in. A group never spans two of them."""
        return sort_time_ms - sort_time_ms % self.bucket_ms


class Groups(NamedTuple):
    """The groups among activities that are given newest first.

    newest: int64[n], for each the index of the newest of its group. held_by: uint8[n], at the index of a group's newest the bits
    1 << By of what holds the group together; 0 for an activity that is alone.
    """

    newest: Numbers
    held_by: Kinds


#: What an activity may have in common with others, as `commons` gives it: its own name, what it answers, what it is a comment on, its act,
#: its source's rollup, its story.
OWN, ANSWERED, ABOUT, ACT, SOURCE, STORY = range(6)
#: So many kinds of them there are.
KINDS: Final = 6
_KINDS: Final = {By.THREAD: (ANSWERED, ABOUT, OWN), By.ACT: (ACT,), By.SOURCE: (SOURCE,), By.STORY: (STORY,)}


def commons(facts: Iterable[Facts]) -> Numbers:
    """Return what activities have, as numbers: int64[6, n], 0 for nothing, the same for the same. Good within one process."""
    return np.array([_numbers(each) for each in facts], np.int64).reshape(-1, KINDS).T


def _numbers(facts: Facts) -> tuple[int, ...]:
    answered, on = facts.in_reply_to, facts.object_activity_id
    return (
        hash(facts.id),
        hash(answered) if answered else 0,
        hash(on) if on and facts.verb is Verb.COMMENT else 0,
        hash((facts.verb, on)) if on else 0,
        hash((SOURCE, facts.rollup)) if facts.rollup else 0,
        hash((STORY, facts.cluster_id)) if facts.cluster_id else 0,
    )


def grouped(had: Numbers, times: Numbers, rule: Rule) -> Groups:
    """Group activities, newest first: those of one bucket that have something in common, and through others. O(n log n).

    had: as of commons. times: sort times, int64[n]. Two things of 64 bits are taken for one where their numbers are.
    """
    count = len(times)
    held_by: Kinds = np.zeros(count, np.uint8)
    members, numbers, kinds = _having(had, rule.by)
    # Those of one bucket only: what somebody has in another is something else.
    numbers = numbers + (times // rule.bucket_ms).take(members) * _ODD
    order = numbers.argsort()
    numbers, members = numbers[order], members[order]
    begins = np.ones(len(members), np.bool_)
    begins[1:] = numbers[1:] != numbers[:-1]
    later = np.flatnonzero(~begins)
    # The first in each row of the same stands for all of it.
    first = np.maximum.accumulate(np.where(begins, np.arange(len(members)), 0))
    ones, others = members[first[later]], members[later]
    newest = _joined(count, ones, others)
    np.bitwise_or.at(held_by, newest[others], kinds[order][later])
    return Groups(newest, held_by)


def part_of(groups: Groups, some: Sequence[int], kept: Sequence[int]) -> Groups | None:
    """Return the groups of what is kept of some, groups as a whole each; None where they can't be told from groups alone.

    They can where whatever isn't kept was alone: nothing was joined through it. some, kept: rising indexes.
    """
    newest, held_by = groups
    if len(kept) < len(some) and held_by[newest[sorted({*some}.difference(kept))]].any():
        return None
    places = np.zeros(len(newest), np.int64)
    places[kept] = np.arange(len(kept))
    return Groups(places[newest[kept]], held_by[kept])


# Any large odd number tells buckets apart; the product may overflow.
_ODD: Final = np.int64(0x1E3779B97F4A7C15)


def _having(had: Numbers, by: Iterable[By]) -> tuple[Numbers, Numbers, Kinds]:
    """Return who has what: indexes, numbers of what they have, and the bit of its kind, arrays of one length.

    Who is answered has her own name, so a chain of answers is one thread. A comment belongs below what it answers and below what it is
    about: what lies between may not be here.
    """
    members: list[Numbers] = [np.zeros(0, np.int64)]
    numbers: list[Numbers] = [np.zeros(0, np.int64)]
    kinds: list[Kinds] = [np.zeros(0, np.uint8)]
    for kind in by:
        for place in _KINDS[kind]:
            column = had[place]
            some = np.flatnonzero(column if place != OWN else _perhaps(column, numbers))
            members.append(some)
            numbers.append(column.take(some))
            kinds.append(np.full(len(some), 1 << kind, np.uint8))
    return np.concatenate(members), np.concatenate(numbers), np.concatenate(kinds)


def _perhaps(own: Numbers, answered: Iterable[Numbers]) -> NDArray[np.bool_]:
    """Return which names may be among those that are answered: all that are, and few others, by their lowest bits."""
    marked = np.zeros(_LOWEST + 1, np.bool_)
    for numbers in answered:
        marked[numbers & _LOWEST] = True
    return marked.take(own & _LOWEST)


_LOWEST: Final = 0xFFFF


def _joined(count: int, newer: Numbers, older: Numbers) -> Numbers:
    """Return for each of count the smallest index that pairs connect it to, itself where there is none.

    Labels go down along the pairs until none changes: as many rounds as groups are joined through others.
    """
    labels = np.arange(count)
    while True:
        low = np.minimum(labels[newer], labels[older])
        following = labels.copy()
        np.minimum.at(following, labels[newer], low)
        np.minimum.at(following, labels[older], low)
        following = following[following]
        if np.array_equal(following, labels):
            return labels
        labels = following
