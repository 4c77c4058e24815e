"""What a live feed says when, and how it ends."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from sluice.feed.v1 import watch_pb2 as pb

from services.contracts.activity import Audience, Scope
from services.contracts.errors import ServiceUnavailable
from services.contracts.feed_filter import FeedFilter
from services.contracts.relations import Relation, RelationKind
from services.stream.feeds import deliveries
from services.stream.feeds.engine import EngineLimits
from services.stream.feeds.feed_servicer import page_token
from services.stream.feeds.live import live_view
from services.stream.feeds.live.live_cursor import CursorInvalid
from services.stream.feeds.live.live_feeds import ConsumerTooSlow, LiveFeeds, LiveLimits, TooManyWatchers
from services.stream.feeds.live.live_view import CursorTooOld, LiveView
from services.stream.feeds.pages import PageAsk
from services.stream.feeds.passing_on import OwnerAway
from tests.unit.stream.feeds.house import House, page_ask
from tests.unit.stream.feeds.people import PARTITIONS
from tests.unit.stream.feeds.small_steps import relations_in_memory

ANNA = "person:a"
_SECONDS = 5.0


class Stream:
    """A client's end: what was sent, and whether it is taken."""

    def __init__(self):
        self.messages = []
        self.sent = asyncio.Event()
        self.takes = asyncio.Event()
        self.takes.set()
        self.task = None

    async def send(self, data):
        self.messages.append(pb.WatchFeedResponse.FromString(data))
        self.sent.set()
        await self.takes.wait()

    async def until(self, condition):
        """Wait until something holds for the messages."""
        async with asyncio.timeout(_SECONDS):
            while not condition(self.messages):
                self.sent.clear()
                waiting = asyncio.ensure_future(self.sent.wait())
                await asyncio.wait({waiting, self.task}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if self.task.done() and not condition(self.messages):
                    self.task.result()
                    raise AssertionError(self.messages)

    @property
    def events(self):
        return [event for message in self.messages for event in message.events]

    def texts(self, kind):
        return [getattr(event, kind).activity.text for event in self.events if event.WhichOneof("event") == kind]

    @property
    def cursor(self):
        return [message.cursor for message in self.messages if message.cursor][-1]


class Play:
    """A house, and live feeds of the worker that owns anna. now: what the clock says."""

    def __init__(self, limits=LiveLimits(), arrivals=1000):  # noqa: B008 - it is frozen
        self.house = House(EngineLimits(capacity=40, rows=5, arrivals=arrivals))
        for partition in range(PARTITIONS):
            self.house.move(partition, 0)
        self.now = 0.0
        self.problem = None
        self.open(limits)

    def open(self, limits=LiveLimits()):  # noqa: B008 - as above
        self.worker = self.house.owner_of(ANNA)
        view = LiveView(self.worker.engine, self.worker.state, self.worker.reader, self.house.history, self.worker.catch_up)
        self.live = LiveFeeds(
            self.worker.engine,
            self.worker.state,
            view,
            trusted=self._trusted,
            token_of=page_token,
            limits=limits,
            clock=lambda: self.now,
        )

    def _trusted(self):
        if self.problem:
            raise ServiceUnavailable(self.problem)

    def post(self, text="", **fields):
        """Somebody whom anna follows writes, and the worker hears of it."""
        post = self.house.post("person:b", text=text, **fields)
        self.worker.deliver_all()
        return post

    @asynccontextmanager
    async def watching(self, cursor="", user=ANNA, size=10, seconds=float("inf"), asked=FeedFilter()):  # noqa: B008 - as above
        stream = Stream()
        ask: PageAsk = page_ask(user, size, asked=asked)
        stream.task = asyncio.ensure_future(self.live.serve(ask, cursor, stream.send, seconds=seconds))
        try:
            await stream.until(lambda messages: messages)
            yield stream
        finally:
            stream.task.cancel()
            await asyncio.wait({stream.task})


@pytest.fixture
def play(monkeypatch):
    relations_in_memory(monkeypatch)
    play = Play()
    play.house.follow(ANNA, "person:b")
    yield play
    play.house.close()


def run(play, work):
    play.house.run(asyncio.wait_for(work, 20))


def test_live_pushes_carry_the_body(play):
    """stream-js#207: what is pushed is the whole entry, as a page has it, not an id to ask for."""

    async def work():
        play.post("before", time=1)
        async with play.watching() as stream:
            assert stream.messages[0].reset
            post = play.post("while she watches", time=2)
            await stream.until(lambda messages: len(messages) == 2)
            assert stream.texts("added") == ["before", "while she watches"]
            pushed = stream.messages[1].events[0].added
            assert (pushed.activity.id, pushed.activity.actor.name) == (post.id, "person:b")
            assert pushed.HasField("viewer_state")

    run(play, work())


def test_nothing_is_dropped_or_reordered_where_replay_meets_live(play):
    """jetstream-legacy#42: what comes while she resumes is told once, after what she missed, in the order of the log."""

    async def work():
        play.post("0", time=0)
        async with play.watching() as stream:
            cursor = stream.cursor
        missed = [play.post(f"missed {n}", time=n) for n in range(1, 20)]
        reading, resuming = asyncio.Event(), asyncio.Event()
        page = play.worker.reader.page

        async def slow_page(ask):
            found = await page(ask)
            reading.set()
            await resuming.wait()
            return found

        play.worker.reader.page = slow_page
        stream = Stream()
        stream.task = asyncio.ensure_future(play.live.serve(page_ask(ANNA, 10), cursor, stream.send))
        await reading.wait()
        live = [play.post(f"live {n}", time=n) for n in range(20, 40)]
        resuming.set()
        await stream.until(lambda messages: messages)
        later = [play.post(f"later {n}", time=n) for n in range(40, 50)]
        await stream.until(lambda messages: len([1 for message in messages for _ in message.events]) == 49)
        assert not any(message.reset for message in stream.messages)
        order = [event.added.activity.id for event in stream.events]
        assert order == [post.id for post in (*missed, *live, *later)]
        stream.task.cancel()
        await asyncio.wait({stream.task})

    run(play, work())


def test_an_edit_and_a_delete_reach_her(play):
    async def work():
        post = play.post("first", time=1)
        async with play.watching() as stream:
            edited = play.house.edit(post, text="second")
            play.worker.deliver_all()
            await stream.until(lambda messages: len(messages) == 2)
            play.house.delete(edited)
            play.worker.deliver_all()
            await stream.until(lambda messages: len(messages) == 3)
            assert stream.texts("edited") == ["second"]
            assert stream.events[-1].removed_id == post.id

    run(play, work())


def test_a_reaction_is_live(play):
    """react-native-activity-feed#118: her own like shows at once in what she watches, and goes again."""

    async def work():
        post = play.post("liked", time=1)
        async with play.watching() as stream:
            like = play.house.like(ANNA, post.id)
            play.worker.deliver_all()
            await stream.until(lambda messages: len(messages) == 2)
            play.house.delete(like)
            play.worker.deliver_all()
            await stream.until(lambda messages: len(messages) == 3)
            assert [event.edited.viewer_state.liked for event in stream.events[1:]] == [True, False]

    run(play, work())


def test_a_snapshot_has_what_is_only_half_delivered(play, monkeypatch):
    """What goes to very many is written to timelines in slices; who comes in between would miss it for good."""
    monkeypatch.setattr(deliveries, "_SLICE", 1)
    play.house.follow("person:h", "person:b")
    for user in ("person:h", ANNA):
        play.house.page(user)

    async def work():
        play.house.post("person:b", text="to many")
        [partition] = [partition for partition, log in enumerate(play.worker.records) if log]
        play.worker.arrive(partition, 1)
        assert play.worker.engine.deliveries.unfinished
        async with play.watching() as stream:
            assert stream.texts("added") == ["to many"]

    run(play, work())


def test_nobody_else_hears_of_it(play):
    """What isn't in her feed sends nothing, not even that there was something."""

    async def work():
        async with play.watching(user="person:h") as stream:
            play.post("not for her", time=1)
            play.now += 100
            play.live.look()
            await stream.until(lambda messages: len(messages) == 2)
            assert not stream.events

    run(play, work())


def test_a_keep_alive_has_the_newest_cursor(play):
    """Who listens in silence can resume from now, not from when she last heard something."""

    async def work():
        async with play.watching(user="person:h") as stream:
            first = stream.cursor
            play.post("not for her", time=1)
            play.live.look()
            play.now += LiveLimits().keep_alive_s
            play.live.look()
            await stream.until(lambda messages: len(messages) == 2)
            assert stream.cursor != first

    run(play, work())


def test_a_filter_holds_for_what_is_pushed(play):
    async def work():
        async with play.watching(asked=FeedFilter(tags=("x",))) as stream:
            play.post("without", time=1)
            play.post("with", time=2, tags=("x",))
            await stream.until(lambda messages: len(messages) == 2)
            assert stream.texts("added") == ["with"]

    run(play, work())


def test_a_cursor_of_another_filter_or_user_is_refused(play):
    async def work():
        async with play.watching() as stream:
            for ask in (page_ask(ANNA, 10, asked=FeedFilter(tags=("x",))), page_ask("person:b", 10)):
                with pytest.raises(CursorInvalid):
                    await play.live.serve(ask, stream.cursor, stream.send)
            with pytest.raises(CursorInvalid):
                await play.live.serve(page_ask(ANNA, 10), "nonsense", stream.send)

    run(play, work())


def test_a_cursor_that_is_too_old_is_named(monkeypatch):
    """Never a silent gap: what isn't kept any more is an error of its own, with what to do."""
    relations_in_memory(monkeypatch)
    play = Play(arrivals=1)
    play.house.follow(ANNA, "person:b")

    async def work():
        async with play.watching() as stream:
            cursor = stream.cursor
        for time in range(3000):
            play.house.post("person:b", time)
        play.worker.deliver_all()
        with pytest.raises(CursorTooOld) as raised:
            await play.live.serve(page_ask(ANNA, 10), cursor, stream.send)
        assert (raised.value.status, raised.value.reason) == ("OUT_OF_RANGE", "CURSOR_TOO_OLD")
        assert raised.value.metadata["partition"] in {"0", "1"}

    run(play, work())
    play.house.close()


def test_a_consumer_that_is_too_slow_is_told(play):
    """Never a silent loss: her stream ends with an error, and her newest cursor is good for all that she missed."""
    play.open(LiveLimits(room=5))

    async def work():
        async with play.watching(size=50) as stream:
            cursor = stream.cursor
            stream.takes.clear()
            play.post("is being written", time=0)
            await stream.until(lambda messages: len(messages) == 2)
            for time in range(1, 8):
                play.post(str(time), time=time)
            with pytest.raises(ConsumerTooSlow) as raised:
                await asyncio.wait_for(stream.task, _SECONDS)
            assert raised.value.metadata == {"most_waiting": "5"}
            assert not play.worker.engine.watches.watches(ANNA)
        play.open()
        async with play.watching(cursor) as again:
            assert not again.messages[0].reset
            assert len(again.texts("added")) == 8

    run(play, work())


def test_a_burst_is_told_as_a_snapshot(play):
    """More than may wait, while nothing is on its way to her, isn't her fault."""
    play.open(LiveLimits(room=5))

    async def work():
        async with play.watching(size=50) as stream:
            for time in range(30):
                play.post(str(time), time=time)
            await stream.until(lambda messages: len(messages) == 2)
            assert stream.messages[1].reset
            assert len(stream.messages[1].events) == 30

    run(play, work())


def test_a_stream_goes_on_elsewhere_when_the_worker_shuts_down(play):
    """The last message says so, with a cursor for everything that was told; a new stream isn't opened."""

    async def work():
        async with play.watching() as stream:
            play.post("the last", time=1)
            play.live.drain()
            await asyncio.wait_for(stream.task, _SECONDS)
            assert stream.messages[-1].reconnect
            assert stream.texts("added") == ["the last"]
            with pytest.raises(OwnerAway):
                await play.live.serve(page_ask(ANNA, 10), "", stream.send)
        play.open()
        async with play.watching(stream.cursor) as again:
            assert again.messages[0].events == []

    run(play, work())


def test_a_stream_ends_when_the_user_moves(play):
    async def work():
        async with play.watching() as stream:
            play.worker.owned._forget({play.worker.state.partition_of(ANNA)})
            await asyncio.wait_for(stream.task, _SECONDS)
            assert stream.messages[-1].reconnect

    run(play, work())


def test_a_worker_that_is_behind_sends_nothing_more(play):
    """The gate is asked at the moment of sending."""

    async def work():
        async with play.watching() as stream:
            play.problem = "behind"
            play.post("what a leave may have closed", time=1)
            await asyncio.wait_for(stream.task, _SECONDS)
            assert stream.messages[-1].reconnect
            assert stream.events == []

    run(play, work())


def test_a_stream_ends_before_its_token(play):
    """What a token opened doesn't outlive it."""

    async def work():
        async with play.watching(seconds=60) as stream:
            play.now = 60
            play.live.look()
            await asyncio.wait_for(stream.task, _SECONDS)
            assert stream.messages[-1].reconnect

    run(play, work())


def test_live_feeds_have_limits(play):
    """Of one user and of the worker; who goes makes room."""
    play.open(LiveLimits(watchers=2, of_user=1))

    async def work():
        async with play.watching() as stream:
            with pytest.raises(TooManyWatchers) as raised:
                await play.live.serve(page_ask(ANNA, 10), "", stream.send)
            assert raised.value.metadata == {"most_of_user": "1"}
        async with play.watching():
            pass

    run(play, work())


def test_who_left_a_group_hears_no_more_of_it(play):
    """A leave is in force for what is pushed and for what is held: a snapshot without the group's entries."""
    play.house.join(ANNA, "group:g")
    inside = Audience(Scope.GROUP, groups=("group:g",))

    async def work():
        play.post("inside", time=1, audience=inside)
        async with play.watching() as stream:
            assert stream.texts("added") == ["inside"]
            leave_the_group(play)
            play.post("after", time=2, audience=inside)
            await stream.until(lambda messages: len(messages) == 2)
            assert stream.messages[1].reset
            assert stream.texts("added") == ["inside"]

    run(play, work())


def leave_the_group(play):
    """Let anna's leave be applied, as the intake does it, while the loop runs."""
    play.worker.state.remove_relation(play.worker.state.partition_of(ANNA), Relation(ANNA, RelationKind.MEMBER_OF, "group:g"))
    play.worker.engine.evict(ANNA)
    play.worker.engine.watches.related(ANNA)


def test_what_fits_into_no_message_comes_in_several(play, monkeypatch):
    """Only the first begins a snapshot, only the last has a cursor, and each is judged when it is sent."""
    monkeypatch.setattr(live_view, "MAX_ANSWER_BYTES", 1000)

    async def work():
        posts = [play.post(f"{time} " + "x" * 400, time=time) for time in range(6)]
        async with play.watching() as stream:
            await stream.until(lambda messages: messages[-1].cursor)
            assert len(stream.messages) > 1
            assert [message.reset for message in stream.messages] == [True] + [False] * (len(stream.messages) - 1)
            assert [bool(message.cursor) for message in stream.messages] == [False] * (len(stream.messages) - 1) + [True]
            assert [event.added.activity.id for event in stream.events] == [post.id for post in reversed(posts)]

    run(play, work())


def test_a_stretch_that_has_grown_long_is_told_anew(play, monkeypatch):
    """Who watches for weeks doesn't cost more and more: a snapshot brings what is watched back to its size."""
    monkeypatch.setattr(live_view, "MOST_HELD", 5)

    async def work():
        async with play.watching(size=3) as stream:
            for time in range(8):
                play.post(str(time), time=time)
                await stream.until(lambda messages, time=time: messages[-1].events[-1:] and str(time) in stream.texts("added"))
            assert [message.reset for message in stream.messages].count(True) == 2
            [watcher] = play.worker.engine.watches.of(ANNA)
            assert len(watcher.held) <= 5

    run(play, work())
