"""The demo company's memberships and follows, through the public API, many at a time."""

from collections.abc import Iterable
from typing import Any

import grpc
from sluice.feed.v1 import relation_service_pb2, relation_service_pb2_grpc

from services.contracts.relations import Relation, RelationKind

AT_ONCE = 64
TIMEOUT_S = 60.0


def seed_relations(channel: grpc.Channel, metadata: tuple[tuple[str, str | bytes], ...], relations: Iterable[Relation]) -> int:
    """Make every edge; return how many. Repeating it changes nothing. Raises grpc.RpcError."""
    stub = relation_service_pb2_grpc.RelationServiceStub(channel)
    waiting: list[Any] = []  # grpc futures; their type differs between the stubs
    count = 0
    for relation in relations:
        if relation.kind is RelationKind.MEMBER_OF:
            request = relation_service_pb2.JoinRequest(group=relation.object, user=relation.subject)
            waiting.append(stub.Join.future(request, metadata=metadata, timeout=TIMEOUT_S))
        else:
            follow = relation_service_pb2.FollowRequest(object=relation.object, subject=relation.subject)
            waiting.append(stub.Follow.future(follow, metadata=metadata, timeout=TIMEOUT_S))
        count += 1
        if len(waiting) == AT_ONCE:
            for call in waiting:
                call.result()
            waiting.clear()
    for call in waiting:
        call.result()
    return count
