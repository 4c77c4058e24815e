"""Likes and shares of what somebody sees, published by ingest's own rules and in force when the call returns."""

import asyncio
from dataclasses import replace

import pytest

from services.contracts.activity import Audience, Scope, Verb
from services.contracts.errors import NotFound, ServiceUnavailable
from services.contracts.principal import PermissionRefused, Principal
from services.ingest.acceptance import accept
from services.ingest.publish_rules import authored, groups_to_check
from services.stream.feeds import reactions as product
from services.stream.feeds.by_id import ActivitiesById
from services.stream.feeds.positions import Positions
from services.stream.feeds.reactions import ReactionKind, Reactions, narrowed

ANNA = Principal("a", employee=True)
USER = ANNA.user


class Ingest:
    """The publishing port: the rules of PublishService, then what refine makes of it, in a house; the worker hears of it a moment later."""

    def __init__(self, house):
        self.house = house
        self.caller = ANNA
        self.applied = Positions()
        self.away = self.silent = False
        self.published = []

    async def publish(self, activities, authorization):
        """See the port."""
        assert authorization == "Bearer hers"
        if self.away:
            raise ServiceUnavailable("away")
        for activity in activities:
            author = authored(activity, self.caller, native_id="none")
            assert set(groups_to_check(author, self.caller)) <= self.house.society.edges[self.caller.user].groups
            accepted = accept(author, now_ms=1_800_000_000_000)
            self.published.append(accepted.activity)
            before = self.house.latest.get(accepted.activity.id)
            if before is None or accepted.activity.version > before.version:
                self.house.append(replace(accepted.activity, sort_time_ms=9))
        asyncio.get_running_loop().call_soon(self.deliver)

    def deliver(self):
        """Let the broadcast tell of it."""
        if not self.silent:
            for worker in self.house.workers:
                worker.deliver_all()
            self.applied.set(0, len(self.published))


class Reacting:
    """A house and somebody who reacts."""

    def __init__(self, house):
        self.house = house
        self.ingest = Ingest(house)
        self.now_ms = 1_800_000_000_000
        worker = house.owner_of(USER)
        by_id = ActivitiesById(worker.engine, house.history)
        self.reactions = Reactions(worker.engine, worker.state, by_id, self.ingest, self.ingest.applied, now_ms=self.tick)

    def tick(self):
        self.now_ms += 1
        return self.now_ms

    def react(self, *posts, kind=ReactionKind.LIKE, caller=ANNA):
        self.ingest.caller = caller
        return self.house.run(self.reactions.react(caller, kind, [post.id for post in posts], "Bearer hers"))

    def unreact(self, *posts, kind=ReactionKind.LIKE):
        self.house.run(self.reactions.unreact(ANNA, kind, [post.id for post in posts], "Bearer hers"))

    def liked(self):
        """Return what the next page shows as liked."""
        page = self.house.page(USER)
        return [entry.id for entry in page.entries if entry.liked]


@pytest.fixture
def reacting(house):
    house.follow(USER, "person:b")
    return Reacting(house)


def test_a_like_shows_in_the_next_page_and_so_does_its_taking_back(reacting):
    """Nobody waits for anything but the call, and the index may lag as it likes."""
    posts = [reacting.house.post(time=time) for time in (1, 2)]
    reacting.house.deliver_all(USER)
    ids = reacting.react(posts[0], posts[1])
    assert ids == [activity.id for activity in reacting.ingest.published]
    assert reacting.liked() == [posts[1].id, posts[0].id]
    reacting.unreact(posts[1])
    assert reacting.liked() == [posts[0].id]
    reacting.react(posts[1])
    assert reacting.liked() == [posts[1].id, posts[0].id]
    reacting.house.check(USER)


def test_reacting_twice_is_reacting_once(reacting):
    """The same activity again; and what was never done may be taken back, twice."""
    post = reacting.house.post()
    reacting.house.deliver_all(USER)
    assert reacting.react(post, post) == reacting.react(post)
    reacting.unreact(post)
    reacting.unreact(post)
    assert reacting.liked() == []
    reacting.unreact(post, kind=ReactionKind.SHARE)


