"""What users mark: single marks, places up to which all is marked, counts, and the feed of what is saved."""

import pytest

from services.contracts.marked_places import marked_place, place_digits, place_of_digits
from services.contracts.partitions import partition_of
from services.contracts.relation_codec import MarkerKind
from services.contracts.topics import MARKERS
from services.runtime.records import TopicPartition
from services.stream.feeds import counting
from services.stream.feeds.engine import EngineLimits
from tests.unit.stream.feeds.house import shown
from tests.unit.stream.feeds.people import PARTITIONS

USER = "person:a"
READ_UP_TO, SEEN_UP_TO = MarkerKind.HOME_READ_UP_TO, MarkerKind.HOME_SEEN_UP_TO


@pytest.fixture
def reading(house):
    """Somebody who follows somebody."""
    house.follow(USER, "person:b")
    return house


def markers(house):
    """Return the records of the marks of the user so far."""
    return house.relations.since(TopicPartition(MARKERS.name, partition_of(USER, PARTITIONS)), 0)


def post_many(house, count):
    """Write posts, the oldest first, and let the index and the worker follow."""
    posts = [house.post(time=time) for time in range(1, count + 1)]
    house.index_everything()
    house.deliver_all(USER)
    return posts


def test_counts_go_on_past_a_hundred(reading):
    """Counts ended at 100 (stream-js#266); here the index tells what the timeline, which is much shorter, doesn't know."""
    post_many(reading, 250)
    assert reading.counts(USER) == (250, 250, False)


@pytest.mark.parametrize("house", [EngineLimits(capacity=300, rows=3, body_bytes=100_000)], indirect=True)
def test_counts_ask_nobody_where_memory_has_everything(reading):
    post_many(reading, 150)
    assert reading.counts(USER) == (150, 150, False)
    questions = reading.history.questions
    assert reading.counts(USER) == (150, 150, False)
    assert reading.history.questions == questions


def test_what_would_take_too_long_to_count_is_said_to_be_more(reading, monkeypatch):
    """A count that ends before the feed does says so."""
    monkeypatch.setattr(counting, "MOST_COUNTED", 20)
    monkeypatch.setattr(counting, "_AT_ONCE", 10)
    post_many(reading, 60)
    counts = reading.counts(USER)
    assert counts.at_least
    assert 20 <= counts.unread < 60


def test_marking_all_is_one_record_and_counts_are_nothing(reading):
    """However much is unread."""
    posts = post_many(reading, 200)
    before = len(markers(reading))
    reading.mark_up_to(USER, READ_UP_TO, (posts[-1].sort_time_ms, posts[-1].id))
    assert len(markers(reading)) == before + 1
    assert reading.counts(USER) == (0, 0, False)
    reading.post(time=500)
    reading.deliver_all(USER)
    assert reading.counts(USER) == (1, 1, False)


def test_what_is_marked_as_unread_stays_so_below_the_place(reading):
    """Until it is read, or everything is marked once more."""
    posts = post_many(reading, 6)
    newest = posts[-1].sort_time_ms, posts[-1].id
    reading.mark_up_to(USER, READ_UP_TO, newest)
    reading.mark(USER, MarkerKind.READ, posts[0].id, present=False)
    reading.mark(USER, MarkerKind.READ, posts[4].id, present=False)
    assert reading.counts(USER) == (2, 2, False)
    reading.mark(USER, MarkerKind.READ, posts[4].id)
    assert reading.counts(USER) == (1, 1, False)
    reading.mark_up_to(USER, SEEN_UP_TO, newest)
    assert reading.counts(USER) == (0, 1, False)
    reading.mark_up_to(USER, READ_UP_TO, newest)
    assert reading.counts(USER) == (0, 0, False)
    reading.check(USER)


def test_a_lower_place_changes_nothing(reading):
    """A device that is behind takes nothing back, and writes nothing."""
    posts = post_many(reading, 4)
    reading.mark_up_to(USER, READ_UP_TO, (posts[3].sort_time_ms, posts[3].id))
    reading.mark(USER, MarkerKind.READ, posts[1].id, present=False)
    before = len(markers(reading))
    reading.mark_up_to(USER, READ_UP_TO, (posts[2].sort_time_ms, posts[2].id))
    assert len(markers(reading)) == before
    assert reading.counts(USER) == (1, 1, False)


def test_the_log_keeps_one_place_a_feed(reading):
    """A higher place takes the former one back, so that compaction leaves one."""
    posts = post_many(reading, 3)
    for post in posts:
        reading.mark_up_to(USER, READ_UP_TO, (post.sort_time_ms, post.id))
    last = {record.key: record for record in markers(reading)}
    assert sum(record.value is not None for record in last.values()) == 1


def test_of_one_millisecond_only_what_stands_below_is_marked(reading):
    posts = sorted((reading.post(time=5) for _ in range(4)), key=lambda post: post.id)
    reading.deliver_all(USER)
    reading.mark_up_to(USER, SEEN_UP_TO, (5, posts[1].id))
    assert reading.counts(USER) == (2, 4, False)


def test_places_are_kept_as_they_are():
    """Their digits have their order, and times beyond 48 bits are cut."""
    places = [marked_place(0, "0" * 32), marked_place(5, "a" * 32), marked_place(5, "f" * 32), marked_place(2**62, "0" * 32)]
    digits = [place_digits(place) for place in places]
    assert digits == sorted(digits)
    assert [place_of_digits(each) for each in digits] == places
    assert {len(each) for each in digits} == {32}


def test_what_is_saved_meanwhile_is_announced(reading):
    """It comes above the first page, and what is saved once more comes there, too."""
    posts = post_many(reading, 5)
    for post in posts[:4]:
        reading.mark(USER, MarkerKind.SAVED, post.id)
    first = reading.saved_page(USER, 2)
    assert [entry.id for entry in first.entries] == [posts[3].id, posts[2].id]
    reading.mark(USER, MarkerKind.SAVED, posts[4].id)
    reading.mark(USER, MarkerKind.SAVED, posts[0].id)
    second = reading.saved_page(USER, 2, first.below, first.top)
    assert [entry.id for entry in second.entries] == [posts[1].id]
    assert (second.newer, second.below) == (2, None)
    assert shown(reading.saved_page(USER)) == reading.expected_saved(USER)


def test_what_was_saved_stays_hers_until_she_may_not_read_it(reading):
    """Neither an unfollow nor a mute takes it away; a block, a narrower audience or a delete does."""
    post, closed, gone = (reading.post(time=time) for time in (1, 2, 3))
    for each in (post, closed, gone):
        reading.mark(USER, MarkerKind.SAVED, each.id)
    reading.follow(USER, "person:b", present=False)
    reading.mute(USER, "person:b")
    reading.deliver_all(USER)
    assert [entry.id for entry in reading.saved_page(USER).entries] == [gone.id, closed.id, post.id]
    reading.edit(closed, audience=type(closed.audience)())
    reading.delete(gone)
    reading.deliver_all(USER)
    assert [entry.id for entry in reading.saved_page(USER).entries] == [post.id]
    reading.block("person:b", USER)
    assert reading.saved_page(USER).entries == []
