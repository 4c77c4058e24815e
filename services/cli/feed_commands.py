"""`sluice feed`, `save`, `unsave`, `read`, `unread`: reading one's feed."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToJson
from sluice.activity.v1 import activity_pb2
from sluice.feed.v1 import feed_entry_pb2
from sluice.feed.v1 import feed_service_pb2 as pb
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceStub

from services.cli.calls import AsJson, Token, User, call, out
from services.cli.connection import Caller
from services.cli.counts_command import shown
from services.cli.mark_commands import Everything, IdsOrNone, named
from services.cli.ranking_commands import Order, order_of
from services.cli.rollup_options import Bucket, By, RolledUp, Within, group_line, roll_up_of

Ids = Annotated[list[str], typer.Argument(help="activity ids")]


class Visibility(StrEnum):
    """Scopes as the command names them."""

    PUBLIC = "public"
    INTERNAL = "internal"
    GROUP = "group"
    DIRECT = "direct"


class Kind(StrEnum):
    """The user's own feeds as the command names them."""

    HOME = "home"
    SAVED = "saved"


def feed(
    user: User = "anna",
    token: Token = "",
    kind: Annotated[Kind, typer.Option(help="home, or what the user has saved")] = Kind.HOME,
    of: Annotated[
        str, typer.Option(help="whose feed instead of home: anna, person:…, group:…, tag:…, channel:…, person:* …")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="entries on the page")] = 20,
    page_token: Annotated[str, typer.Option(help="next_page_token of the page before; give the same filters")] = "",
    source: Annotated[list[str] | None, typer.Option(help="only from such sources: mastodon, rss, hcl-connections …")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="only through channel:…")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="only with a tag, without #")] = None,
    person: Annotated[list[str] | None, typer.Option(help="only by person:…")] = None,
    visibility: Annotated[list[Visibility] | None, typer.Option(help="only what so many may read")] = None,
    language: Annotated[list[str] | None, typer.Option(help="only in a language: en, de …")] = None,
    unread: Annotated[bool, typer.Option("--unread", help="only what isn't marked as read")] = False,
    order: Annotated[
        Order | None, typer.Option(help="newest first, or by your ranking; what you saved where it isn't given")
    ] = None,
    roll_up: RolledUp = False,
    roll_up_by: By = None,
    within: Bucket = Within.SIX_HOURS,
    as_json: AsJson = False,
) -> None:
    """Show a feed, newest first: home, or that of one person, group, tag or channel.

    An option given twice means either; different ones add up. `--of 'person:*'` is all people that the user follows.

    \b
    sluice feed --as ben --limit 50
    sluice feed --source mastodon --source rss --language de
    sluice feed --tag kafka --visibility internal --unread
    sluice feed --kind saved
    sluice feed --order for-you
    sluice feed --roll-up
    sluice feed --roll-up-by story --roll-up-by act --within day
    sluice feed --of person:anna --as ben
    sluice feed --of group:platform
    sluice feed --of 'tag:*'
    """
    wanted = pb.FeedFilter(
        source_kinds=source or (),
        channels=channel or (),
        tags=[name.removeprefix("#").lower() for name in tag or ()],
        actors=[name if name.startswith("person:") else f"person:{name}" for name in person or ()],
        scopes=[activity_pb2.Scope.Value(f"SCOPE_{scope.name}") for scope in visibility or ()],
        languages=language or (),
        unread_only=unread,
    )
    request = pb.GetFeedRequest(page_size=limit, page_token=page_token, filter=wanted, order=order_of(order))
    if kind is Kind.SAVED:
        request.feed = pb.FEED_KIND_SAVED
    if of:
        request.feed, request.of = pb.FEED_KIND_OUTBOX, of if ":" in of else f"person:{of}"
    if rolled_up := roll_up_of(roll_up_by, within, rolled_up=roll_up):
        request.roll_up.CopyFrom(rolled_up)
    page = call("feeds", FeedServiceStub, "GetFeed", request, Caller(user, token))
    for entry in page.entries:
        out.print(MessageToJson(entry, indent=None), markup=False) if as_json else _show(entry)
    if as_json:
        return
    if page.newer_count:
        out.print(f"[bold]{page.newer_count} newer[/bold]: ask again without --page-token")
    if page.partial:
        out.print("[yellow]older entries are not reachable at the moment (search is away)[/yellow]")
    if page.next_page_token:
        out.print(f"[dim]older: --page-token {page.next_page_token}[/dim]")


def _show(entry: feed_entry_pb2.FeedEntry) -> None:
    show_activity(entry.activity, _marks(entry))
    if group := group_line(entry.rollup):
        out.print(f"  [cyan]{_safe(group)}[/cyan]")


def show_activity(activity: activity_pb2.Activity, marks: str = "", *, indent: int = 0) -> None:
    """Print one activity for a person. indent: how many columns further in."""
    margin = " " * indent
    when = datetime.fromtimestamp(activity.sort_time_ms / 1000, tz=UTC).astimezone()
    who = activity.actor.display_name or activity.actor.name
    where = f" → {activity.target.display_name or activity.target.name}" if activity.HasField("target") else ""
    verb = activity_pb2.Verb.Name(activity.verb).removeprefix("VERB_").lower()
    scope = activity_pb2.Scope.Name(activity.audience.scope).removeprefix("SCOPE_").lower()
    out.print(
        f"{margin}[bold]{_safe(who)}[/bold]{_safe(where)} [dim]{when:%d.%m. %H:%M} {verb} · {activity.source.kind} · {scope}{marks}[/dim]"
    )
    out.print(f"{margin}  {_safe(activity.text[:300])}")
    out.print(f"{margin}  [dim]{activity.id}[/dim]")


def _safe(text: str) -> str:
    return text.replace("[", "\\[")


def _marks(entry: feed_entry_pb2.FeedEntry) -> str:
    marks = [name for name in ("liked", "saved", "read", "done") if getattr(entry.viewer_state, name)]
    if on := shown(entry.counts):
        marks.append(on)
    return f" · {', '.join(marks)}" if marks else ""


def _mark(method: str, request: Any, user: str, token: str) -> None:
    call("feeds", FeedServiceStub, method, request, Caller(user, token))


def save(ids: Ids, user: User = "anna", token: Token = "") -> None:
    """Save activities."""
    _mark("Save", pb.SaveRequest(activity_ids=ids), user, token)
    out.print(f"saved {len(ids)}")


def unsave(ids: Ids, user: User = "anna", token: Token = "") -> None:
    """Take saved marks back."""
    _mark("Unsave", pb.UnsaveRequest(activity_ids=ids), user, token)
    out.print(f"unsaved {len(ids)}")


def read(ids: IdsOrNone = None, everything: Everything = False, user: User = "anna", token: Token = "") -> None:
    """Mark activities as read, or with --all the whole home feed; `sluice feed --unread` leaves them out.

    \b
    sluice read 2f1c0a54d7e96b38a1c5f0e2b4d69788
    sluice read --all
    """
    if everything:
        _mark("MarkAllRead", pb.MarkAllReadRequest(), user, token)
        out.print("read all")
        return
    ids = named(ids)
    _mark("MarkRead", pb.MarkReadRequest(activity_ids=ids), user, token)
    out.print(f"read {len(ids)}")


def unread(ids: Ids, user: User = "anna", token: Token = "") -> None:
    """Take read marks back."""
    _mark("MarkUnread", pb.MarkUnreadRequest(activity_ids=ids), user, token)
    out.print(f"unread {len(ids)}")
