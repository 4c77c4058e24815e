"""`sluice search`: words and filters."""

from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson
from rich.text import Text
from sluice.activity.v1 import activity_pb2
from sluice.search.v1 import search_service_pb2, search_service_pb2_grpc

from services.cli.calls import AsJson, Token, User, call, out
from services.cli.connection import Caller
from services.cli.feed_commands import show_activity


def search(
    words: Annotated[list[str] | None, typer.Argument(help='words; "phrase", -not, a|b, begin*')] = None,
    user: User = "anna",
    token: Token = "",
    source: Annotated[list[str] | None, typer.Option(help="source kinds such as mastodon")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="channel:…")] = None,
    actor: Annotated[list[str] | None, typer.Option(help="person:…")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="without #")] = None,
    language: Annotated[list[str] | None, typer.Option(help="de, en, …")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="public, internal, group, direct")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 10,
    page_token: str = "",
    as_json: AsJson = False,
) -> None:
    """Find activities that the user may read."""
    try:
        scopes = [activity_pb2.Scope.Value(f"SCOPE_{name.upper()}") for name in scope or ()]
    except ValueError:
        raise typer.BadParameter("public, internal, group or direct", param_hint="--scope") from None
    request = search_service_pb2.SearchRequest(
        query=" ".join(words or ()),
        filter=search_service_pb2.SearchFilter(
            source_kinds=source, channels=channel, actors=actor, tags=tag, languages=language, scopes=scopes
        ),
        page_size=limit,
        page_token=page_token,
    )
    page = call("search", search_service_pb2_grpc.SearchServiceStub, "Search", request, Caller(user, token))
    for result in page.results:
        if as_json:
            out.print(MessageToJson(result, indent=None), markup=False)
            continue
        show_activity(result.activity)
        for highlight in result.highlights:
            out.print(Text("    … ") + marked(highlight))
    if not as_json:
        out.print(f"[dim]{page.total_size}{'' if page.total_is_exact else '+'} found[/dim]")
        if page.next_page_token:
            out.print(f"[dim]more: --page-token {page.next_page_token}[/dim]")


def marked(highlight: str) -> Text:
    """Return a highlight with the found words in bold."""
    text = Text()
    for place, piece in enumerate(highlight.replace("</mark>", "<mark>").split("<mark>")):
        text.append(piece, style="bold yellow" if place % 2 else "")
    return text
