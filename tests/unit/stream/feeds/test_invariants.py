"""Invariants 1, 2, 4 and 6 of the feeds: a feed is a view, nothing leaks, replays change nothing, cursors are exact.

A machine writes a log, lets the worker and the indexer follow at their own pace, and compares every feed, paged through,
with the naive reference and with a worker that starts anew.
"""

import asyncio
import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from services.contracts.activity import Activity, Audience, Entity, Object, Scope, Source, Verb
from services.contracts.codec import activity_from_bytes, activity_to_bytes
from services.contracts.facts_codec import facts_from_bytes
from services.contracts.partitions import partition_of
from services.contracts.relation_codec import Marker, MarkerKind
from services.contracts.relations import Relation, RelationKind
from services.stream.feeds.engine import EngineLimits, FeedEngine
from services.stream.feeds.intake import Intake
from services.stream.feeds.pages import PageAsk
from services.stream.feeds.places import TOP
from services.stream.feeds.reading import FeedReader
from services.stream.feeds.relation_state import RelationState
from tests.unit.stream.feeds.fake_history import FakeHistory
from tests.unit.stream.feeds.reference import Edges, feed
from tests.unit.stream.feeds.relation_records import inverse_record, marker_record, relation_record

PARTITIONS = 2
USERS = ["person:a", "person:b", "person:c"]
GROUPS = ["group:g", "group:h"]
TAGS = ["x", "y"]
FOLLOWABLE = [*USERS, *GROUPS, "tag:x", "tag:y", "channel:n"]

users = st.sampled_from(USERS)
groups = st.sampled_from(GROUPS)
tags = st.lists(st.sampled_from(TAGS), unique=True, max_size=2).map(tuple)
audiences = st.one_of(
    st.just(Audience(Scope.PUBLIC)),
    st.just(Audience(Scope.INTERNAL)),
    st.just(Audience()),
    st.builds(lambda group: Audience(Scope.GROUP, groups=(group,)), groups),
    st.builds(lambda user: Audience(Scope.DIRECT, recipients=(user,)), users),
)
# Few different times: ties are common, and so is what arrives late.
times = st.integers(0, 12)
# Counted from the latest; mostly the last few, so that several things happen to one activity.
places_in_log = st.one_of(st.integers(0, 3), st.integers(0, 3), st.integers(0, 1000))


class Worker:
    """The pure parts of a feeds worker, wired as the real one wires them. Starts broadcasting at what the indexer confessed."""

    def __init__(self, machine: "Feeds", limits: EngineLimits) -> None:
        self.machine = machine
        self.engine = FeedEngine(limits)
        self.state = RelationState(PARTITIONS)
        for partition in range(PARTITIONS):
            self.state.take_over(partition)
        self.intake = Intake(self.state, self.engine)
        self.positions = list(machine.history.confessed)
        self.progress()
        for user, edges in machine.edges.items():
            for kind, names in _by_kind(edges):
                for name in sorted(names):
                    self.relate(user, kind, name, present=True)
            for activity_id in sorted(edges.saved):
                self.mark(user, activity_id, present=True)
        self.now = 0.0
        self.reader = FeedReader(self.engine, self.state, machine.history, self.catch_up, self.clock, least_asked=2)

    def clock(self) -> float:
        self.now += 1
        return self.now

    def begin_anew(self) -> None:
        self.engine.reset()
        self.positions = list(self.machine.history.confessed)
        self.progress()

    def deliver(self, partition: int, end: int) -> None:
        log = self.machine.logs[partition]
        for offset in range(self.positions[partition], min(end, len(log))):
            # As the broadcast sees it: bytes, and what can be read from them.
            body = activity_to_bytes(log[offset])
            self.engine.arrive(partition, offset, facts_from_bytes(body), body)
            self.engine.deliver_all()
            self.engine.tidy_step()
            self.positions[partition] = offset + 1

    def deliver_all(self) -> None:
        for partition, log in enumerate(self.machine.logs):
            self.deliver(partition, len(log))

    async def catch_up(self, refreshed) -> None:
        for partition, offset in refreshed.items():
            self.deliver(partition, offset)

    def progress(self) -> None:
        self.engine.advance(dict(enumerate(self.machine.history.confessed)))

    def relate(self, user: str, kind: RelationKind, name: str, *, present: bool) -> None:
        relation = Relation(user, kind, name, 1)
        self.intake.relations([relation_record(relation, self.state.partition_of(user), gone=not present)])
        self.intake.inverse([inverse_record(relation, self.state.partition_of(name), gone=not present)])

    def mark(self, user: str, activity_id: str, *, present: bool) -> None:
        marker = Marker(user, MarkerKind.SAVED, activity_id, 1)
        self.intake.markers([marker_record(marker, self.state.partition_of(user), gone=not present)])


