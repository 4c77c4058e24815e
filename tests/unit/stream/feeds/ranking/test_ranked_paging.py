"""A ranked feed, paged through, against a naive reference: nothing twice, nothing left out, in the order of the scores."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contracts.activity import Object, Verb
from services.contracts.feed_filter import NO_FILTER, FeedFilter
from services.contracts.relation_codec import MarkerKind
from services.stream.feeds.engine import EngineLimits
from services.stream.feeds.ranking.invalid import RankingInvalid
from services.stream.feeds.ranking.ranked_reading import Below, InSnapshot, Wish
from services.stream.feeds.ranking.snapshots import SnapshotGone, Snapshots
from tests.unit.stream.feeds.house import SMALL, House
from tests.unit.stream.feeds.ranking.ranked_house import (
    HOUR_MS,
    Ranking,
    read,
    read_all,
    reference_feed,
    reference_score,
)
from tests.unit.stream.feeds.small_steps import small_steps

A = "person:a"
NOW_MS = 40 * HOUR_MS
ROOMY = EngineLimits(capacity=60, rows=3, body_bytes=100_000)

posts = st.lists(
    st.tuples(st.sampled_from(["person:b", "person:h"]), st.integers(0, 40), st.sets(st.sampled_from(["x", "y"]))), max_size=12
)
indexes = st.integers(0, 50)
reactions = st.lists(st.tuples(st.sampled_from(["like", "save", "read", "comment", "share"]), indexes), max_size=5)
counts = st.lists(st.tuples(st.sampled_from(["likes", "comments", "shares"]), indexes, st.integers(1, 9)), max_size=5)
happenings = st.lists(st.tuples(st.sampled_from(["post", "delete", "edit", "unfollow", "mute"]), indexes), max_size=3)


@pytest.fixture(scope="module", autouse=True)
def in_small_steps():
    """Houses without servers, see small_steps."""
    with pytest.MonkeyPatch.context() as patch:
        small_steps(patch)
        yield


def react(house, what, activity):
    """Let person:a react to something."""
    if what == "like":
        house.like(A, activity.id)
    elif what in {"save", "read"}:
        house.mark(A, MarkerKind.SAVED if what == "save" else MarkerKind.READ, activity.id)
    else:
        verb = Verb.COMMENT if what == "comment" else Verb.SHARE
        house.post(A, NOW_MS, verb=verb, object=Object(activity_id=activity.id))


def happen(house, what, index):
    """Let something happen that takes entries away or brings new ones."""
    activity = list(house.latest.values())[index % len(house.latest)]
    if what == "post":
        house.post("person:b", (index % 41) * HOUR_MS)
    elif what == "delete" and activity.verb is Verb.POST:
        house.delete(activity)
    elif what == "edit" and activity.verb is Verb.POST and not activity.deleted:
        house.edit(activity, text="edited")
    elif what == "unfollow":
        house.follow(A, "person:b", present=False)
    elif what == "mute":
        house.mute(A, "tag:x")


def played(house, posts, reactions):
    """Write posts and reactions; return them in the order of writing."""
    for name in ("person:b", "person:h", "tag:x"):
        house.follow(A, name)
    written = [house.post(actor, hours * HOUR_MS, tags=tuple(sorted(tags))) for actor, hours, tags in posts]
    for what, index in reactions if written else ():
        react(house, what, written[index % len(written)])
    house.deliver_all(A)
    return written


@settings(deadline=None, max_examples=150)
@given(posts, reactions, counts, happenings, st.integers(1, 5))
def test_pages_follow_the_order_of_the_first_one_whatever_happens(posts, reactions, counted, happenings, size):
    """The scores are the reference's. Later pages go on in the order taken at first with what is in the feed still, each once."""
    house = House(ROOMY)
    try:
        written = played(house, posts, reactions)
        ranking = Ranking(house.owner_of(A), NOW_MS)
        for what, index, count in counted if written else ():
            ranking.counted.of[what, written[index % len(written)].id] = count
        scores = {
            each: reference_score(house, A, house.latest[each], NOW_MS, ranking.counted.of)
            for each in reference_feed(house, A, employee=True, asked=NO_FILTER)
        }
        pages = [read(house, ranking, A, size=size)]
        first = pages[0]
        for what, index in happenings if written else ():
            happen(house, what, index)
        house.deliver_all(A)
        ranking.now_ms += HOUR_MS
        while pages[-1].after:
            pages.append(read(house, ranking, A, size=size, at=pages[-1].after))
            assert len(pages[-1].entries) == size or pages[-1].after is None
        shown = [entry.id for page in pages for entry in page.entries]
        given = [score for page in pages for score in page.scores]
        assert all(math.isclose(score, scores[each]) for each, score in zip(shown, given, strict=True))
        places = [(score, house.latest[each].sort_time_ms, each) for each, score in zip(shown, given, strict=True)]
        assert places == sorted(places, reverse=True)
        now = set(reference_feed(house, A, employee=True, asked=NO_FILTER)) & scores.keys()
        seen_first = {entry.id for entry in first.entries}
        assert len(shown) == len(set(shown))
        assert seen_first | set(shown) == seen_first | now
    finally:
        house.close()


