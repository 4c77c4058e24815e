"""A feed is a view, nothing leaks, replays change nothing, edits and deletes reach everywhere, cursors are exact.

These are the invariants 1, 2, 4, 5 and 6. A walk writes logs, lets workers and the indexer follow at their own pace, moves
partitions, lets old owners write late, and compares every feed, paged through, with the naive reference and with workers that
start anew.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test

from services.stream.feeds.engine import EngineLimits
from tests.unit.stream.feeds.drawn import followable, users
from tests.unit.stream.feeds.happenings import relatings, servings, writings
from tests.unit.stream.feeds.house import SMALL, House
from tests.unit.stream.feeds.marking_rules import MarkingRules
from tests.unit.stream.feeds.ranking.ranking_rules import RankingRules
from tests.unit.stream.feeds.reading_rules import ReadingRules
from tests.unit.stream.feeds.small_steps import small_steps

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
STEPS, LONGEST_WALK = (1_000_000, 100) if LONG else (10_000, 30)
# Hypothesis remembers all walks of a run, half a megabyte each.
WALKS_AT_ONCE = 200
#: Rows that are seldom full, of which there is one for everybody.
ROOMY = EngineLimits(capacity=40, rows=3, body_bytes=2_000)


class Feeds(ReadingRules, MarkingRules, RankingRules):
    """A walk through a house. steps: of all walks together."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.begun = False

    @initialize(
        limits=st.sampled_from([SMALL, ROOMY]),
        edges=st.lists(st.tuples(users, followable), min_size=2, max_size=6),
        related=relatings,
        written=writings,
        indexed=st.booleans(),
    )
    def begin(self, limits, edges, related, written, indexed):
        """Some of everything, so that few steps lead somewhere."""
        self.house = House(limits)
        self.begun = True
        for user, name in edges:
            self.house.follow(user, name)
        self.happen(related)
        self.happen(written)
        if indexed:
            self.house.index_everything()

    @rule(writings=writings)
    def write(self, writings):
        """What comes."""
        self.happen(writings)

    @rule(relatings=relatings)
    def relate(self, relatings):
        """What people do to each other."""
        self.happen(relatings)

    @rule(servings=servings)
    def serve(self, servings):
        """What becomes of servers."""
        self.happen(servings)

    @invariant()
    def bodies_are_counted(self):
        """The memory of a worker is what it says; asked after each step, so the steps are counted here, too."""
        Feeds.steps += 1
        for worker in self.house.workers:
            table = worker.engine.table
            assert table.body_bytes == sum(len(body) for body in table.bodies if body)

    def teardown(self):
        if self.begun:
            try:
                self.house.check_everything()
            finally:
                self.house.close()


# Finding the shortest failing walk takes a while.
@pytest.mark.timeout(14_400 if LONG else 900)
def test_feeds_are_views_whatever_happens(monkeypatch, record_property):
    """Live == rebuilt == reference, from the first page to the last, over ten thousand steps (a million: make test-long)."""
    small_steps(monkeypatch)
    walks = settings(
        max_examples=WALKS_AT_ONCE,
        stateful_step_count=LONGEST_WALK,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    Feeds.steps = before = 0
    while Feeds.steps < STEPS:
        run_state_machine_as_test(Feeds, settings=walks)
        assert Feeds.steps > before, "a run walks"
        before = Feeds.steps
    record_property("steps", Feeds.steps)
