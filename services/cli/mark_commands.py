"""`sluice seen`, `done`, `undone`, `unseen`, `react`, `unreact`: what one does with entries."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from sluice.feed.v1 import feed_service_pb2, marks_pb2, reactions_pb2
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceStub

from services.cli.calls import Token, User, call, out
from services.cli.connection import Caller

Ids = Annotated[list[str], typer.Argument(help="activity ids")]
IdsOrNone = Annotated[list[str] | None, typer.Argument(help="activity ids")]
Everything = Annotated[bool, typer.Option("--all", help="the whole home feed, up to now")]


class Reaction(StrEnum):
    """Kinds of reactions as the command names them."""

    LIKE = "like"
    SHARE = "share"


Kind = Annotated[Reaction, typer.Option(help="like, or share with those who follow the user")]


def seen(ids: IdsOrNone = None, everything: Everything = False, user: User = "anna", token: Token = "") -> None:
    """Mark activities as seen, or with --all the whole home feed.

    \b
    sluice seen --all
    """
    if everything:
        _ask("MarkAllSeen", feed_service_pb2.MarkAllSeenRequest(), user, token)
        out.print("seen all")
    else:
        _ask("MarkSeen", marks_pb2.MarkSeenRequest(activity_ids=named(ids)), user, token)
        out.print(f"seen {len(ids or ())}")


def done(ids: Ids, user: User = "anna", token: Token = "") -> None:
    """Mark activities as done."""
    _ask("MarkDone", marks_pb2.MarkDoneRequest(activity_ids=ids), user, token)
    out.print(f"done {len(ids)}")


def undone(ids: Ids, user: User = "anna", token: Token = "") -> None:
    """Take done marks back."""
    _ask("MarkUndone", marks_pb2.MarkUndoneRequest(activity_ids=ids), user, token)
    out.print(f"undone {len(ids)}")


def unseen(user: User = "anna", token: Token = "") -> None:
    """Say how much of the home feed is not seen and not read; + means that there may be more."""
    counts = _ask("GetFeedCounts", feed_service_pb2.GetFeedCountsRequest(), user, token)
    more = "+" if counts.at_least else ""
    out.print(f"{counts.unseen}{more} unseen, {counts.unread}{more} unread")


def react(ids: Ids, kind: Kind = Reaction.LIKE, user: User = "anna", token: Token = "") -> None:
    """Like or share activities; the feed shows it when this returns.

    \b
    sluice react 2f1c0a54d7e96b38a1c5f0e2b4d69788
    sluice react --kind share 2f1c0a54d7e96b38a1c5f0e2b4d69788
    """
    answer = _ask("React", reactions_pb2.ReactRequest(activity_ids=ids, kind=_number(kind)), user, token)
    for reaction_id in answer.reaction_ids:
        out.print(reaction_id)


def unreact(ids: Ids, kind: Kind = Reaction.LIKE, user: User = "anna", token: Token = "") -> None:
    """Take likes or shares back."""
    _ask("Unreact", reactions_pb2.UnreactRequest(activity_ids=ids, kind=_number(kind)), user, token)
    out.print(f"took back {len(ids)}")


def _number(kind: Reaction) -> reactions_pb2.ReactionKind.ValueType:
    return reactions_pb2.ReactionKind.Value(f"REACTION_KIND_{kind.name}")


def named(ids: list[str] | None) -> list[str]:
    """Return ids. Raises BadParameter where there are none."""
    if not ids:
        raise typer.BadParameter("name activities, or give --all")
    return ids


def _ask(method: str, request: Any, user: str, token: str) -> Any:
    return call("feeds", FeedServiceStub, method, request, Caller(user, token))
