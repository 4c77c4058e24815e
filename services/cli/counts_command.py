"""`sluice counts`: what is on activities, and who follows whom."""

import re
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson
from sluice.feed.v1 import counts_pb2 as pb
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceStub

from services.cli.calls import AsJson, Token, User, call, out
from services.cli.connection import Caller

_ACTIVITY = re.compile(r"[0-9a-f]{32}")


def counts(
    names: Annotated[list[str] | None, typer.Argument(help="activity ids and entity names; none: yourself")] = None,
    user: User = "anna",
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Show how many like, share and comment on activities, and how many follow entities.

    \b
    sluice counts
    sluice counts 2f1c0a54d7e96b38a1c5f0e2b4d69788
    sluice counts person:ben tag:kafka --as carla
    """
    asked = names or [f"person:{user}"]
    activities = [name for name in asked if _ACTIVITY.fullmatch(name)]
    entities = [name for name in asked if not _ACTIVITY.fullmatch(name)]
    request = pb.GetCountsRequest(activity_ids=activities, entities=entities)
    answer = call("feeds", FeedServiceStub, "GetCounts", request, Caller(user, token))
    if as_json:
        out.print(MessageToJson(answer, indent=None, always_print_fields_with_no_presence=True), markup=False)
        return
    for name, on in zip(activities, answer.activities, strict=False):
        out.print(f"{name}  {shown(on) or 'nothing'}", markup=False)
    for name, edges in zip(entities, answer.entities, strict=False):
        out.print(f"{name}  {_several(edges.followers, 'follower')}, {edges.following} following", markup=False)


def shown(on: pb.Counts) -> str:
    """Return what is on an activity, for a person; empty where nothing is."""
    kinds = (on.likes, "like"), (on.shares, "share"), (on.comments, "comment")
    return ", ".join(_several(count, kind) for count, kind in kinds if count)


def _several(count: int, kind: str) -> str:
    return f"{count} {kind}" if count == 1 else f"{count} {kind}s"
