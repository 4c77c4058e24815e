"""People who write, read and change their relations all the time, through any worker; everything is noted for the oracle."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

import grpc
from aiokafka import AIOKafkaProducer
from sluice.feed.v1 import feed_service_pb2, relation_service_pb2
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceStub
from sluice.feed.v1.relation_service_pb2_grpc import RelationServiceStub

from services.contracts.activity import Activity, Audience, Entity, Scope, Source, Verb
from services.contracts.codec import activity_to_bytes
from services.contracts.partitions import partition_of
from services.contracts.relations import RelationKind
from services.contracts.topics import ACTIVITIES
from services.runtime.confirmed_sends import send_confirmed
from services.runtime.records import Outgoing
from tests.cluster.members import Cluster, Member
from tests.cluster.oracle import Past, Read, Version

USERS = [f"person:u{number}" for number in range(48)]
GROUPS = [f"group:g{number}" for number in range(5)]
TAGS = [f"t{number}" for number in range(5)]
OBJECTS = {
    RelationKind.FOLLOWS: [*USERS, *GROUPS, *[f"tag:{tag}" for tag in TAGS]],
    RelationKind.MEMBER_OF: GROUPS,
    RelationKind.MUTES: [*USERS, *[f"tag:{tag}" for tag in TAGS]],
    RelationKind.BLOCKS: USERS,
}
METHODS = {
    RelationKind.FOLLOWS: ("Unfollow", "Follow"),
    RelationKind.MEMBER_OF: ("Leave", "Join"),
    RelationKind.MUTES: ("Unmute", "Mute"),
    RelationKind.BLOCKS: ("Unblock", "Block"),
}
PAGE = 20
CALL_S = 3.0
#: What a caller may be told while partitions move. UNKNOWN is what gRPC says of a connection that ended under a call.
AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})
_QUICK = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
)


@dataclass(slots=True)
class Refusal:
    """A call that got no answer."""

    user: str
    at: float
    code: str
    by: str


@dataclass(slots=True)
class Load:
    """rate: activities a second. readers, changers: callers at a time. workers: returns whom they call."""

    cluster: Cluster
    producer: AIOKafkaProducer
    workers: Callable[[], Sequence[Member]]
    stale_s: float = 5.0
    rate: float = 20.0
    chance: Random = field(default_factory=lambda: Random(7))
    reads: list[Read] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    past: Past = field(init=False)
    count: int = 0
    _channels: dict[str, grpc.aio.Channel] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.past = Past(self.stale_s)
        self._tokens = {user: self.cluster.token(user.removeprefix("person:")) for user in USERS}
        self._tokens["root"] = self.cluster.token("root", roles=("admin",))

    def start(self, *, readers: int = 6, changers: int = 4) -> None:
        """Begin."""
        run = asyncio.ensure_future
        self._tasks = [run(self._publish()), *[run(self._read()) for _ in range(readers)]]
        self._tasks += [run(self._change(USERS[number::changers])) for number in range(changers)]

    async def stop(self) -> None:
        """End everything; changes that are under way come to their end. Raises what a caller raised."""
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Stop at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for channel in self._channels.values():
            await channel.close()

    # Writing

    async def _publish(self) -> None:
        begun, number = time.monotonic(), 0
        while not self._stop.is_set():
            await self.write(self._edited() if self.count > 20 and self.chance.random() < 0.2 else self.new())
            number += 1
            await asyncio.sleep(max(0.0, begun + number / self.rate - time.monotonic()))

    async def write(self, activity: Activity) -> None:
        """Put a state of an activity into its topic, as refine would."""
        sent = time.monotonic()
        partition = partition_of(activity.id, self.cluster.partitions)
        record = Outgoing(ACTIVITIES.name, activity.id.encode(), activity_to_bytes(activity), partition=partition)
        # Noted before it is there: somebody may read it at once.
        self.past.wrote(version := Version(activity, sent, float("inf")))
        await send_confirmed(self.producer, [record])
        versions = self.past.versions[activity.id]
        versions[versions.index(version)] = replace(version, kept=time.monotonic())

    def new(self) -> Activity:
        """Return a post by somebody; one in twenty is an hour late."""
        self.count += 1
        chance = self.chance
        late = 3_600_000 if chance.random() < 0.05 else 0
        return Activity(
            Source("sluice", "cluster", str(self.count)),
            verb=Verb.POST,
            actor=Entity(chance.choice(USERS)),
            text=f"post {self.count}",
            tags=tuple(chance.sample(TAGS, chance.randint(0, 2))),
            audience=self._audience(),
            sort_time_ms=int(time.time() * 1000) - late,
        ).with_id()

    def _audience(self) -> Audience:
        draw = self.chance.random()
        if draw < 0.3:
            return Audience(Scope.PUBLIC)
        if draw < 0.6:
            return Audience(Scope.INTERNAL)
        if draw < 0.9:
            return Audience(Scope.GROUP, groups=(self.chance.choice(GROUPS),))
        return Audience(Scope.DIRECT, recipients=(self.chance.choice(USERS),))

    def _edited(self) -> Activity:
        """Return a later state of a recent activity: another text, other tags, other readers, or none."""
        chance = self.chance
        recent = list(self.past.versions.values())[-100:]
        now = chance.choice(recent)[-1].activity
        if now.deleted:
            return self.new()
        text, version = f"{now.text}+", now.version + 1
        draw = chance.random()
        if draw < 0.3:
            return now.as_deleted(version)
        if draw < 0.6:
            return replace(now, version=version, text=text, audience=self._audience())
        return replace(now, version=version, text=text, tags=tuple(chance.sample(TAGS, chance.randint(0, 2))))

    # Reading

    async def _read(self) -> None:
        while not self._stop.is_set():
            await self.read(self.chance.choice(USERS))
            await asyncio.sleep(0.1)

    async def read(self, user: str, by: Member | None = None, seconds: float = CALL_S) -> Read | None:
        """Get a first page, through any worker; None when that wasn't possible. What was got is noted."""
        member = by or self.chance.choice(self.workers())
        began = time.monotonic()
        try:
            page = await self.page(user, member, seconds=seconds)
        except grpc.aio.AioRpcError as error:
            self._refused(user, member, error)
            return None
        shown = [(entry.activity.id, entry.activity.text) for entry in page.entries]
        read = Read(user, began, time.monotonic(), shown, bool(page.next_page_token), page.partial, member.name)
        self.reads.append(read)
        return read

    async def page(
        self, user: str, member: Member, token: str = "", size: int = PAGE, seconds: float = CALL_S
    ) -> feed_service_pb2.GetFeedResponse:
        """Get one page; raises AioRpcError."""
        request = feed_service_pb2.GetFeedRequest(page_size=size, page_token=token)
        page: feed_service_pb2.GetFeedResponse = await FeedServiceStub(self._channel(member)).GetFeed(
            request, metadata=self._bearer(user), timeout=seconds
        )
        return page

    # Changing relations

    async def _change(self, users: Sequence[str]) -> None:
        while not self._stop.is_set():
            user = self.chance.choice(users)
            kind = self.chance.choices([*OBJECTS], [6, 3, 2, 1])[0]
            obj = self.chance.choice(OBJECTS[kind])
            if obj != user:
                before = self.past.changes[user].get((kind, obj))
                # What takes much away is taken back soon, so that there remains something to see.
                present = not before[-1].present if before else True
                await self.relate(user, kind, obj, present=present)
            await asyncio.sleep(0.2)

    async def relate(self, user: str, kind: RelationKind, obj: str, *, present: bool) -> None:
        """Make or take back an edge, tried until it is confirmed. One at a time for a user."""
        change = self.past.began(user, kind, obj, present=present, at=time.monotonic())
        name = METHODS[kind][present]
        fields = {"user": user, "group": obj} if kind is RelationKind.MEMBER_OF else {"object": obj}
        caller = "root" if kind is RelationKind.MEMBER_OF else user
        request = getattr(relation_service_pb2, f"{name}Request")(**fields)
        while True:
            member = self.chance.choice(self.workers())
            try:
                method = getattr(RelationServiceStub(self._channel(member)), name)
                await method(request, metadata=self._bearer(caller), timeout=CALL_S)
            except grpc.aio.AioRpcError as error:
                self._refused(user, member, error)
                await asyncio.sleep(0.1)
                continue
            change.answered = time.monotonic()
            return

    def _refused(self, user: str, member: Member, error: grpc.aio.AioRpcError) -> None:
        self.refusals.append(Refusal(user, time.monotonic(), error.code().name, member.name))
        if error.code() not in AWAY:
            self.faults[f"{error.code().name}: {error.details()} by {member.name}"] += 1

    def _channel(self, member: Member) -> grpc.aio.Channel:
        if member.address not in self._channels:
            self._channels[member.address] = grpc.aio.insecure_channel(member.address, options=_QUICK)
        return self._channels[member.address]

    def _bearer(self, user: str) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self._tokens[user]}"),)
