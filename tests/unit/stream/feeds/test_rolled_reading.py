"""Rolled-up feeds equal the reference, from memory and from history, and each activity is shown once whatever happens between two pages."""

import os
from itertools import chain

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from services.contracts.feed_filter import FeedFilter
from services.contracts.relation_codec import MarkerKind
from services.stream.feeds import rolled_reading
from services.stream.feeds.engine import EngineLimits
from services.stream.feeds.places import TOP
from services.stream.feeds.rollup_pages import Cursor
from tests.unit.stream.feeds.drawn import followable, users
from tests.unit.stream.feeds.happenings import relatings
from tests.unit.stream.feeds.house import SMALL, House
from tests.unit.stream.feeds.rolling_rules import Rolling, anything, asks, filters, members, rules, tellings
from tests.unit.stream.feeds.small_steps import small_steps

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
ROOMY = EngineLimits(capacity=40, rows=3, body_bytes=2_000)


class RolledFeeds(RuleBasedStateMachine, Rolling):
    """A walk through a house."""

    def __init__(self) -> None:
        super().__init__()
        self.house = None

    @initialize(
        limits=st.sampled_from([SMALL, ROOMY]),
        edges=st.lists(st.tuples(users, followable), min_size=3, max_size=8),
        told=tellings,
        indexed=st.booleans(),
    )
    def begin(self, limits, edges, told, indexed):
        self.house = House(limits)
        for user, name in edges:
            self.house.follow(user, name)
        self.happen(told)
        if indexed:
            self.house.index_everything()

    def teardown(self):
        if self.house is not None:
            self.house.close()

    @rule(happenings=anything)
    def something_happens(self, happenings):
        self.happen(happenings)

    @rule(related=relatings)
    def people_relate(self, related):
        self.happen(related)

    @rule(ask=asks, asked=filters, rule=rules)
    def read(self, ask, asked, rule):
        """From the first page to the last, filters included."""
        self.check_rolled(ask | {"asked": asked}, rule)

    @rule(ask=asks, asked=filters, rule=rules)
    def read_what_only_the_index_has(self, ask, asked, rule):
        """The same from history, with the same cursors."""
        self.house.index_everything()
        owner = self.house.owner_of(ask["user"])
        owner.follow_identities()
        owner.engine.evict(ask["user"])
        owner.drop_bodies()
        self.check_rolled(ask | {"asked": asked}, rule)

    @rule(ask=asks, asked=filters, rule=rules, happenings=st.lists(anything, max_size=4), forgets=st.booleans())
    def read_on_while_things_happen(self, ask, asked, rule, happenings, forgets):
        """What is in the feed from the first page to the last, at its place, is in exactly one group of one page."""
        ask |= {"asked": asked}
        self.house.deliver_all(ask["user"])
        page = self.rolled_page(ask, rule, Cursor(TOP))
        seen, stayed = [name for each in page.entries for name in members(each)], self.places(ask)
        while page.after is not None:
            if happenings:
                self.happen(happenings.pop())
                self.house.deliver_all(ask["user"])
                stayed &= self.places(ask)
            if forgets:
                self.house.index_everything()
                self.house.owner_of(ask["user"]).engine.evict(ask["user"])
            page = self.rolled_page(ask, rule, page.after, page.top)
            assert not page.partial
            shown = [name for each in page.entries for name in members(each)]
            assert {*shown} <= {name for name, _ in self.places(ask)}
            seen += shown
        assert all(seen.count(name) == 1 for name, _ in stayed)

    def places(self, ask):
        """What is in a feed, and where."""
        return {(each.id, each.sort_time_ms) for each in self.feed(ask)}

    @rule(ask=asks, rule=rules)
    def read_and_mark_page_by_page(self, ask, rule):
        """Who asks for unread entries and marks all that she was shown misses nothing and is shown nothing twice."""
        ask |= {"asked": FeedFilter(unread_only=True)}
        self.house.deliver_all(ask["user"])
        before, shown, cursor, top = self.expected_groups(ask, rule), [], Cursor(TOP), None
        while cursor is not None:
            page = self.rolled_page(ask, rule, cursor, top)
            shown += [members(each) for each in page.entries]
            for name in (name for each in page.entries for name in members(each)):
                self.house.mark(ask["user"], MarkerKind.READ, name)
            cursor, top = page.after, page.top
        self.compare(shown, before)

    @rule(ask=asks, asked=filters, rule=rules)
    def read_without_history(self, ask, asked, rule):
        """A page without history tells what is known, and one can go on when history is back: nothing is lost, nothing twice."""
        ask |= {"asked": asked}
        self.house.deliver_all(ask["user"])
        self.house.history.away = True
        page = self.rolled_page(ask, rule, Cursor(TOP))
        self.house.history.away = False
        shown = [name for each in page.entries for name in members(each)]
        while page.after is not None:
            page = self.rolled_page(ask, rule, page.after, page.top)
            shown += [name for each in page.entries for name in members(each)]
        assert sorted(shown) == sorted(each.id for each in self.feed(ask))


def walk(machine=RolledFeeds):
    """Take many."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=2000 if LONG else 120,
            stateful_step_count=30,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(3600 if LONG else 600)
def test_rolled_up_feeds_are_views_whatever_happens(monkeypatch):
    """Groups, order, filters, unread counts and cursors are the reference's, from memory and history alike."""
    small_steps(monkeypatch)
    walk()


class ShortRuns(RolledFeeds):
    """A walk in which few activities are grouped at a time: buckets are cut."""

    def compare(self, shown, expected):
        """Where buckets are cut groups are smaller, but nothing is lost and nothing comes twice."""
        assert sorted(chain(*shown)) == sorted(chain(*expected))


@pytest.mark.timeout(3600 if LONG else 600)
def test_buckets_larger_than_a_run_lose_nothing(monkeypatch):
    """stream-js#235: pages of groups are exact where a bucket has more than what is grouped at a time, too."""
    small_steps(monkeypatch)
    monkeypatch.setattr(rolled_reading, "RUN", 5)
    monkeypatch.setattr(rolled_reading, "_FOR_ONE", 1)
    monkeypatch.setattr(rolled_reading, "_ENOUGH", 3)
    walk(ShortRuns)
