"""Which activities of a feed belong together. Computed at reading, so that a changed rule changes old entries too. Pure."""

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from itertools import compress
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


def grouped(facts: Sequence[Facts], rule: Rule) -> Groups:
    """Group activities, newest first: those of one bucket that have something in common, and through others. O(n log n)."""
    count = len(facts)
    held_by: Kinds = np.zeros(count, np.uint8)
    if not count:
        return Groups(np.zeros(0, np.int64), held_by)
    columns = _Columns(*map(tuple(zip(*facts, strict=True)).__getitem__, _PLACES))
    buckets = np.fromiter(columns.times, np.int64, count) // rule.bucket_ms
    codes, kinds = _in_common(columns, count, rule.by)
    # By what they have in common, newest first: those of one bucket then stand in a row, and the first of them stands for all.
    order = codes.argsort()
    codes, kinds = codes[order], kinds[order]
    members = codes % count
    codes, within = codes // count, buckets[members]
    begins = np.ones(len(members), np.bool_)
    begins[1:] = (codes[1:] != codes[:-1]) | (within[1:] != within[:-1])
    first = members[np.maximum.accumulate(np.where(begins, np.arange(len(members)), 0))]
    later = ~begins
    newest = _joined(count, first[later], members[later])
    np.bitwise_or.at(held_by, newest[members[later]], kinds[later])
    return Groups(newest, held_by)


class _Columns(NamedTuple):
    """Facts by field. Most of the last four are empty in most feeds, so nothing looks at them one by one."""

    ids: Sequence[str]
    times: Sequence[int]
    verbs: Sequence[Verb]
    objects: Sequence[str]
    answered: Sequence[str]
    clusters: Sequence[str]
    rollups: Sequence[str]


_FIELDS = ("id", "sort_time_ms", "verb", "object_activity_id", "in_reply_to", "cluster_id", "rollup")
_PLACES: Final = tuple(map(Facts._fields.index, _FIELDS))
_Having = tuple[Iterable[int], Iterable[object]]


def _in_common(columns: _Columns, count: int, by: frozenset[By]) -> tuple[Numbers, Kinds]:
    """Return who has what, in no order: the number of what it is times count plus the index of who has it; and the bit of its kind."""
    codes: list[Numbers] = [np.zeros(0, np.int64)]
    kinds: list[Kinds] = [np.zeros(0, np.uint8)]
    before = 0
    for kind in by:
        members, keys = _HAVING[kind](columns, count)
        at = np.fromiter(members, np.int64)
        # What somebody has gets the number of its first mention; what is of another kind gets another.
        first = np.fromiter(map(dict[object, int]().setdefault, keys, range(before, before + len(at))), np.int64, len(at))
        codes.append(first * count + at)
        kinds.append(np.full(len(at), 1 << kind, np.uint8))
        before += len(at)
    return np.concatenate(codes), np.concatenate(kinds)


def _acts(columns: _Columns, count: int) -> _Having:
    objects = columns.objects
    return compress(range(count), objects), zip(compress(columns.verbs, objects), filter(None, objects), strict=True)


def _sources(columns: _Columns, count: int) -> _Having:
    return compress(range(count), columns.rollups), filter(None, columns.rollups)


def _stories(columns: _Columns, count: int) -> _Having:
    return compress(range(count), columns.clusters), filter(None, columns.clusters)


def _threads(columns: _Columns, count: int) -> _Having:
    """Return who answers what, and those that are answered with themselves: so a chain of answers is one thread.

    A comment belongs below what it answers and below what it is about: what lies between may not be here.
    """
    comment = Verb.COMMENT
    members = list(compress(range(count), columns.answered))
    keys = list(filter(None, columns.answered))
    for at in compress(range(count), columns.objects):
        if columns.verbs[at] is comment:
            members.append(at)
            keys.append(columns.objects[at])
    if keys:
        is_answered = set(keys).__contains__
        own = list(compress(range(count), map(is_answered, columns.ids)))
        members += own
        keys += map(columns.ids.__getitem__, own)
    return members, keys


_HAVING: Final[dict[By, Callable[[_Columns, int], _Having]]] = {
    By.ACT: _acts,
    By.THREAD: _threads,
    By.SOURCE: _sources,
    By.STORY: _stories,
}


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
