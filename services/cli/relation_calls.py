"""Calls of RelationService from the command line, and lists of edges as lines."""

from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToJson
from sluice.feed.v1 import relation_service_pb2 as pb
from sluice.feed.v1.relation_service_pb2_grpc import RelationServiceStub

from services.cli.calls import call, out
from services.cli.connection import Caller

Person = Annotated[str, typer.Argument(help="an entity name such as person:ben")]


def relation_call(method: str, user: str, token: str, /, *, admin: bool = False, **fields: Any) -> Any:
    """Call one method of RelationService. Exits with 1 and a sentence when it fails."""
    request = getattr(pb, f"{method}Request")(**fields)
    return call("feeds", RelationServiceStub, method, request, Caller(user, token, admin=admin))


def show_edges(method: str, user: str, token: str, /, *, as_json: bool, **fields: Any) -> None:
    """Print the far ends of all edges of a list, page by page."""
    page_token, far_end = "", "object" if method == "ListFollowing" else "subject"
    while True:
        answer = relation_call(method, user, token, page_size=1000, page_token=page_token, **fields)
        for relation in answer.relations:
            out.print(MessageToJson(relation, indent=None) if as_json else getattr(relation, far_end), markup=False)
        page_token = answer.next_page_token
        if not page_token:
            return
