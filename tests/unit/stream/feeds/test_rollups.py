"""Grouping and paging of rolled-up feeds, compared with a naive reference. The faults of others that must not be ours have their names."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Activity, Entity, Object, Source, Verb
from services.contracts.matching import facts_of
from services.stream.feeds.places import TOP, Place, place_of
from services.stream.feeds.rollup_pages import SEEN_DIGITS, Cursor, Run, fold, is_cut
from services.stream.feeds.rollups import HOUR_MS, By, Rule, commons, grouped
from tests.unit.stream.feeds.rollup_reference import rolled_up

NAMES = {By.ACT: "act", By.THREAD: "thread", By.SOURCE: "source", By.STORY: "story"}
EVERY = frozenset(By)
IDS = [Source("rss", "test", str(number)).activity_id for number in range(30)]
some_ids = st.sampled_from(["", "", *IDS[:8]])
#: Few minutes of three hours: ties are common, and so are buckets of several activities.
times = st.builds(lambda hour, minute: hour * HOUR_MS + minute * 60_000, st.integers(0, 2), st.integers(0, 3))
changes = st.fixed_dictionaries(
    {
        "verb": st.sampled_from([Verb.POST, Verb.POST, Verb.COMMENT, Verb.SHARE]),
        "in_reply_to": some_ids,
        "object": st.builds(Object, activity_id=some_ids),
        "rollup_id": st.sampled_from(["", "", "r", "s"]),
        "cluster_id": st.sampled_from(["", "", "0" * 16, "1" * 16]),
    }
)
feeds = st.lists(st.tuples(changes, times), max_size=12).map(
    lambda drawn: {number: activity(number, time=time, **fields) for number, (fields, time) in enumerate(drawn)}
)
rules = st.builds(Rule, st.frozensets(st.sampled_from(By)), st.sampled_from([HOUR_MS, 6 * HOUR_MS]))


def activity(number, *, time, **fields):
    """An activity that is the same thing wherever it is drawn."""
    source = Source("rss", "test", str(number))
    return Activity(source, **({"verb": Verb.POST} | fields), sort_time_ms=time, actor=Entity("person:b")).with_id()


def times_of(facts):
    """Sort times as an array."""
    return np.array([each.sort_time_ms for each in facts], np.int64)


def newest_first(activities):
    """A feed."""
    return sorted(activities, key=lambda each: (each.sort_time_ms, each.id), reverse=True)


def expected(activities, rule):
    """The groups of the reference."""
    return rolled_up(newest_first(activities), [NAMES[kind] for kind in rule.by], rule.bucket_ms // HOUR_MS)


def page(activities, cursor, rule, size, *, at_a_time=100, most=100):
    """One page as a reader puts it together: runs of a few activities, longer ones where a bucket needs it."""
    groups, limit = [], at_a_time
    while cursor is not None and len(groups) < size:
        below = [facts for facts in map(facts_of, newest_first(activities)) if place_of(facts) < cursor.below]
        run = below[:limit]
        floor = place_of(run[-1]) if len(below) > limit else None
        if is_cut(run, floor, rule) and limit < most:
            limit = most
            continue
        folded = fold(Run(run, commons(run), times_of(run), floor), cursor, rule, size - len(groups))
        groups += folded.groups
        assert folded.after is None or folded.after.below < cursor.below, "a page comes nearer to the end"
        cursor, limit = folded.after, at_a_time
    return groups, cursor


def pages(activities, rule, size, **limits):
    """All groups, page by page, as ids."""
    groups, cursor = [], Cursor(TOP)
    while cursor is not None:
        found, cursor = page(activities, cursor, rule, size, **limits)
        assert len(found) == size or cursor is None, "a page is short only at the end"
        groups += found
    return ids_of(groups)


def ids_of(groups):
    """What is in groups."""
    return [[facts.id for facts in group.members] for group in groups]


@given(feeds, rules)
def test_a_feed_is_rolled_up_as_the_reference_says(feed, rule):
    """The same groups in the same order, each activity in one of them."""
    assert pages(feed.values(), rule, 100) == expected(feed.values(), rule)


@given(feeds, rules, st.integers(1, 4), st.integers(1, 5))
def test_pages_are_pieces_of_the_rolled_up_feed_however_it_is_read(feed, rule, size, at_a_time):
    """stream-js#235: pages count groups, and no group is torn by the end of a page or of an answer of history."""
    assert pages(feed.values(), rule, size, at_a_time=at_a_time) == expected(feed.values(), rule)