def _by_kind(edges: Edges):
    return [
        (RelationKind.FOLLOWS, edges.follows),
        (RelationKind.MEMBER_OF, edges.groups),
        (RelationKind.MUTES, edges.mutes),
    ]


class Feeds(RuleBasedStateMachine):
    """The log, the relations, the index and a worker."""

    limits = EngineLimits(capacity=5, rows=2, body_bytes=300)

    def __init__(self) -> None:
        super().__init__()
        self.logs: list[list[Activity]] = [[] for _ in range(PARTITIONS)]
        self.history = FakeHistory(self.logs)
        self.edges = {user: Edges() for user in USERS}
        self.ids: list[str] = []
        self.worker = Worker(self, self.limits)
        self.runner = asyncio.Runner()

    @initialize(
        edges=st.lists(st.tuples(users, st.sampled_from(FOLLOWABLE)), min_size=2, max_size=8),
        members=st.lists(st.tuples(users, groups), max_size=3),
        posts=st.lists(st.tuples(users, tags, audiences, times), max_size=8),
        indexed=st.booleans(),
        read=st.lists(st.tuples(users, st.booleans()), max_size=3),
    )
    def begin(self, edges, members, posts, indexed, read):
        """Some of everything, so that few steps lead somewhere."""
        for user, name in edges:
            self.follow(user, name, present=True)
        for user, name in members:
            self.belong(user, name, present=True)
        for actor, tag, audience, time in posts:
            fields = {"tags": tag, "audience": audience, "sort_time_ms": time, "text": "first"}
            self.append(self.new(verb=Verb.POST, actor=Entity(actor), **fields))
        self.worker.deliver_all()
        if indexed:
            self.index_everything(confess=True)
        for user, employee in read:
            self.read(user, employee=employee, size=3)

    # What is written to the log.

    def append(self, activity: Activity) -> None:
        self.logs[partition_of(activity.id, PARTITIONS)].append(activity)

    def latest(self) -> dict[str, Activity]:
        return {activity.id: activity for log in self.logs for activity in log}

    def choose(self, place: int) -> Activity:
        return self.latest()[self.ids[-1 - place % len(self.ids)]]

    def new(self, **fields) -> Activity:
        activity = Activity(Source("sluice", "test", str(len(self.ids)), fields.pop("channel", "")), **fields).with_id()
        self.ids.append(activity.id)
        return activity

    @rule(actor=users, tags=tags, audience=audiences, time=times, channel=st.sampled_from(["", "channel:n"]), data=st.data())
    def post(self, data, **drawn):
        actor, tags, audience, time, channel = (drawn[name] for name in ("actor", "tags", "audience", "time", "channel"))
        verb = data.draw(st.sampled_from([Verb.POST, Verb.POST, Verb.SHARE, Verb.JOIN]))
        target = data.draw(st.sampled_from([None, *map(Entity, GROUPS)]))
        text = f"v{len(self.ids)}"
        self.append(
            self.new(
                channel=channel,
                verb=verb,
                actor=Entity(actor),
                target=target,
                tags=tags,
                audience=audience,
                sort_time_ms=time,
                text=text,
            )
        )

    @rule(actor=users, tag=st.sampled_from(TAGS), first=times, down=st.booleans())
    def post_many(self, actor, tag, first, down):
        """An archive, oldest or newest first, larger than a timeline."""
        for number in range(8):
            time = first + (8 - number if down else number)
            post = {"verb": Verb.POST, "actor": Entity(actor), "tags": (tag,), "audience": Audience(Scope.PUBLIC)}
            self.append(self.new(sort_time_ms=time, text="many", **post))

    @precondition(lambda self: self.ids)
    @rule(
        which=places_in_log,
        tags=tags,
        audience=audiences,
        what=st.sampled_from(["tags", "audience", "text", "actor"]),
        actor=users,
    )
    def edit(self, which, tags, audience, what, actor):
        old = self.choose(which)
        if old.deleted:
            return
        changes = {"tags": tags, "audience": audience, "text": old.text + "e", "actor": Entity(actor)}
        self.append(replace(old, version=old.version + 1, **{what: changes[what]}))

    @precondition(lambda self: self.ids)
    @rule(which=places_in_log)
    def delete(self, which):
        self.append(self.choose(which).as_deleted(9))

    @rule(time=times)
    def delete_before_create(self, time):
        self.append(self.new(sort_time_ms=time).as_deleted(9))

    @precondition(lambda self: self.ids)
    @rule(which=places_in_log, actor=users, audience=audiences, time=times)
    def come_back(self, which, actor, audience, time):
        """The last record wins, also one that brings a deleted activity back under another time."""
        old = self.choose(which)
        if old.deleted:
            self.append(
                replace(old, deleted=False, verb=Verb.POST, actor=Entity(actor), audience=audience, sort_time_ms=time, text="b")
            )

    @precondition(lambda self: self.ids)
    @rule(which=places_in_log)
    def duplicate(self, which):
        self.append(self.choose(which))

    @precondition(lambda self: self.ids)
    @rule(which=places_in_log, actor=users, audience=audiences, time=times)
    def like(self, which, actor, audience, time):
        liked = Object(activity_id=self.choose(which).id)
        self.append(self.new(verb=Verb.LIKE, actor=Entity(actor), object=liked, audience=audience, sort_time_ms=time))

    @rule()
    def replay_everything(self):
        """The whole input twice, as one writer would write it again: the last state of each."""
        for activity in self.latest().values():
            self.append(activity)

    # What users do.

    @rule(user=users, name=st.sampled_from(FOLLOWABLE), present=st.booleans())
    def follow(self, user, name, present):
        self.relate(user, RelationKind.FOLLOWS, self.edges[user].follows, name, present=present)

    @rule(user=users, name=st.sampled_from(FOLLOWABLE), present=st.booleans())
    def mute(self, user, name, present):
        self.relate(user, RelationKind.MUTES, self.edges[user].mutes, name, present=present)

    @rule(user=users, name=groups, present=st.booleans())
    def belong(self, user, name, present):
        self.relate(user, RelationKind.MEMBER_OF, self.edges[user].groups, name, present=present)

    def relate(self, user, kind, names, name, *, present):
        (names.add if present else names.discard)(name)
        self.worker.relate(user, kind, name, present=present)

    @precondition(lambda self: self.ids)
    @rule(user=users, which=places_in_log, present=st.booleans())
    def save(self, user, which, present):
        activity_id = self.choose(which).id
        (self.edges[user].saved.add if present else self.edges[user].saved.discard)(activity_id)
        self.worker.mark(user, activity_id, present=present)

    # What the servers do.

    @rule(partition=st.integers(0, PARTITIONS - 1), records=st.integers(1, 6))
    def broadcast(self, partition, records):
        self.worker.deliver(partition, self.worker.positions[partition] + records)

    @rule(partition=st.integers(0, PARTITIONS - 1), records=st.integers(1, 20), confess=st.booleans())
    def index(self, partition, records, confess):
        self._index(partition, records, confess=confess)

    def _index(self, partition, records, *, confess):
        history = self.history
        history.indexed[partition] = min(history.indexed[partition] + records, len(self.logs[partition]))
        if confess:
            history.confessed[partition] = history.indexed[partition]
            self.worker.progress()

    @rule(confess=st.booleans())
    def index_everything(self, confess):
        for partition in range(PARTITIONS):
            self._index(partition, len(self.logs[partition]), confess=confess)

    @rule(partition=st.integers(0, PARTITIONS - 1), records=st.integers(1, 6))
    def index_goes_back(self, partition, records):
        """The index forgets its last moments and says so; the broadcast begins anew from there."""
        history = self.history
        history.indexed[partition] = max(0, min(history.indexed[partition], history.confessed[partition]) - records)
        history.confessed[partition] = history.indexed[partition]
        self.worker.begin_anew()

    @rule(user=users, employee=st.booleans())
    def read_while_the_broadcast_is_behind_the_index(self, user, employee):
        """History may tell what the broadcast has yet to bring; nobody else's timeline may suffer from that."""
        self.index_everything(confess=False)
        self.worker.engine.evict(user)
        self.page(user, 5, employee=employee)

    @rule()
    def sweep(self):
        self.worker.engine.sweep()

    @rule(user=users)
    def evict(self, user):
        self.worker.engine.evict(user)

    @rule()
    def restart(self):
        self.worker = Worker(self, self.limits)

    # What must hold.

    @rule(user=users, employee=st.booleans(), size=st.integers(1, 6))
    def read(self, user, employee, size):
        self.worker.deliver_all()
        assert self.page_through(user, size, employee=employee) == self.expected(user, employee)

    @rule(user=users, employee=st.booleans(), size=st.integers(1, 6))
    def read_what_only_the_index_has(self, user, employee, size):
        """A reader waits for the broadcast to come to where the index is, and then sees the same as ever."""
        self.index_everything(confess=True)
        self.worker.engine.evict(user)
        assert self.page_through(user, size, employee=employee) == self.expected(user, employee)

    @rule(user=users, employee=st.booleans(), size=st.integers(1, 6), data=st.data())
    def read_while_things_happen(self, user, employee, size, data):
        """Whatever arrives while history is asked, no entry is shown that isn't in the feed when the page is."""
        self.worker.deliver_all()
        if data.draw(st.booleans()):
            self.worker.engine.evict(user)
        happen = data.draw(st.sampled_from(["index", "index", "evict", "delete", "close", "leave", "follow"]))
        which, name = data.draw(places_in_log), data.draw(st.sampled_from(FOLLOWABLE))
        acts = {
            "index": lambda: self.index_everything(confess=True),
            "evict": lambda: self.worker.engine.evict(user),
            "delete": lambda: self.ids and self.append(self.choose(which).as_deleted(9)),
            "close": lambda: self.ids and self.append(replace(self.choose(which), audience=Audience())),
            "leave": lambda: self.relate(user, RelationKind.MEMBER_OF, self.edges[user].groups, GROUPS[which % 2], present=False),
            "follow": lambda: self.relate(user, RelationKind.FOLLOWS, self.edges[user].follows, name, present=True),
        }

        def meanwhile():
            acts[happen]()
            self.worker.deliver_all()

        self.history.happens_at = self.history.questions + data.draw(st.integers(1, 4))
        self.history.meanwhile = meanwhile
        page = self.page(user, size, employee=employee)
        self.history.meanwhile = None
        shown, expected = [_shown(entry) for entry in page.entries], self.expected(user, employee)
        assert set(shown) <= set(expected)
        if happen in ("index", "evict"):
            assert shown == expected[: len(shown)]
            assert len(shown) == min(size, len(expected))
        assert self.page_through(user, size, employee=employee) == expected

    @rule(user=users, employee=st.booleans(), size=st.integers(1, 6))
    def read_without_history(self, user, employee, size):
        """A page without history is the beginning of the feed, and one can go on when history is back."""
        self.worker.deliver_all()
        self.history.away = True
        page = self.page(user, size, employee=employee)
        self.history.away = False
        shown = [_shown(entry) for entry in page.entries]
        if page.below is not None:
            shown += self.page_through(user, size, page.below, page.top, employee=employee)
        assert shown == self.expected(user, employee)

    @rule(user=users, employee=st.booleans(), size=st.integers(1, 3), actor=users)
    def page_while_something_arrives_above(self, user, employee, size, actor):
        """What arrives above the cursor moves nothing below it, and is announced."""
        self.worker.deliver_all()
        before = self.expected(user, employee)
        first = self.page(user, size, employee=employee)
        if not first.entries or first.below is None:
            return
        above = first.top.sort_time_ms + 1
        post = self.new(verb=Verb.POST, actor=Entity(actor), audience=Audience(Scope.PUBLIC), sort_time_ms=above, text="n")
        self.append(post)
        self.worker.deliver_all()
        second = self.page(user, size, first.below, first.top, employee=employee)
        assert [_shown(entry) for entry in first.entries + second.entries] == before[: len(first.entries) + len(second.entries)]
        assert second.newer == sum(entry[0] == post.id for entry in self.expected(user, employee))

    def teardown(self):
        self.worker.deliver_all()
        for user in USERS:
            for employee in (False, True):
                assert self.page_through(user, 3, employee=employee) == self.expected(user, employee)
        self.worker = Worker(self, replace(self.limits, capacity=50, rows=3))
        self.worker.deliver_all()
        for user, employee in ((user, employee) for user in USERS for employee in (False, True)):
            assert self.page_through(user, 100, employee=employee) == self.expected(user, employee), "rebuilt equals live"
        self.runner.close()

    def expected(self, user, employee):
        return feed(list(self.latest().values()), user, self.edges[user], employee=employee)

    def page(self, user, size, below=TOP, top=None, *, employee):
        return self.runner.run(self.worker.reader.page(PageAsk(user, employee, size, below, top)))

    def page_through(self, user, size, below=TOP, top=None, *, employee):
        shown, pages = [], 0
        while below is not None:
            page = self.page(user, size, below, top, employee=employee)
            assert not page.partial
            assert len(page.entries) == size or page.below is None, "a page is short only at the end"
            shown += [_shown(entry) for entry in page.entries]
            below, top, pages = page.below, page.top, pages + 1
            assert pages < 200
        return shown


def _shown(entry):
    return (entry.id, entry.liked, entry.saved, activity_from_bytes(entry.body).text)


LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
Feeds.TestCase.settings = settings(
    max_examples=5000 if LONG else 300,
    stateful_step_count=100 if LONG else 30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestFeeds = Feeds.TestCase
# Finding the shortest failing walk takes a while.
TestFeeds.pytestmark = pytest.mark.timeout(7200 if LONG else 300)
