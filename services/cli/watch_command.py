"""`sluice watch`: a feed that moves while one looks."""

import time
from dataclasses import dataclass
from typing import Annotated

import grpc
import typer
from google.protobuf.json_format import MessageToJson
from sluice.feed.v1 import feed_service_pb2 as pb
from sluice.feed.v1 import watch_pb2
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceStub

from services.cli.calls import AsJson, Token, User, err, explain, out
from services.cli.connection import Caller, channel_to, metadata_of, settings_here
from services.cli.counts_command import shown
from services.cli.feed_commands import show_activity

_PAUSE_S = 1.0
_AGAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
_MOST_TRIES = 30
_NAMES = {"added": "", "edited": " · edited"}


@dataclass(slots=True)
class _Screen:
    """Shows messages. left: how many events to show still, None for all. cursor: the newest."""

    as_json: bool
    left: int | None
    cursor: str = ""

    def take(self, message: watch_pb2.WatchFeedResponse) -> None:
        """Show a message. The newest entry stands lowest, where the next one will come."""
        self.cursor = message.cursor or self.cursor
        for event in reversed(message.events) if message.reset and not self.as_json else message.events:
            if self.left is not None:
                if self.left == 0:
                    return
                self.left -= 1
            self._show(event)
        if message.reset and not self.as_json:
            out.print("[dim]── what follows is new; Ctrl-C ends ──[/dim]")

    def _show(self, event: watch_pb2.WatchEvent) -> None:
        which = event.WhichOneof("event")
        if self.as_json:
            out.print(MessageToJson(event, indent=None), markup=False)
        elif which in _NAMES:
            show_activity(getattr(event, which).activity, _NAMES[which])
        elif which == "removed_id":
            out.print(f"[dim]removed {event.removed_id}[/dim]")
        elif which == "counted":
            out.print(f"[dim]{event.counted.activity_id}  {shown(event.counted.counts) or 'nothing'}[/dim]")


def watch(
    user: User = "anna",
    token: Token = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="entries to begin with")] = 10,
    source: Annotated[list[str] | None, typer.Option(help="only from such sources: mastodon, rss, hcl-connections …")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="only with a tag, without #")] = None,
    person: Annotated[list[str] | None, typer.Option(help="only by person:…")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="end after so many events")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a home feed and what happens in it, until Ctrl-C. It goes on by itself where a stream ends.

    \b
    sluice watch --as ben
    sluice watch --tag kafka --limit 3
    sluice watch --json --count 5
    """
    wanted = pb.FeedFilter(
        source_kinds=source or (),
        tags=[name.removeprefix("#").lower() for name in tag or ()],
        actors=[name if name.startswith("person:") else f"person:{name}" for name in person or ()],
    )
    screen = _Screen(as_json, count)
    try:
        _follow(screen, pb.WatchFeedRequest(page_size=limit, filter=wanted), Caller(user, token))
    except KeyboardInterrupt:
        return


def _follow(screen: _Screen, request: pb.WatchFeedRequest, caller: Caller) -> None:
    settings, tries = settings_here(), 0
    address = settings.peers.feeds
    with channel_to(address, settings.peers.tls_ca) as channel:
        while screen.left != 0:
            request.cursor = screen.cursor
            try:
                for message in FeedServiceStub(channel).WatchFeed(request, metadata=metadata_of(caller, settings)):
                    screen.take(message)
                    tries = 0
                    if screen.left == 0:
                        return
            except grpc.RpcError as error:
                tries += 1
                if error.code() is grpc.StatusCode.OUT_OF_RANGE and screen.cursor:
                    err.print("[yellow]too much has happened meanwhile; from the beginning[/yellow]")
                    screen.cursor = ""
                elif error.code() not in _AGAIN or not screen.cursor or tries == _MOST_TRIES:
                    err.print(f"[red]{explain(error, 'feeds', address)}[/red]")
                    raise typer.Exit(1) from None
            time.sleep(_PAUSE_S)
