"""`sluice publish` and `sluice delete`: write to the stream as a person."""

import html
import uuid
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson
from sluice.activity.v1 import activity_pb2
from sluice.ingest.v1 import publish_service_pb2, publish_service_pb2_grpc

from services.cli.calls import AsJson, Token, User, call, out
from services.cli.connection import Caller


def publish(
    text: Annotated[str, typer.Argument(help="what to say; plain text")] = "",
    user: User = "anna",
    token: Token = "",
    group: Annotated[list[str] | None, typer.Option(help="only for the members of group:…")] = None,
    to: Annotated[list[str] | None, typer.Option(help="only for person:…")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="without #")] = None,
    like: Annotated[str, typer.Option(metavar="ID", help="like this activity instead of saying something")] = "",
    reply_to: Annotated[str, typer.Option(metavar="ID", help="answer this activity")] = "",
    request_id: Annotated[str, typer.Option(help="repeat with the same id without publishing twice")] = "",
    as_json: AsJson = False,
) -> None:
    """Publish a post, a comment or a like."""
    if not text and not like:
        raise typer.BadParameter("say something, or --like an activity")
    verb = activity_pb2.VERB_LIKE if like else activity_pb2.VERB_COMMENT if reply_to else activity_pb2.VERB_POST
    scope = activity_pb2.SCOPE_DIRECT if to else activity_pb2.SCOPE_GROUP if group else activity_pb2.SCOPE_INTERNAL
    activity = activity_pb2.Activity(
        verb=verb,
        actor=activity_pb2.Entity(name=f"person:{user}", display_name=user.capitalize()),
        object=activity_pb2.Object(type="note", content=html.escape(text), activity_id=like),
        audience=activity_pb2.Audience(scope=scope, groups=group, recipients=to),
        tags=tag,
        in_reply_to=reply_to,
    )
    request = publish_service_pb2.PublishRequest(activity=activity, request_id=request_id or str(uuid.uuid4()))
    answer = call("ingest", publish_service_pb2_grpc.PublishServiceStub, "Publish", request, Caller(user, token))
    out.print(MessageToJson(answer, indent=None) if as_json else f"accepted: {answer.id}", markup=False)


def delete(
    native_id: Annotated[str, typer.Argument(help="the request id that it was published with")],
    user: User = "anna",
    token: Token = "",
) -> None:
    """Take back what the user published with `sluice publish --request-id`."""
    source = activity_pb2.Source(kind="sluice", instance=user, native_id=native_id)
    request = publish_service_pb2.DeleteRequest(source=source)
    answer = call("ingest", publish_service_pb2_grpc.PublishServiceStub, "Delete", request, Caller(user, token))
    out.print(f"deleted: {answer.id}")
