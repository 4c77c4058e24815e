"""What users of other systems reported about their feeds, and what holds here instead."""

import asyncio
import time

import numpy as np
import pytest

from services.contracts.activity import Activity, Audience, Entity, Scope, Source, Verb
from services.contracts.codec import activity_to_bytes
from services.contracts.topics import ACTIVITIES
from services.ingest.sources.activitystreams.identity import native_id_of
from services.runtime.records import TopicPartition
from services.stream.feeds.broadcast import Broadcast
from services.stream.feeds.engine import EngineLimits, FeedEngine
from services.stream.feeds.places import TOP
from services.stream.feeds.timelines import EVERYTHING
from tests.unit.stream.feeds.house import House
from tests.unit.stream.feeds.relation_records import FakeRecord
from tests.unit.stream.feeds.small_steps import relations_in_memory

FOLLOWERS = 1_000_000
SLICES = 16


@pytest.fixture
def full_size(monkeypatch):
    """A house with timelines as they are by default: 800 entries."""
    relations_in_memory(monkeypatch)
    house = House(EngineLimits(rows=3))
    yield house
    house.close()


def test_who_was_away_for_more_than_a_timeline_holds_finds_no_hole(house):
    """More than 400 unread posts, and the ones between could never be seen again: https://github.com/mastodon/mastodon/issues/20173."""
    house.follow("person:a", "person:b")
    house.post(time=0)
    assert house.texts() == ["0"]
    for number in range(1, 60):
        house.post(time=number)
        house.deliver_all("person:a")
        if number % 7 == 0:
            house.index(number % 2, 4, confess=True)
    assert house.texts() == [str(number) for number in range(59, -1, -1)]


def test_a_feed_goes_on_beyond_what_a_timeline_holds(full_size):
    """Scrolling ended at 400 posts, however many there were: https://github.com/mastodon/mastodon/issues/18908."""
    house = full_size
    house.follow("person:a", "person:b")
    for number in range(1_000):
        house.post(time=number)
    house.index_everything()
    assert len(house.texts(size=40)) == 1_000


@pytest.mark.parametrize("again", ["evict", "restart"])
def test_a_feed_that_is_rebuilt_is_not_empty_when_all_its_newest_candidates_are_hidden(house, again):
    """A hundred rows were fetched and every one was filtered out afterwards: https://github.com/mastodon/mastodon/issues/5398."""
    house.follow("person:a", "person:b")
    house.follow("person:a", "tag:x")
    house.mute("person:a", "tag:y")
    house.mute_word("person:a", "art")
    house.block("person:h", "person:a")
    for number in range(3):
        house.post(time=number)
    for number in range(3, 40, 3):
        house.post(time=number, tags=("y",))
        house.post(time=number + 1, text="art")
        house.post("person:h", time=number + 2, tags=("x",))
    assert house.texts() == ["2", "1", "0"]
    house.index_everything()
    if again == "evict":
        house.owner_of("person:a").engine.evict("person:a")
    else:
        house.restart(0)
    assert [entry.place.sort_time_ms for entry in house.page("person:a", 3).entries] == [2, 1, 0]
    assert house.texts(size=2) == ["2", "1", "0"]


def test_all_of_two_thousand_entries_are_readable(full_size):
    """Only the newest 500 could be read, whatever one asked for: https://github.com/GetStream/stream-js/issues/485."""
    house = full_size
    house.follow("person:a", "person:b")
    for number in range(2_000):
        house.post(time=number)
    house.index_everything()
    assert house.texts(size=200) == [str(number) for number in range(1_999, -1, -1)]


def test_what_a_full_timeline_gives_up_stays_in_the_feed(house):
    """What was trimmed from a feed was lost: https://github.com/tschellenbach/Stream-Framework/issues/137.

    It stays also while the index has none of it, and once the index has all.
    """
    house.follow("person:a", "person:b")
    assert house.texts() == []
    for number in range(30):
        house.post(time=number)
        house.deliver_all("person:a")
    engine = house.owner_of("person:a").engine
    assert engine.complete_from(engine.readers.get("person:a")) != EVERYTHING
    everything = [str(number) for number in range(29, -1, -1)]
    assert house.texts(size=4) == everything
    house.index_everything()
    engine.sweep()
    assert house.texts(size=4) == everything


