"""A search service for the feeds' tests: it indexes what the test tells it to, answers over gRPC and publishes its progress."""

import grpc
from sluice.search.v1 import search_service_pb2 as pb
from sluice.search.v1.search_service_pb2_grpc import SearchServiceServicer, add_SearchServiceServicer_to_server

from services.contracts.activity import Verb
from services.contracts.activity_facts import facts_to_message
from services.contracts.codec import activity_from_bytes, activity_to_proto
from services.contracts.indices import activities_index
from services.contracts.relation_codec import IndexProgress, progress_to_bytes
from services.contracts.relations import PersonRelations
from services.contracts.topics import ACTIVITIES, INDEX_PROGRESS
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.records import Outgoing
from services.search.servicer import history_ask
from services.stream.feeds.places import TOP, Place
from tests.unit.stream.feeds.fake_history import FakeHistory


class SmallIndex(SearchServiceServicer):
    """The index of everything up to the last catch_up(). answering: False and it is away."""

    def __init__(self, security, partitions):
        self.history = FakeHistory([[] for _ in range(partitions)])
        self.answering = True
        self.port = 0
        self._security = security
        self._server = None

    async def start(self):
        self._server = grpc.aio.server()
        add_SearchServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def stop(self):
        await self._server.stop(0)

    async def catch_up(self, send):
        """Index the topic as it is now; say so."""
        logs = self.history.logs
        for log in logs:
            log.clear()

        def take(tp, records):
            logs[tp.partition].extend(activity_from_bytes(record.value) for record in records)

        await bulk_read(self._security, await partitions_of(self._security, ACTIVITIES.name), take)
        await self._have([len(log) for log in logs], send)

    async def forget(self, send):
        """Lose everything, as a crash of a server that saves now and then; say so."""
        await self._have([0] * len(self.history.logs), send)

    async def _have(self, ends, send):
        self.history.indexed = self.history.confessed = ends
        steps = [IndexProgress(activities_index().name, partition, end) for partition, end in enumerate(ends)]
        await send(*[Outgoing(INDEX_PROGRESS.name, step.key, progress_to_bytes(step), partition=0) for step in steps])

    async def ListHistory(self, request, context):  # noqa: N802 - named by the proto
        """See the proto."""
        await self._check(context)
        assert request.skeletons
        place = Place(request.before_sort_time_ms, request.before_id)
        answer = await self.history.newest(
            set(request.targets),
            _reader(request.reader),
            below=place if any(place) else TOP,
            limit=min(request.limit or 100, 2000),
            verbs={Verb(verb) for verb in request.verbs},
            narrowed=history_ask(request).narrowed,
            above=Place(request.after_sort_time_ms, request.after_id),
        )
        facts = [facts_to_message(entry.facts) for entry in answer.found]
        return pb.ListHistoryResponse(facts=facts, exhausted=answer.exhausted, refreshed=answer.refreshed)

    async def BatchGetActivities(self, request, context):  # noqa: N802 - named by the proto
        """See the proto."""
        await self._check(context)
        bodies = await self.history.bodies(list(request.ids), _reader(request.reader))
        return pb.BatchGetActivitiesResponse(
            activities=[activity_to_proto(activity_from_bytes(body)) for body in bodies.values()]
        )

    async def _check(self, context):
        if not self.answering:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        assert any(name == "authorization" and value.startswith("Bearer ") for name, value in context.invocation_metadata())


def _reader(message):
    return PersonRelations(message.user, message.employee, groups=frozenset(message.groups))
