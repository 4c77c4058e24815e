"""The parts of ranked feeds, put together."""

import time
from typing import NamedTuple

from services.stream.feeds.by_id import ActivitiesById
from services.stream.feeds.engine import FeedEngine
from services.stream.feeds.history import History
from services.stream.feeds.observed_counts import ObservedCounts
from services.stream.feeds.preference_changes import PreferenceChanges
from services.stream.feeds.ranked_feed import RankedFeed
from services.stream.feeds.ranking.explaining import Explaining
from services.stream.feeds.ranking.ranked_reading import RankedReader
from services.stream.feeds.ranking.scoring import Scoring
from services.stream.feeds.ranking.snapshots import Snapshots
from services.stream.feeds.ranking.tally_columns import TallyColumns
from services.stream.feeds.ranking_servicer import RankingServicer
from services.stream.feeds.reading import FeedReader
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.routing import Routing
from services.stream.feeds.tallies import Tallies


class RankingParts(NamedTuple):
    """What answers GetFeed by a ranking, and RankingService."""

    feed: RankedFeed
    servicer: RankingServicer


def build_ranking(
    reader: FeedReader,
    engine: FeedEngine,
    state: RelationState,
    history: History,
    preferences: PreferenceChanges,
    *,
    tallies: Tallies,
    observed: ObservedCounts,
    routing: Routing,
) -> RankingParts:
    """Put them together; both score by the same columns."""
    scoring = Scoring(engine, state, TallyColumns(tallies))
    ranked = RankedReader(reader, engine, scoring, Snapshots(), _now_ms)
    explaining = Explaining(reader, engine, scoring, ActivitiesById(engine, history), _now_ms)
    return RankingParts(
        RankedFeed(ranked, preferences, observed),
        RankingServicer(preferences, explaining, routing),
    )


def _now_ms() -> int:
    return int(time.time() * 1000)