def test_what_is_reacted_to_long_after_comes_from_the_index(reacting):
    """The worker has forgotten it; the reader needs no feed that has it."""
    post = reacting.house.post("person:h")
    reacting.house.index_everything()
    reacting.house.restart(0)
    again = Reacting(reacting.house)
    assert len(again.react(post)) == 1
    assert again.ingest.published[0].object.activity_id == post.id


@pytest.mark.parametrize(
    "audience", [Audience(Scope.GROUP, groups=("group:g",)), Audience(Scope.DIRECT, recipients=("person:h",)), Audience()]
)
def test_what_is_not_hers_to_read_is_not_hers_to_react_to(reacting, audience):
    """It is as if it weren't there, and nothing of the batch is published."""
    open_post, closed = reacting.house.post(), reacting.house.post(audience=audience)
    reacting.house.deliver_all(USER)
    for posts in ((closed,), (open_post, closed)):
        with pytest.raises(NotFound):
            reacting.react(*posts)
    assert reacting.ingest.published == []


def test_what_is_deleted_or_blocked_or_unknown_is_not_there(reacting):
    gone, blocked = reacting.house.post(), reacting.house.post("person:h")
    reacting.house.delete(gone)
    reacting.house.block("person:h", USER)
    reacting.house.deliver_all(USER)
    for post in (gone, blocked, reacting.house.new("person:b")):
        with pytest.raises(NotFound):
            reacting.react(post)


def test_a_reaction_has_no_more_readers_than_its_object(reacting):
    """And none outside."""
    reacting.house.join(USER, "group:g")
    audiences = [
        (Audience(Scope.PUBLIC), Audience(Scope.INTERNAL)),
        (Audience(Scope.INTERNAL), Audience(Scope.INTERNAL)),
        (Audience(Scope.GROUP, groups=("group:g", "group:h")), Audience(Scope.GROUP, groups=("group:g",))),
        (Audience(Scope.DIRECT, recipients=(USER, "person:b")), Audience(Scope.DIRECT, recipients=(USER, "person:b"))),
    ]
    posts = [reacting.house.post(audience=audience) for audience, _ in audiences]
    reacting.house.deliver_all(USER)
    reacting.react(*posts, kind=ReactionKind.SHARE)
    assert [activity.audience for activity in reacting.ingest.published] == [audience for _, audience in audiences]
    assert {activity.verb for activity in reacting.ingest.published} == {Verb.SHARE}
    assert narrowed(Audience(), {"group:g"}) == Audience(Scope.DIRECT)


def test_a_share_is_in_the_feeds_of_those_who_follow_her(reacting):
    reacting.house.follow("person:h", USER)
    post = reacting.house.post(text="news")
    reacting.house.deliver_all(USER)
    (shared,) = reacting.react(post, kind=ReactionKind.SHARE)
    assert shared in {entry.id for entry in reacting.house.page("person:h").entries}
    reacting.unreact(post, kind=ReactionKind.SHARE)
    assert shared not in {entry.id for entry in reacting.house.page("person:h").entries}


def test_who_may_not_publish_may_not_react(reacting):
    """Ingest says so: the feeds show it the caller's own token."""
    post = reacting.house.post()
    reacting.house.deliver_all(USER)
    with pytest.raises(PermissionRefused):
        reacting.react(post, caller=Principal("a", employee=False))


def test_what_is_away_is_named(reacting, monkeypatch):
    """Ingest, the index, or the way back: the caller may repeat it."""
    post, old = reacting.house.post(), reacting.house.post("person:h")
    reacting.house.deliver_all(USER)
    reacting.ingest.away = True
    with pytest.raises(ServiceUnavailable):
        reacting.react(post)
    reacting.ingest.away = False
    reacting.ingest.silent = True
    monkeypatch.setattr(product, "_SECONDS", 0.01)
    with pytest.raises(ServiceUnavailable):
        reacting.react(post)
    reacting.house.history.away = True
    reacting.house.index_everything()
    reacting.house.restart(0)
    with pytest.raises(ServiceUnavailable):
        Reacting(reacting.house).react(old)
    reacting.house.history.away = False
