"""A PublishService without the way through the raw topic: ingest's rules, then the activity as refine writes it."""

import base64
import json
from dataclasses import replace

import grpc
from sluice.ingest.v1 import publish_service_pb2 as pb
from sluice.ingest.v1 import publish_service_pb2_grpc as pb_grpc

from services.contracts.codec import activity_from_proto
from services.contracts.principal import PermissionRefused, principal_of
from services.ingest.acceptance import accept
from services.ingest.publish_rules import authored
from services.runtime.grpc_errors import status_of
from services.runtime.grpc_validation import validate


class SmallIngest(pb_grpc.PublishServiceServicer):
    """publish: takes activities to the refined topic. Tokens are believed: the worker has checked them."""

    def __init__(self, publish):
        self._publish = publish
        self._server = grpc.aio.server()
        pb_grpc.add_PublishServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    async def PublishStream(self, request_iterator, context):  # noqa: N802 - named by the proto
        """See the proto."""
        caller = _caller(dict(context.invocation_metadata())["authorization"])
        results = []
        async for item in request_iterator:
            validate(item.request)
            activity = activity_from_proto(item.request.activity)
            try:
                author = authored(activity, caller, native_id=item.request.request_id)
            except PermissionRefused as error:
                results.append(pb.PublishResult(error=status_of(error)))
                continue
            accepted = accept(author, now_ms=1_800_000_000_000).activity
            await self._publish(replace(accepted, sort_time_ms=1_700_000_000_500))
            results.append(pb.PublishResult(response=pb.PublishResponse(id=accepted.id)))
        return pb.PublishStreamResponse(results=results)

    async def __aenter__(self):
        await self._server.start()
        return self

    async def __aexit__(self, *error):
        await self._server.stop(None)


def _caller(authorization):
    claims = authorization.removeprefix("Bearer ").split(".")[1]
    return principal_of(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))))
