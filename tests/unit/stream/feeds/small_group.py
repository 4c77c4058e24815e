"""Feeds workers in one process: real servicers, routing and gRPC between them, a list in place of Kafka."""

import asyncio
from contextlib import AsyncExitStack
from types import SimpleNamespace

import grpc
from sluice.feed.v1 import peer_service_pb2, relation_service_pb2
from sluice.feed.v1.peer_service_pb2_grpc import PeerServiceStub, add_PeerServiceServicer_to_server
from sluice.feed.v1.relation_service_pb2_grpc import RelationServiceStub, add_RelationServiceServicer_to_server

from services.contracts.principal import Principal, Role
from services.contracts.relation_codec import identity_from_bytes, relation_from_bytes
from services.contracts.relations import relation_of_key
from services.contracts.topics import IDENTITIES, RELATIONS, RELATIONS_INVERSE
from services.runtime.grpc_client import open_channel
from services.runtime.grpc_server import GrpcServer
from services.runtime.records import TopicPartition
from services.runtime.settings import GrpcSettings
from services.stream.feeds.accounts import Accounts
from services.stream.feeds.changes import Changes
from services.stream.feeds.identities import Identities
from services.stream.feeds.peer_servicer import PeerServicer
from services.stream.feeds.peers import InverseEdges, Peers
from services.stream.feeds.positions import Positions
from services.stream.feeds.relation_servicer import RelationServicer
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.routing import Routing

PARTITIONS = 2
SERVICE = "feeds:service"


async def authenticate(token):
    """Read a test's token: `name`, `name:employee` or `name:role`."""
    name, _, rest = token.partition(":")
    roles = frozenset({Role(rest)} if rest in {role.value for role in Role} else ())
    return Principal(name, employee=rest == "employee", roles=roles)


class Worker:
    """One worker: what the real one wires, without engine, broadcast and Faust."""

    def __init__(self, group, producer):
        self.group = group
        self.identities = Identities()
        self.state = RelationState(PARTITIONS, self.identities)
        self.applied = Positions()
        self.answering = True
        # Where a test puts a list, records of the inverse topic wait in it: this owner is behind.
        self.held = None
        self.holds_back = asyncio.Event()
        self.server = GrpcServer(GrpcSettings(port=0), authenticate=authenticate, service_names=())
        inverse = InverseEdges(self.state, self.applied)
        self.routing = Routing(
            self.state, group.address_of, "unset", lambda address: open_channel(address, again=False), lambda: None, pauses_s=()
        )
        peers = Peers(self.routing, inverse, lambda: SERVICE)
        changes = Changes(self.state, self.applied, producer)
        accounts = Accounts(self.identities, self.applied, producer)
        servicer = RelationServicer(
            self.state, self.identities, changes=changes, peers=peers, accounts=accounts, routing=self.routing
        )
        self.server.add(add_RelationServiceServicer_to_server, servicer)
        self.server.add(add_PeerServiceServicer_to_server, PeerServicer(inverse, self.routing))

    @property
    def address(self):
        return f"127.0.0.1:{self.server.port}"

    def take(self, topic, partition, key, value):
        """Apply a record as the worker's agents do."""
        if topic == IDENTITIES.name:
            self.identities.remove(key.decode()) if value is None else self.identities.set(identity_from_bytes(value))
        elif topic == RELATIONS.name:
            relation = relation_of_key(key)
            if value is None:
                self.state.remove_relation(partition, relation)
            else:
                self.state.set_relation(partition, relation_from_bytes(value))
        else:
            relation = relation_of_key(key)
            if value is None:
                self.state.remove_inverse(partition, relation)
            else:
                self.state.set_inverse(partition, relation)


class Group:
    """The workers of one group, and the log that they write to. Partition n belongs to worker n at first."""

    # As aiokafka's producer says that it hasn't been stopped.
    _closed = False

    def __init__(self):
        self.log = []
        self.workers = [Worker(self, self) for _ in range(PARTITIONS)]
        for partition, worker in enumerate(self.workers):
            worker.state.take_over(partition)
        self.broken = None

    def address_of(self, partition):
        return next((worker.address for worker in self.workers if partition in worker.state.owned), None)

    async def send(self, topic, *, key, value, partition, headers):
        """Be the producer of every worker: acknowledge, and let the owners apply a moment later."""
        if self.broken:
            raise self.broken
        offset = sum((topic, partition) == (record.topic, record.partition) for record in self.log)
        self.log.append(SimpleNamespace(topic=topic, partition=partition, key=key, value=value, offset=offset))
        asyncio.get_running_loop().call_soon(self._deliver, self.log[-1])
        acknowledged = asyncio.get_running_loop().create_future()
        acknowledged.set_result(self.log[-1])
        return acknowledged

    def _deliver(self, record):
        for worker in self.workers:
            if record.topic == IDENTITIES.name or record.partition in worker.state.owned:
                self._apply(worker, record)
        if record.topic == RELATIONS.name:
            relation = relation_of_key(record.key)
            self._deliver_inverse(relation, record)

    def _deliver_inverse(self, relation, record):
        for worker in self.workers:
            partition = worker.state.partition_of(relation.object)
            if partition in worker.state.owned:
                inverse = SimpleNamespace(
                    topic=RELATIONS_INVERSE.name, partition=partition, key=record.key, value=record.value, offset=record.offset
                )
                if worker.held is None:
                    self._apply(worker, inverse)
                else:
                    worker.held.append(inverse)
                    worker.holds_back.set()

    def release(self, worker):
        """Let a worker apply what was held back."""
        held, worker.held = worker.held, None
        for record in held:
            self._apply(worker, record)

    def _apply(self, worker, record):
        worker.take(record.topic, record.partition, record.key, record.value)
        worker.applied.set(TopicPartition(record.topic, record.partition), record.offset + 1)

    def owner(self, name):
        """Return the worker that owns a name."""
        return next(worker for worker in self.workers if worker.state.owns(name))

    def name_at(self, owner, kind="person"):
        """Return an entity name that a worker owns, another one each time."""
        self._names = getattr(self, "_names", 0)
        while True:
            self._names += 1
            name = f"{kind}:n{self._names}"
            if owner.state.owns(name):
                return name

    async def __aenter__(self):
        self._stack = AsyncExitStack()
        for worker in self.workers:
            await worker.server.start()
            self._stack.push_async_callback(worker.server.stop, 0)
            self._stack.push_async_callback(worker.routing.close)
        self.channels = [
            await self._stack.enter_async_context(grpc.aio.insecure_channel(worker.address)) for worker in self.workers
        ]
        return self

    async def __aexit__(self, *error):
        await self._stack.aclose()

    async def call(self, user, method, /, *, at=0, **fields):
        """Call RelationService as a user, through one worker. user: a name or entity name, `:employee` or `:role` behind it."""
        request = getattr(relation_service_pb2, f"{method}Request")(**fields)
        return await self._call(getattr(RelationServiceStub(self.channels[at]), method), user, request)

    async def await_inverse(self, user, /, *, at=0, **fields):
        request = peer_service_pb2.AwaitInverseRequest(**fields)
        return await self._call(PeerServiceStub(self.channels[at]).AwaitInverse, user, request)

    async def _call(self, method, user, request):
        token = user.removeprefix("person:")
        return await method(request, metadata=(("authorization", f"Bearer {token}"),), timeout=10)

    async def listed(self, user, method, /, **fields):
        """Return the far ends of a list."""
        answer = await self.call(user, method, **fields)
        return [edge.object if method == "ListFollowing" else edge.subject for edge in answer.relations]
