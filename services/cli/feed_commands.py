"""`sluice feed`, `follow`, `unfollow`, `mute`, `unmute`, `leave`, `save`, `unsave`: what a reader does."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToJson
from sluice.activity.v1 import activity_pb2
from sluice.feed.v1 import feed_service_pb2, feed_service_pb2_grpc, relation_service_pb2, relation_service_pb2_grpc

from services.cli.calls import AsJson, Token, User, call, out
from services.cli.connection import Caller

Name = Annotated[str, typer.Argument(help="an entity name: person:ben, group:platform, tag:kafka, channel:company-blog")]
Ids = Annotated[list[str], typer.Argument(help="activity ids")]


def feed(
    user: User = "anna",
    token: Token = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="entries on the page")] = 20,
    page_token: Annotated[str, typer.Option(help="next_page_token of the page before")] = "",
    as_json: AsJson = False,
) -> None:
    """Show a home feed, newest first."""
    request = feed_service_pb2.GetFeedRequest(page_size=limit, page_token=page_token)
    page = call("feeds", feed_service_pb2_grpc.FeedServiceStub, "GetFeed", request, Caller(user, token))
    for entry in page.entries:
        out.print(MessageToJson(entry, indent=None), markup=False) if as_json else show_activity(entry.activity, _marks(entry))
    if as_json:
        return
    if page.newer_count:
        out.print(f"[bold]{page.newer_count} newer[/bold]: ask again without --page-token")
    if page.partial:
        out.print("[yellow]older entries are not reachable at the moment (search is away)[/yellow]")
    if page.next_page_token:
        out.print(f"[dim]older: --page-token {page.next_page_token}[/dim]")


def show_activity(activity: activity_pb2.Activity, marks: str = "") -> None:
    """Print one activity for a person."""
    when = datetime.fromtimestamp(activity.sort_time_ms / 1000, tz=UTC).astimezone()
    who = activity.actor.display_name or activity.actor.name
    where = f" → {activity.target.display_name or activity.target.name}" if activity.HasField("target") else ""
    verb = activity_pb2.Verb.Name(activity.verb).removeprefix("VERB_").lower()
    scope = activity_pb2.Scope.Name(activity.audience.scope).removeprefix("SCOPE_").lower()
    out.print(
        f"[bold]{_safe(who)}[/bold]{_safe(where)} [dim]{when:%d.%m. %H:%M} {verb} · {activity.source.kind} · {scope}{marks}[/dim]"
    )
    out.print(f"  {_safe(activity.text[:300])}")
    out.print(f"  [dim]{activity.id}[/dim]")


def _safe(text: str) -> str:
    return text.replace("[", "\\[")


def _marks(entry: feed_service_pb2.FeedEntry) -> str:
    marks = [name for name in ("liked", "saved") if getattr(entry.viewer_state, name)]
    return f" · {', '.join(marks)}" if marks else ""


def _relate(method: str, request: Any, user: str, token: str) -> None:
    call("feeds", relation_service_pb2_grpc.RelationServiceStub, method, request, Caller(user, token))


def follow(name: Name, user: User = "anna", token: Token = "") -> None:
    """Follow a person, group, tag or channel; in force when this returns."""
    _relate("Follow", relation_service_pb2.FollowRequest(object=name), user, token)
    out.print(f"{user} follows {name}")


def unfollow(name: Name, user: User = "anna", token: Token = "") -> None:
    """Take a follow back."""
    _relate("Unfollow", relation_service_pb2.UnfollowRequest(object=name), user, token)
    out.print(f"{user} no longer follows {name}")


def mute(name: Name, user: User = "anna", token: Token = "") -> None:
    """Keep a person, group, tag or channel out of the home feed."""
    _relate("Mute", relation_service_pb2.MuteRequest(object=name), user, token)
    out.print(f"{user} has muted {name}")


def unmute(name: Name, user: User = "anna", token: Token = "") -> None:
    """Take a mute back."""
    _relate("Unmute", relation_service_pb2.UnmuteRequest(object=name), user, token)
    out.print(f"{user} has unmuted {name}")


def leave(group: Name, user: User = "anna", token: Token = "") -> None:
    """Leave a group; its activities are gone when this returns."""
    _relate("Leave", relation_service_pb2.LeaveRequest(group=group), user, token)
    out.print(f"{user} has left {group}")


def join(
    group: Name,
    member: Annotated[str, typer.Argument(help="the user who becomes a member, such as person:ben")],
    user: User = "anna",
    token: Token = "",
) -> None:
    """Make a user a member of a group (needs the role admin, which the embedded issuer grants here)."""
    request = relation_service_pb2.JoinRequest(group=group, user=member)
    call("feeds", relation_service_pb2_grpc.RelationServiceStub, "Join", request, Caller(user, token, admin=True))
    out.print(f"{member} is a member of {group}")


def following(user: User = "anna", token: Token = "", as_json: AsJson = False) -> None:
    """List what the user follows."""
    request = relation_service_pb2.ListFollowingRequest(page_size=1000)
    answer = call("feeds", relation_service_pb2_grpc.RelationServiceStub, "ListFollowing", request, Caller(user, token))
    for relation in answer.relations:
        out.print(MessageToJson(relation, indent=None) if as_json else relation.object, markup=False)


def save(ids: Ids, user: User = "anna", token: Token = "") -> None:
    """Save activities."""
    request = feed_service_pb2.SaveRequest(activity_ids=ids)
    call("feeds", feed_service_pb2_grpc.FeedServiceStub, "Save", request, Caller(user, token))
    out.print(f"saved {len(ids)}")


def unsave(ids: Ids, user: User = "anna", token: Token = "") -> None:
    """Take saved marks back."""
    request = feed_service_pb2.UnsaveRequest(activity_ids=ids)
    call("feeds", feed_service_pb2_grpc.FeedServiceStub, "Unsave", request, Caller(user, token))
    out.print(f"unsaved {len(ids)}")
