"""Reading ranked pages from an engine without a server, and the bare array operations beside it."""

import asyncio
import time
from collections.abc import Sequence
from typing import cast

import numpy as np
from aiokafka import AIOKafkaProducer

from bench.activities import BEGIN_MS, LogRecord
from bench.population import user_name
from bench.reads import PAGE, NoHistory, no_catching_up
from services.contracts.activity import Audience, Scope, Verb
from services.contracts.interactions import Interaction
from services.contracts.relation_codec import Marker, MarkerKind
from services.contracts.topics import MARKERS
from services.runtime.records import TopicPartition
from services.stream.feeds.engine import FeedEngine
from services.stream.feeds.intake import Intake
from services.stream.feeds.observed_counts import ObservedCounts
from services.stream.feeds.pages import PageAsk
from services.stream.feeds.places import TOP
from services.stream.feeds.positions import Positions
from services.stream.feeds.preference_changes import PreferenceChanges
from services.stream.feeds.preferences import Preferences
from services.stream.feeds.ranked_feed import RankedAsk, RankedFeed
from services.stream.feeds.ranking.ranked_reading import RankedReader
from services.stream.feeds.ranking.scoring import Scoring
from services.stream.feeds.ranking.snapshots import Snapshots
from services.stream.feeds.ranking.tally_columns import TallyColumns
from services.stream.feeds.reading import FeedReader
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.tallies import Tallies

#: Entries that each reader has saved, and the share of activities that somebody likes or comments on.
SAVED = 30
SHARE_WITH_COUNTS = 0.1
_HOUR_MS = 3_600_000
_NAMES = 5_000
_TARGETS = 8


class RankedReads:
    """First pages of twenty entries "for you" of an engine's readers, who have saved some entries: 800 candidates scored for each.

    Interest is at hand, as it is for half a minute after a read; a warming read sees to that.
    """

    def __init__(self, engine: FeedEngine, state: RelationState, readers: Sequence[int]) -> None:
        self._tallies, self._random = Tallies(), np.random.default_rng(12)
        for partition in state.owned:
            self._save_some(
                engine, state, [user for user in readers if state.partition_of(user_name(user)) == partition], partition
            )
        self._like_some(engine)
        reader = FeedReader(engine, state, NoHistory(), no_catching_up, time.monotonic)
        scoring = Scoring(engine, state, TallyColumns(self._tallies))
        # Of the bench's own time, in which everything is a few hours old.
        ranked = RankedReader(reader, engine, scoring, Snapshots(), lambda: BEGIN_MS + 5 * _HOUR_MS)
        preferences = Preferences()
        for partition in state.owned:
            preferences.adopt(partition, ())
        nobody = cast("AIOKafkaProducer", None)
        changes = PreferenceChanges(preferences, state.partition_of, Positions[TopicPartition](), nobody)
        self._feed = RankedFeed(ranked, changes, ObservedCounts(self._tallies, state))

    def microseconds(self, users: Sequence[int]) -> list[float]:
        """Read the first page of each of users, from the candidates to the answer's bytes; return what each read took."""
        return asyncio.run(self._read(users))

    async def _read(self, users: Sequence[int]) -> list[float]:
        took = []
        for user in users:
            ask = RankedAsk(PageAsk(user_name(user), employee=True, size=PAGE))
            begun = time.perf_counter()
            data = await self._feed.answer(ask)
            took.append((time.perf_counter() - begun) * 1e6)
            if len(data) < PAGE * 100:
                raise AssertionError(f"a page of {len(data)} bytes for user {user}")
        return took

    def _save_some(self, engine: FeedEngine, state: RelationState, users: Sequence[int], partition: int) -> None:
        intake = Intake(state, engine)
        for user in users:
            name = user_name(user)
            reader = engine.readers.get(name)
            slots = engine.slots_below(reader, TOP) if reader else np.zeros(0, np.int32)
            saved = self._random.choice(slots, min(SAVED, len(slots)), replace=False).tolist()
            markers = [Marker(name, MarkerKind.SAVED, engine.table.facts_at(slot).id) for slot in saved]
            intake.markers([LogRecord(MARKERS.name, partition, at, 0, marker.key, b"1") for at, marker in enumerate(markers)])

    def _like_some(self, engine: FeedEngine) -> None:
        everybody = Audience(Scope.PUBLIC)
        known = [facts.id for facts in engine.table.facts if facts is not None]
        for number, chosen in enumerate(
            self._random.choice(len(known), int(len(known) * SHARE_WITH_COUNTS), replace=False).tolist()
        ):
            for verb in (Verb.LIKE, Verb.COMMENT):
                self._tallies.put(Interaction(known[chosen], verb, f"{number:030x}{verb:02x}", "person:somebody", everybody))


class BareRankedReads:
    """The array operations alone, on random columns: gather, weigh, decay, sort, join; nothing decided, no cursor."""

    def __init__(self, rows: int, capacity: int, activities: int, body: bytes) -> None:
        random = np.random.default_rng(13)
        self._ring = np.empty((rows, capacity), np.int32)
        for row in self._ring:
            row[:] = random.integers(0, activities, capacity, np.int32)
        self._times = np.arange(activities, dtype=np.int64)
        self._targets = random.integers(0, _NAMES, (activities, _TARGETS), np.int32)
        self._weights = random.random(_NAMES)
        self._counts = random.random((3, activities))
        self._bodies = [body + str(number).encode() for number in range(activities)]

    def microseconds(self, rows: Sequence[int]) -> list[float]:
        """Put the twenty best of each row together; return what each read took."""
        took = []
        for row in rows:
            begun = time.perf_counter()
            slots = self._ring[row]
            interest = 1.0 + self._weights.take(self._targets.take(slots, axis=0)).sum(axis=1)
            likes, comments, shares = self._counts[:, slots]
            popularity = 1.0 + np.log1p(likes + 2.0 * comments + 3.0 * shares)
            decay = np.exp2(-(self._times[-1] - self._times.take(slots)) / (24.0 * _HOUR_MS))
            best = slots[np.argsort(-(interest * popularity * decay), kind="stable")[:PAGE]]
            b"".join([self._bodies[slot] for slot in best.tolist()])
            took.append((time.perf_counter() - begun) * 1e6)
        return took