@settings(deadline=None, max_examples=80)
@given(posts, reactions, st.integers(1, 5), st.booleans(), st.booleans())
def test_below_the_snapshot_the_feed_goes_on_newest_first(posts, reactions, size, employee, narrowed):
    """What doesn't fit a timeline comes from history, and all of it together is the feed."""
    house = House(SMALL)
    try:
        played(house, posts, reactions)
        house.index_everything()
        house.owner_of(A).engine.evict(A)
        ranking = Ranking(house.owner_of(A), NOW_MS)
        asked = FeedFilter(tags=("x",)) if narrowed else NO_FILTER
        entries, scores = read_all(house, ranking, A, size=size, employee=employee, asked=asked)
        ids = [entry.id for entry in entries]
        expected = reference_feed(house, A, employee=employee, asked=asked)
        ranked = len([score for score in scores if score is not None])
        assert sorted(ids) == sorted(expected)
        assert scores[ranked:] == [None] * (len(ids) - ranked)
        assert scores[:ranked] == sorted(scores[:ranked], reverse=True)
        assert set(ids[:ranked]) == set(expected[:ranked])
        assert ids[ranked:] == expected[ranked:]
    finally:
        house.close()


@pytest.fixture
def told(house):
    """A house in which person:a follows person:b, who wrote ten times."""
    house.limits = ROOMY
    house.restart(house.owners[house.owner_of(A).state.partition_of(A)])
    house.follow(A, "person:b")
    for time in range(10):
        house.post(time=time, text=str(time))
    house.index_everything()
    house.deliver_all(A)
    return house


def test_the_expression_decides(told):
    """Oldest first, by an expression that says so."""
    entries, scores = read_all(told, Ranking(told.owner_of(A), 10), A, wish=Wish("age_hours"))
    assert [entry.facts.sort_time_ms for entry in entries] == list(range(10))
    assert scores == sorted(scores, reverse=True)


def test_a_bad_expression_is_refused_and_a_constant_is_newest_first(told):
    ranking = Ranking(told.owner_of(A), 10)
    with pytest.raises(RankingInvalid):
        read(told, ranking, A, wish=Wish("age"))
    entries, _ = read_all(told, ranking, A, wish=Wish("1"))
    assert [entry.facts.sort_time_ms for entry in entries] == list(range(9, -1, -1))


def test_a_snapshot_that_is_gone_is_a_named_error(told):
    """So is that of somebody else: nobody goes on in an order that isn't hers."""
    ranking = Ranking(told.owner_of(A), 10, Snapshots(most=2))
    first = read(told, ranking, A)
    other = read(told, Ranking(told.owner_of(A), 10, ranking.snapshots), "person:a", size=1)
    assert isinstance(first.after, InSnapshot)
    read(told, ranking, A, at=first.after)
    read(told, ranking, A)
    with pytest.raises(SnapshotGone):
        read(told, ranking, A, at=other.after)
    with pytest.raises(SnapshotGone):
        ranking.snapshots.get("person:b", first.after.snapshot)


def test_snapshots_stay_within_their_bounds(told):
    """A reader has a few, all together have so many; those in use stay."""
    ranking = Ranking(told.owner_of(A), 10, Snapshots(most=5, most_a_reader=2))
    firsts = [read(told, ranking, A) for _ in range(4)]
    assert len(ranking.snapshots) == 2
    assert read(told, ranking, A, at=firsts[-1].after).entries
    with pytest.raises(SnapshotGone):
        read(told, ranking, A, at=firsts[0].after)


def test_arrivals_are_counted_and_left_to_the_next_first_page(told):
    """Ranked paging is stable: what comes is announced."""
    ranking = Ranking(told.owner_of(A), 10)
    first = read(told, ranking, A)
    told.post(time=50)
    told.post(time=51)
    told.deliver_all(A)
    second = read(told, ranking, A, at=first.after)
    assert (first.newer, second.newer) == (0, 2)
    assert not {entry.id for entry in second.entries} & {entry.id for entry in first.entries}
    assert max(entry.facts.sort_time_ms for entry in second.entries) < 10


def test_bodies_that_went_come_back_and_without_history_the_page_ends_early(told):
    """What can't be shown is not skipped."""
    ranking = Ranking(told.owner_of(A), 10)
    told.owner_of(A).drop_bodies()
    told.history.away = True
    first = read(told, ranking, A)
    assert (first.entries, first.partial) == ([], True)
    told.history.away = False
    rest, at = [], first.after
    while at:
        page = read(told, ranking, A, at=at)
        rest, at = rest + page.entries, page.after
    assert len({entry.id for entry in rest}) == len(rest) == 10


def test_a_page_goes_on_in_its_order_though_scores_have_turned_round(told):
    """stream-js#241: ranked feeds that page by offset only show entries twice, and others never, when the order changes in between."""
    ranking = Ranking(told.owner_of(A), 10)
    wish = Wish("likes - age_hours")
    first = read(told, ranking, A, wish=wish)
    for facts in reversed(ranking.snapshots.get(A, first.after.snapshot).facts):
        ranking.counted.of["likes", facts.id] = 100 + facts.sort_time_ms * -1
    told.post(time=50)
    told.deliver_all(A)
    ids, at = [entry.id for entry in first.entries], first.after
    while at:
        page = read(told, ranking, A, wish=wish, at=at)
        ids, at = ids + [entry.id for entry in page.entries], page.after
    assert ids == [facts.id for facts in ranking.snapshots.get(A, first.after.snapshot).facts]
    assert len(set(ids)) == 10
    turned = read(told, ranking, A, wish=wish, size=10).entries
    assert [entry.facts.sort_time_ms for entry in turned] == list(range(10))


def test_muted_words_hold(told):
    told.mute_word(A, "7")
    entries, _ = read_all(told, Ranking(told.owner_of(A), 10), A)
    assert [entry.facts.sort_time_ms for entry in entries] == [9, 8, 6, 5, 4, 3, 2, 1, 0]


def test_where_no_timeline_can_be_had_the_page_is_newest_first_and_partial(told):
    told.owner_of(A).engine.evict(A)
    told.history.away = True
    page = read(told, Ranking(told.owner_of(A), 10), A)
    assert page.partial
    assert page.after is None or isinstance(page.after, Below)
    told.history.away = False
