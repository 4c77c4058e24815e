"""Building timelines while callers come, give up and ask again."""

import asyncio

import pytest

from services.stream.feeds.backfill import Backfill
from services.stream.feeds.engine import EngineLimits, FeedEngine
from services.stream.feeds.history import HistoryAway
from services.stream.feeds.identities import Identities
from services.stream.feeds.regeneration import Regeneration
from services.stream.feeds.relation_state import RelationState
from tests.unit.stream.feeds.fake_history import FakeHistory

ANNA = "person:anna"


class Parts:
    """What regeneration needs, over an empty index."""

    def __init__(self):
        self.engine = FeedEngine(EngineLimits(capacity=10, rows=2, body_bytes=1000))
        self.history = FakeHistory([[]])
        state = RelationState(1, Identities())
        state.take_over(0)
        self.regeneration = Regeneration(self.engine, state, Backfill(self.engine, self.history, self._catch_up), lambda: 0.0)

    async def _catch_up(self, _refreshed):
        """Nothing is ever ahead here."""

    def ask(self):
        return asyncio.ensure_future(self.regeneration.reader(ANNA, employee=True))


@pytest.fixture
def parts():
    return Parts()


async def test_a_caller_who_gives_up_leaves_what_was_begun_to_the_next(parts):
    """Callers with little patience would otherwise ask a slow index again and again, and never get anything."""
    parts.history.hold_at(1)
    first = parts.ask()
    await asyncio.wait_for(parts.history.held.wait(), 5)
    first.cancel()
    await asyncio.wait({first})
    asked = parts.history.questions
    second = parts.ask()
    parts.history.release()
    reader = await asyncio.wait_for(second, 5)
    assert parts.engine.readers.get(ANNA) is reader
    assert parts.history.questions == asked


async def test_a_crowd_costs_one_building(parts):
    readers = await asyncio.wait_for(asyncio.gather(*(parts.ask() for _ in range(20))), 5)
    assert {id(reader) for reader in readers} == {id(parts.engine.readers.get(ANNA))}
    assert parts.history.questions == 2, "her likes and her entries"


async def test_who_is_evicted_at_the_moment_of_completion_is_built_again(parts):
    """Her row may be another's by the time that the caller goes on."""
    parts.history.hold_at(1)
    asking = parts.ask()
    await asyncio.wait_for(parts.history.held.wait(), 5)
    (building,) = parts.regeneration._building.values()
    building.add_done_callback(lambda _task: parts.engine.evict(ANNA))
    parts.history.release()
    reader = await asyncio.wait_for(asking, 5)
    assert parts.engine.readers.get(ANNA) is reader


async def test_a_failure_is_everybodys_and_the_next_begins_anew(parts):
    parts.history.away = True
    failed = await asyncio.gather(parts.ask(), parts.ask(), return_exceptions=True)
    assert [type(error) for error in failed] == [HistoryAway, HistoryAway]
    parts.history.away = False
    reader = await asyncio.wait_for(parts.ask(), 5)
    assert parts.engine.readers.get(ANNA) is reader
