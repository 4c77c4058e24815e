"""What is on entries, told live: with every entry, when something comes or goes, and again to whoever resumes."""

import asyncio

import pytest
from sluice.feed.v1.counts_pb2 import Counts

from services.contracts.activity import Audience, Scope, Verb
from services.contracts.interactions import Interaction
from services.stream.feeds.feed_servicer import page_token
from services.stream.feeds.live.live_feeds import LiveFeeds, LiveLimits
from services.stream.feeds.live.live_view import LiveView
from services.stream.feeds.observed_counts import ObservedCounts
from services.stream.feeds.tallies import Tallies
from tests.unit.stream.feeds.live.test_live_feeds import ANNA, Play, run
from tests.unit.stream.feeds.small_steps import relations_in_memory


class Counting(Play):
    """The same with a log of interactions that tells the engine of each."""

    def open(self, limits=LiveLimits()):  # noqa: B008 - it is frozen
        worker = self.worker = self.house.owner_of(ANNA)
        self.tallies = Tallies()
        observed = ObservedCounts(self.tallies, worker.state)
        self.live = LiveFeeds(
            worker.engine,
            worker.state,
            LiveView(worker.engine, worker.state, worker.reader, self.house.history, worker.catch_up),
            trusted=self._trusted,
            token_of=page_token,
            limits=limits,
            clock=lambda: self.now,
            counts_of=lambda ids, ask: observed.of_activities(ids, ask.user, employee=ask.employee),
        )

    def like(self, post, actor, *, gone=False, scope=Scope.PUBLIC):
        number = sum(actor.encode())
        edge = Interaction(post.id, Verb.LIKE, f"{number:032x}", actor, Audience(scope))
        (self.tallies.remove if gone else self.tallies.put)(edge)
        self.worker.engine.counted({post.id})


@pytest.fixture
def play(monkeypatch):
    relations_in_memory(monkeypatch)
    play = Counting()
    play.house.follow(ANNA, "person:b")
    yield play
    play.house.close()


def told(stream):
    """Return what the reader has put together: entry → likes."""
    likes = {}
    for event in stream.events:
        kind = event.WhichOneof("event")
        if kind == "counted":
            assert event.counted.activity_id in likes
            likes[event.counted.activity_id] = event.counted.counts.likes
        elif kind != "removed_id":
            entry = getattr(event, kind)
            likes[entry.activity.id] = entry.counts.likes
    return likes


def test_likes_come_and_go_while_she_watches(play):
    """react-native-activity-feed#118: reactions are live, as counts of what she may read, without the body once more."""

    async def work():
        post = play.post("a post", time=1)
        play.like(post, "person:c")
        async with play.watching() as stream:
            assert told(stream) == {post.id: 1}
            play.like(post, "person:d")
            await stream.until(lambda _: told(stream) == {post.id: 2})
            play.like(post, "person:c", gone=True)
            play.like(post, "person:d", gone=True)
            await stream.until(lambda _: told(stream) == {post.id: 0})
            assert stream.events[-1].counted.counts == Counts()
            assert stream.texts("added") == ["a post"]

    run(play, work())


def test_an_entry_that_comes_says_what_is_on_it(play):
    async def work():
        async with play.watching() as stream:
            post = play.house.post("person:b", text="liked before it is here", time=1)
            play.like(post, "person:c")
            play.worker.deliver_all()
            await stream.until(lambda _: told(stream) == {post.id: 1})

    run(play, work())


def test_what_is_on_activities_outside_her_feed_is_not_told(play):
    async def work():
        shown, hidden = play.post("a post", time=1), play.house.post("person:e", text="nobody she follows", time=2)
        play.worker.deliver_all()
        async with play.watching() as stream:
            play.like(hidden, "person:c")
            play.like(shown, "person:c", scope=Scope.DIRECT)
            play.like(shown, "person:d")
            await stream.until(lambda _: told(stream) == {shown.id: 1})
            assert {event.counted.activity_id for event in stream.events if event.HasField("counted")} == {shown.id}

    run(play, work())


def test_whoever_resumes_is_told_what_has_come_and_gone_meanwhile(play):
    """A cursor doesn't say what was on the entries of its holder."""

    async def work():
        liked, disliked = play.post("one", time=1), play.post("two", time=2)
        play.like(disliked, "person:c")
        async with play.watching() as stream:
            before, cursor = told(stream), stream.cursor
        assert before == {liked.id: 0, disliked.id: 1}
        play.like(liked, "person:c")
        play.like(disliked, "person:c", gone=True)
        async with play.watching(cursor) as stream:
            assert not stream.messages[0].reset
            counted = {event.counted.activity_id: event.counted.counts.likes for event in stream.events}
            assert before | counted == {liked.id: 1, disliked.id: 0}

    run(play, work())


def test_many_likes_at_once_are_told_as_one(play):
    async def work():
        post = play.post("a post", time=1)
        async with play.watching() as stream:
            for number in range(50):
                play.like(post, f"person:{chr(200 + number)}")
            await stream.until(lambda _: told(stream) == {post.id: 50})
            await asyncio.sleep(0)
            assert len([event for event in stream.events if event.HasField("counted")]) == 1

    run(play, work())
