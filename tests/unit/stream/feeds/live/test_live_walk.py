"""Whatever happens, what a listener has put together equals the feed at the same offsets; from any of her cursors on, too."""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from services.contracts.activity import Audience, Scope
from services.contracts.relation_codec import MarkerKind
from services.stream.feeds.engine import EngineLimits
from services.stream.feeds.live import arrival_log
from services.stream.feeds.live.live_view import CursorTooOld
from tests.unit.stream.feeds.drawn import filters, followable, sizes, users
from tests.unit.stream.feeds.happenings import Happenings, done_by, relatings, servings, some_happenings, writings
from tests.unit.stream.feeds.house import House
from tests.unit.stream.feeds.live.listening import Listener
from tests.unit.stream.feeds.reading_rules import mostly
from tests.unit.stream.feeds.small_steps import small_steps

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
STEPS, LONGEST_WALK, WALKS_AT_ONCE = (100_000, 60, 200) if LONG else (3_000, 30, 100)
SMALL = EngineLimits(capacity=5, rows=2, body_bytes=300, arrivals=4)
ROOMY = EngineLimits(capacity=40, rows=3, body_bytes=2_000, arrivals=200)
_MOST_LISTENERS = 3
asks = st.fixed_dictionaries({"user": users, "employee": st.booleans(), "size": sizes, "asked": filters})


class LiveFeeds(RuleBasedStateMachine, Happenings):
    """A walk through a house with listeners."""

    steps = 0
    snapshots = resumed = 0

    def __init__(self) -> None:
        super().__init__()
        self.listeners: list[Listener] = []

    @initialize(
        limits=st.sampled_from([SMALL, ROOMY, ROOMY]),
        edges=st.lists(st.tuples(users, followable), min_size=2, max_size=6),
        written=writings,
        ask=asks,
    )
    def begin(self, limits, edges, written, ask):
        """Some of everything, and one who listens."""
        self.house = House(limits)
        for user, name in edges:
            self.house.follow(user, name)
        self.happen(written)
        self.come(ask)

    @rule(ask=asks)
    def come(self, ask):
        """Another one listens."""
        self.house.deliver_all(ask["user"])
        if len(self.listeners) < _MOST_LISTENERS:
            self.listeners.append(Listener(self.house, ask))
            self.listeners[-1].begin()

    @rule(happenings=st.one_of(writings, relatings, servings, some_happenings), hers=mostly, which=st.integers(0, 2))
    def happens(self, happenings, hers, which):
        """Things happen that listeners may hear of."""
        user = self.listeners[which % len(self.listeners)].ask.user
        self.happen(done_by(user, happenings) if hers else happenings)

    @rule(
        which=st.integers(0, 2),
        nth=st.integers(0, 3),
        what=st.sampled_from(["edit", "hide", "delete", "like", "save", "read", "seen", "sweep"]),
        then=st.sampled_from(["nothing", "hear", "compare", "compare"]),
    )
    def happens_to_what_she_has(self, which, nth, what, then):
        """Something happens to an entry that she has been told of."""
        listener = self.listeners[which % len(self.listeners)]
        if listener.entries:
            chosen = self.house.latest[listener.held()[nth % len(listener.entries)][0]]
            self.touch(listener.ask.user, chosen, what)
        if then == "hear" and listener.listens:
            listener.listen()
        elif then == "compare":
            self.compare()

    def touch(self, user, activity, what):
        """Let something happen to an activity."""
        house = self.house
        if what == "sweep":
            house.index_everything()
            house.owner_of(user).engine.evict(user)
            for worker in house.workers:
                worker.engine.sweep()
        elif activity.deleted:
            return
        elif what == "edit":
            house.edit(activity, text=f"{activity.text}!")
        elif what == "hide":
            house.edit(activity, audience=Audience(Scope.DIRECT, recipients=("person:nobody",)))
        elif what == "delete":
            house.delete(activity)
        elif what == "like":
            house.like(user, activity.id)
        else:
            house.mark(user, MarkerKind[{"save": "SAVED"}.get(what, what.upper())], activity.id)

    @rule(which=st.integers(0, 2))
    def hear(self, which):
        """She takes what there is, perhaps before her worker has everything."""
        listener = self.listeners[which % len(self.listeners)]
        if listener.listens:
            listener.listen()

    @rule(which=st.integers(0, 2), nth=st.integers(0, 3), late=st.booleans())
    def go_and_return(self, which, nth, late):
        """She goes away, perhaps before she heard the last, and comes back with some cursor, to whoever owns her then."""
        listener = self.listeners[which % len(self.listeners)]
        if late and listener.listens:
            listener.listen()
        self._go_on(listener, nth)

    @rule()
    @precondition(lambda self: self.listeners)
    def compare(self):
        """Everybody has what she should."""
        for listener in self.listeners:
            self.house.settle_relations()
            self.house.deliver_all(listener.ask.user)
            if not listener.listens:
                self._go_on(listener, 0)
            listener.listen()
            assert listener.held() == listener.expected()
            assert len(listener.watcher.held) == len(listener.entries)
            type(self).steps += 1

    def _go_on(self, listener, nth):
        self.house.deliver_all(listener.ask.user)
        before = listener.snapshots
        try:
            listener.go_on(nth)
        except CursorTooOld:
            listener.begin()
        else:
            type(self).resumed += listener.snapshots == before
        type(self).snapshots += listener.snapshots - before

    def teardown(self):
        if self.listeners:
            try:
                self.compare()
            finally:
                self.house.close()


@pytest.mark.timeout(7_200 if LONG else 600)
def test_live_feeds_equal_feeds_whatever_happens(monkeypatch, record_property):
    """Folded == reference, for every listener, also resumed at random cursors and at other workers."""
    small_steps(monkeypatch)
    monkeypatch.setattr(arrival_log, "_CHUNK", 3)
    walks = settings(
        max_examples=WALKS_AT_ONCE,
        stateful_step_count=LONGEST_WALK,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    LiveFeeds.steps = LiveFeeds.snapshots = LiveFeeds.resumed = before = 0
    while LiveFeeds.steps < STEPS:
        run_state_machine_as_test(LiveFeeds, settings=walks)
        assert LiveFeeds.steps > before, "a run walks"
        before = LiveFeeds.steps
    assert LiveFeeds.resumed > LiveFeeds.snapshots // 20, "cursors are good for something"
    record_property("steps", LiveFeeds.steps)
