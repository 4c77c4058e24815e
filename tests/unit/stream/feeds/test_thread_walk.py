"""A conversation is a view, too: nothing leaks, edits and deletes reach it, cursors are exact, however far the indexer lags.

A walk as in test_invariants, in which people mostly answer each other; conversations are compared with the naive reference.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from services.contracts.codec import activity_from_bytes
from services.stream.feeds.threads.asking import ThreadAsk, ThreadOrder
from tests.unit.stream.feeds import drawn
from tests.unit.stream.feeds.drawn import groups, sizes, users
from tests.unit.stream.feeds.happenings import Happenings, relatings, servings, some_happenings, writings
from tests.unit.stream.feeds.house import SMALL
from tests.unit.stream.feeds.people import USERS
from tests.unit.stream.feeds.small_steps import small_steps
from tests.unit.stream.feeds.test_invariants import ROOMY
from tests.unit.stream.feeds.thread_walk import ThreadHouse, lines
from tests.unit.stream.feeds.writing import WRITING

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
STEPS, LONGEST_WALK = (200_000, 80) if LONG else (3_000, 30)
WALKS_AT_ONCE = 100

answers = st.lists(
    st.tuples(st.just("comment"), st.fixed_dictionaries(dict(WRITING)["comment"] | {"which": st.integers(0, 9)})),
    min_size=1,
    max_size=5,
)
asks = st.fixed_dictionaries(
    {"user": users, "employee": st.booleans(), "size": sizes, "order": st.sampled_from(ThreadOrder)},
)
which = st.integers(0, 30)


class Threads(RuleBasedStateMachine, Happenings):
    """A walk through a house. steps: of all walks together."""

    house: ThreadHouse
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.begun = False

    @initialize(
        limits=st.sampled_from([SMALL, ROOMY]),
        members=st.lists(st.tuples(users, groups), max_size=3),
        written=writings,
        answered=answers,
        indexed=st.booleans(),
    )
    def begin(self, limits, members, written, answered, indexed):
        """Some of everything, so that few steps lead somewhere."""
        self.house = ThreadHouse(limits)
        self.begun = True
        for user, group in members:
            self.house.join(user, group)
        self.happen(written)
        self.happen(answered)
        if indexed:
            self.house.index_everything()

    @rule(answers=answers)
    def answer(self, answers):
        """Conversations go on."""
        self.happen(answers)

    @rule(happenings=st.one_of(writings, relatings, servings))
    def whatever(self, happenings):
        """What comes, what people do to each other, and what becomes of servers."""
        self.happen(happenings)

    @rule(which=which, about=which, actor=drawn.actors)
    def answer_something_else(self, which, about, actor):
        """An edit may move an activity to another conversation, or into a ring."""
        if self.house.ids and not (old := self.chosen(which)).deleted:
            self.house.edit(old, in_reply_to=self.chosen(about).id, text=self.text("moved"))

    @rule(ask=asks, which=which)
    def read(self, ask, which):
        """Page by page to the end."""
        if self.house.ids:
            self.house.check_thread(activity=self.chosen(which).id, **ask)

    @rule(ask=asks, which=which)
    def read_what_only_the_index_has(self, ask, which):
        if self.house.ids:
            self.house.index_everything()
            self.house.owner_of(ask["user"]).drop_bodies()
            self.house.check_thread(activity=self.chosen(which).id, **ask)

    @rule(
        ask=asks,
        which=which,
        question=st.sampled_from([1, 2, 2, 3, 3, 4, 5, 6]),
        bodies=st.booleans(),
        happenings=st.one_of(some_happenings, relatings, answers),
    )
    def read_while_things_happen(self, ask, which, question, bodies, happenings):
        """Whatever happens meanwhile: all that is shown is in the conversation when the answer comes; of one that stays none is missing."""
        house = self.house
        if not house.ids:
            return
        activity, asker = self.chosen(which).id, {"employee": ask["employee"]}
        owner = house.deliver_all(ask["user"])
        if not bodies:
            house.index_everything()
            owner.drop_bodies()
        before, generation = house.expected_thread(ask["user"], activity, **asker), owner.engine.generation

        def happening():
            self.happen(happenings)
            for user in USERS:
                house.deliver_all(user)

        try:
            page = house.thread_while(happening, question, ThreadAsk(ask["user"], ask["employee"], activity, ask["size"]))
        except KeyError:
            return
        after = house.expected_thread(ask["user"], activity, **asker)
        if house.owner_of(ask["user"]) is not owner or owner.engine.generation != generation:
            return
        if page is None:
            assert before is None or after is None, "what stays is found"
            return
        assert after is not None, "nothing is shown that is gone"
        assert {each[0] for each in lines(page)} <= {each[0] for each in after[1]}
        latest = house.latest
        assert all(activity_from_bytes(entry.body).text == latest[entry.id].text for _, entry in page.replies)
        if before == after:
            assert ([each and each.id for each in page.ancestors], lines(page)) == (after[0], after[1][: ask["size"]])

    @invariant()
    def count(self):
        Threads.steps += 1

    def teardown(self):
        if self.begun:
            self.house.close()


# Finding the shortest failing walk takes a while.
@pytest.mark.timeout(7_200 if LONG else 600)
def test_conversations_are_views_whatever_happens(monkeypatch, record_property):
    """Read == reference, over three thousand steps (two hundred thousand: make test-long)."""
    small_steps(monkeypatch)
    walks = settings(
        max_examples=WALKS_AT_ONCE,
        stateful_step_count=LONGEST_WALK,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    Threads.steps = before = 0
    while Threads.steps < STEPS:
        run_state_machine_as_test(Threads, settings=walks)
        assert Threads.steps > before, "a run walks"
        before = Threads.steps
    record_property("steps", Threads.steps)