def test_the_same_said_by_two_is_two_entries_each_in_its_authors_feeds(house):
    """An id made without the actor put one's post into another's feed: https://github.com/tschellenbach/Stream-Framework/issues/169."""
    acts = [{"type": "Share", "actor": f"https://a.example/{who}", "object": "https://a.example/1"} for who in ("a", "b")]
    house.follow("person:h", "person:b")
    for act, actor in zip(acts, ("person:a", "person:b"), strict=True):
        said = Activity(Source("activitystreams", "a.example", native_id_of(act)), verb=Verb.SHARE, actor=Entity(actor))
        shared = Activity(
            said.source, verb=said.verb, actor=said.actor, audience=Audience(Scope.PUBLIC), sort_time_ms=5, text=actor
        ).with_id()
        house.ids.append(shared.id)
        house.append(shared)
    assert len(house.latest) == 2
    assert house.texts("person:h") == ["person:b"]
    assert house.texts("person:a") == ["person:a"]
    assert house.texts("person:b") == ["person:b"]


def test_a_delete_reaches_every_feed_on_every_page(house):
    """It was gone from its author's feed and stayed in her followers': https://github.com/tschellenbach/Stream-Framework/issues/96."""
    for user in ("person:a", "person:h"):
        house.follow(user, "person:b")
    posts = [house.post(time=number) for number in range(12)]
    users = ("person:b", "person:a", "person:h")
    assert [len(house.texts(user, size=3)) for user in users] == [12, 12, 12]
    pages = [house.page(user, 4) for user in users]
    # One on the page that is shown, one in the timeline below it, one that only history has.
    for gone in (11, 7, 1):
        house.delete(posts[gone])
    left = [str(number) for number in range(11, -1, -1) if number not in (11, 7, 1)]
    for user, page in zip(users, pages, strict=True):
        house.deliver_all(user)
        rest = house.page_through(user, 4, page.below, page.top)
        assert [entry[-1] for entry in rest] == [text for text in left if int(text) < 8]
        assert house.texts(user) == left
    house.index_everything()
    house.restart(0)
    assert house.texts("person:a", size=3) == left


def test_a_muted_word_hides_only_itself(house):
    """Muting `and` hid what speaks of sand and candles: https://github.com/bluesky-social/social-app/issues/8668."""
    house.follow("person:a", "person:b")
    house.mute_word("person:a", "and")
    for number, text in enumerate(("sand", "a candle", "now and then", "AND!", "brandy", "husband")):
        house.post(time=number, text=text)
    house.post(time=9, text="tagged", tags=("and",))
    house.post(time=10, text="tagged otherwise", tags=("band",))
    assert house.texts() == ["tagged otherwise", "husband", "brandy", "a candle", "sand"]


class Crowd:
    """An engine whose first rows belong to a million followers of one, and a reader who follows somebody else."""

    def __init__(self) -> None:
        self.engine = FeedEngine(EngineLimits(capacity=4, rows=FOLLOWERS + 1))
        names = {"person:other", "person:quiet"}
        self.reader = self.engine.activate(
            "person:other", employee=True, candidates=[], floor=None, names=names, likes=[], now=0.0
        )
        self.rows = np.setdiff1d(np.arange(FOLLOWERS + 1, dtype=np.int32), [self.reader.row])
        followers = self.engine.followers
        for row in self.rows.tolist():
            followers.add(row, ("person:famous",))
        self.engine.timelines.complete_from[self.rows] = EVERYTHING

    def record(self, offset, actor):
        post = Activity(
            Source("sluice", "test", str(offset)), verb=Verb.POST, actor=Entity(actor), audience=Audience(Scope.PUBLIC)
        ).with_id()
        return FakeRecord(ACTIVITIES.name, 0, offset, 0, post.id.encode(), activity_to_bytes(post))

    def have(self):
        """Return how many of the million have an entry."""
        return sum(len(self.engine.timelines.slots_of(row)) == 1 for row in self.rows[:: FOLLOWERS // 1_000].tolist())


async def test_a_post_to_a_million_followers_keeps_nobody_waiting():
    """One post of somebody with 20,000 followers made the queue half an hour long: https://github.com/mastodon/mastodon/issues/17856.

    Between the slices others read, and have what came to them; in the end every follower has it.
    """
    crowd = Crowd()
    broadcast = Broadcast(None, crowd.engine, None, {})
    tp = TopicPartition(ACTIVITIES.name, 0)
    read_meanwhile = 0

    async def others_read():
        nonlocal read_meanwhile
        while not broadcast.positions.applied:
            entries = list(crowd.engine.timeline(crowd.reader, TOP))
            assert [entry.facts.actor for entry in entries] in ([], ["person:quiet"])
            read_meanwhile += len(entries)
            await asyncio.sleep(0)

    reading = asyncio.create_task(others_read())
    begin = time.process_time()
    await broadcast._follow(tp, [crowd.record(0, "person:famous"), crowd.record(1, "person:quiet")], 2)
    took = time.process_time() - begin
    await reading
    assert crowd.have() == len(crowd.rows[:: FOLLOWERS // 1_000])
    assert read_meanwhile >= SLICES - 1
    # It takes some 30 ms; a machine may be ten times as slow, and half an hour is far.
    assert took < 2
