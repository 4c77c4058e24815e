"""Pages of a rolled-up feed: groups, newest first, each activity in exactly one of them, whatever happens between two pages. Pure."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np

from services.contracts.matching import Facts
from services.stream.feeds.places import Place, place_of
from services.stream.feeds.rollups import By, Groups, Kinds, Numbers, Rule, grouped

#: So many activities are grouped at a time. What a bucket has beyond them makes groups of its own.
RUN: Final = 800
#: So many activities a cursor says were shown; more are there only where activities went or came in the meantime.
MOST_SEEN: Final = 1000
#: So much of an id stands in a cursor: 48 bits tell those apart that one page may bring.
SEEN_DIGITS: Final = 12


class Group(NamedTuple):
    """One entry of a rolled-up feed. members: newest first, at least one. held_by: what they have in common, none of one alone."""

    members: Sequence[Facts]
    held_by: Sequence[By]


class Cursor(NamedTuple):
    """Where a page goes on: below a place, without those activities below it that were shown with a newer one.

    seen: the first SEEN_DIGITS of their ids; all of them in the bucket of the place.
    """

    below: Place
    seen: frozenset[str] = frozenset()


class Folded(NamedTuple):
    """What a run gives. groups: newest first. after: where the next page begins, None at the end of the feed.

    following: the newest of the first group that found no room.
    """

    groups: list[Group]
    after: Cursor | None
    following: Facts | None = None


class Run(NamedTuple):
    """A piece of a feed, newest first. had: what each has in common with others, see commons. times: sort times.

    floor: nothing of the feed is missing between it and where the piece begins; None: nothing at all. cut: don't expect more above the
    end of the last bucket than there is; else it is left to the next piece, whenever there is a newer one in this. groups: of all of it,
    if they are known already.
    """

    facts: Sequence[Facts]
    had: Numbers
    times: Numbers
    floor: Place | None
    cut: bool = False
    groups: Groups | None = None


def fold(run: Run, cursor: Cursor, rule: Rule, room: int) -> Folded:
    """Group what stands below a cursor, and return the first groups. run: from cursor.below on. room: how many, at least 1."""
    whole, after = _whole_buckets(run, cursor, rule)
    unseen, had, times, seen = whole, run.had[:, : len(whole)], run.times[: len(whole)], cursor.seen
    if seen:
        kept = [at for at, facts in enumerate(whole) if facts.id[:SEEN_DIGITS] not in seen]
        unseen, had, times = [whole[at] for at in kept], had[:, kept], times[kept]
    newest, held_by = grouped(had, times, rule) if seen or run.groups is None else run.groups
    newest, held_by = newest[: len(unseen)], held_by[: len(unseen)]
    firsts = np.flatnonzero(newest == np.arange(len(unseen)))
    groups = _groups(unseen, newest, held_by, firsts[:room])
    if len(firsts) <= room:
        return Folded(groups, after)
    return Folded(groups, _behind(groups, whole, cursor, rule), unseen[int(firsts[room])])


def is_cut(run: Sequence[Facts], floor: Place | None, rule: Rule) -> bool:
    """Return whether a run is all of one bucket, and more of that may stand below floor."""
    if floor is None or not run:
        return False
    begin = rule.bucket_of(run[-1].sort_time_ms)
    return floor > Place(begin, "") and rule.bucket_of(run[0].sort_time_ms) == begin


def _whole_buckets(piece: Run, cursor: Cursor, rule: Rule) -> tuple[Sequence[Facts], Cursor | None]:
    """Return that part of a run that is grouped, and where to go on when all of it was shown."""
    run, floor, cut = piece.facts, piece.floor, piece.cut
    if floor is None:
        return run, None
    begin = rule.bucket_of(run[-1].sort_time_ms) if run else 0
    if run and not cut and floor > Place(begin, "") and rule.bucket_of(run[0].sort_time_ms) != begin:
        end = len(run)
        while run[end - 1].sort_time_ms < begin + rule.bucket_ms:
            end -= 1
        return run[:end], Cursor(Place(begin + rule.bucket_ms, ""))
    below = min(floor, cursor.below)
    has_left_bucket = below <= Place(rule.bucket_of(cursor.below.sort_time_ms), "")
    return run, Cursor(below, frozenset() if has_left_bucket else cursor.seen - _short(run))


def _behind(groups: Sequence[Group], whole: Sequence[Facts], cursor: Cursor, rule: Rule) -> Cursor:
    """Return the place of the last of groups, and what below it was shown with them or before."""
    below = place_of(groups[-1].members[0])
    shown = {facts.id[:SEEN_DIGITS] for group in groups for facts in group.members[1:] if place_of(facts) < below}
    if cursor.seen and rule.bucket_of(cursor.below.sort_time_ms) == rule.bucket_of(below.sort_time_ms):
        shown |= cursor.seen & _short(facts for facts in whole if place_of(facts) < below)
        # What isn't in the feed at the moment may come back, and what came in late may have moved it out of the run.
        elsewhere = sorted(cursor.seen - _short(whole))
        shown.update(elsewhere[: max(0, MOST_SEEN - len(shown))])
    return Cursor(below, frozenset(shown))


def _groups(facts: Sequence[Facts], newest: Numbers, held_by: Kinds, firsts: Numbers) -> list[Group]:
    order = newest.argsort(kind="stable")
    ordered = newest[order]
    begins, ends = ordered.searchsorted(firsts).tolist(), ordered.searchsorted(firsts, side="right").tolist()
    places, kinds = order.tolist(), held_by[firsts].tolist()
    return [
        Group([facts[at] for at in places[begin:end]], _kinds(bits)) for begin, end, bits in zip(begins, ends, kinds, strict=True)
    ]


@cache
def _kinds(bits: int) -> tuple[By, ...]:
    return tuple(kind for kind in By if bits >> kind & 1)


def _short(run: Iterable[Facts]) -> set[str]:
    return {facts.id[:SEEN_DIGITS] for facts in run}