happenings = st.lists(st.tuples(st.sampled_from(["add", "edit", "delete"]), st.integers(0, 29), changes, times), max_size=5)


def happen(feed, happening):
    """Return a feed after something happened: new activities come anywhere, edits change what an activity belongs to."""
    what, number, fields, time = happening
    after = dict(feed)
    if what == "add" and number not in after:
        after[number] = activity(number, time=time, **fields)
    elif what == "edit" and number in after:
        after[number] = replace(after[number], **fields)
    elif what == "delete":
        after.pop(number, None)
    return after


runs = st.tuples(st.integers(1, 4), st.integers(0, 4)).map(lambda some: {"at_a_time": some[0], "most": sum(some)})


@given(feeds, rules, st.integers(1, 3), runs, st.lists(happenings, max_size=6))
def test_what_stays_in_the_feed_is_shown_once_whatever_happens_between_two_pages(feed, rule, size, run, between):
    """Stream-Framework#162: nothing is lost in aggregation, though members come, go and change groups; buckets may be cut, too."""
    shown, stayed, cursor = [], set(feed), Cursor(TOP)
    between = list(between)
    while cursor is not None:
        groups, cursor = page(feed.values(), cursor, rule, size, **run)
        shown += [facts.id for group in groups for facts in group.members]
        for happening in between.pop() if between else ():
            feed = happen(feed, happening)
            stayed &= set(feed)
    assert all(shown.count(IDS[number]) == 1 for number in stayed)


def test_a_group_that_was_shown_does_not_come_back_when_its_newest_goes():
    """Its older members were on the first page, so they are on no other."""
    feed = [activity(n, time=n * 1000, cluster_id=c * 16) for n, c in ((1, "a"), (2, "b"), (3, "a"), (4, "c"))]
    rule = Rule()
    groups, cursor = page(feed, Cursor(TOP), rule, 2)
    assert ids_of(groups) == [[feed[3].id], [feed[2].id, feed[0].id]]
    assert cursor == Cursor(Place(3000, feed[2].id), frozenset({feed[0].id[:SEEN_DIGITS]}))
    del feed[2]
    rest, cursor = page(feed, cursor, rule, 2)
    assert (ids_of(rest), cursor) == ([[feed[1].id]], None)


def test_a_group_is_not_lost_when_something_newer_joins_it_above_the_cursor():
    """What joined waits for the next first page; the members below the cursor come where they stand."""
    feed = [activity(n, time=n * 1000, cluster_id=c * 16) for n, c in ((1, "b"), (3, "a"))]
    _, cursor = page(feed, Cursor(TOP), Rule(), 1)
    feed.append(activity(9, time=9000, cluster_id="b" * 16))
    rest, _ = page(feed, cursor, Rule(), 1)
    assert ids_of(rest) == [[feed[0].id]]


def test_a_group_never_spans_two_buckets():
    """So older members can't come again on a later page, whatever their number."""
    feed = [activity(n, time=HOUR_MS + n * 1000, cluster_id="a" * 16) for n in (-2, -1, 0, 1)]
    assert pages(feed, Rule(bucket_ms=HOUR_MS), 1) == [[feed[3].id, feed[2].id], [feed[1].id, feed[0].id]]


def test_activities_are_joined_through_others():
    """An answer to a story belongs to whoever told the same story elsewhere."""
    told = [activity(n, time=n, cluster_id="a" * 16) for n in (1, 2)]
    answer = activity(3, time=3, verb=Verb.COMMENT, in_reply_to=told[0].id)
    facts = [facts_of(each) for each in newest_first([*told, answer])]
    had, times = commons(facts), times_of(facts)
    newest, held_by = grouped(had, times, Rule())
    assert newest.tolist() == [0, 0, 0]
    assert held_by[0] == 1 << By.THREAD | 1 << By.STORY
    apart, _ = grouped(had, times, Rule(frozenset({By.STORY})))
    assert apart.tolist() == [0, 1, 1]


def test_the_same_name_at_two_sources_is_not_one_rollup():
    """A source's own ids mean nothing elsewhere."""
    one = activity(1, time=1, rollup_id="r")
    other = replace(activity(2, time=2, rollup_id="r"), source=Source("rss", "elsewhere", "2"))
    assert pages([one, other], Rule(), 5) == [[other.id], [one.id]]
