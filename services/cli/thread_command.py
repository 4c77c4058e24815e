"""`sluice thread`: a conversation."""

from enum import StrEnum
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson
from sluice.feed.v1 import thread_pb2 as pb
from sluice.feed.v1.feed_service_pb2_grpc import FeedServiceStub

from services.cli.calls import AsJson, Token, User, call, out
from services.cli.connection import Caller
from services.cli.feed_commands import show_activity


class Order(StrEnum):
    """Orders of replies as the command names them."""

    TREE = "tree"
    OLDEST = "oldest"
    NEWEST = "newest"


_ORDERS = {
    Order.TREE: pb.THREAD_ORDER_TREE,
    Order.OLDEST: pb.THREAD_ORDER_OLDEST_FIRST,
    Order.NEWEST: pb.THREAD_ORDER_NEWEST_FIRST,
}


def thread(
    activity: Annotated[str, typer.Argument(metavar="ID", help="id of any activity of the conversation")],
    user: User = "anna",
    token: Token = "",
    order: Annotated[Order, typer.Option(help="of the replies")] = Order.TREE,
    limit: Annotated[int, typer.Option(min=1, max=200, help="replies on the page")] = 50,
    page_token: Annotated[str, typer.Option(help="next_page_token of the page before; give the same order")] = "",
    as_json: AsJson = False,
) -> None:
    """Show what an activity answers, and the replies below it.

    \b
    sluice thread 2f1c0a54d7e96b38a1c5f0e2b4d69788
    sluice thread 2f1c0a54d7e96b38a1c5f0e2b4d69788 --order newest --as ben
    """
    request = pb.GetThreadRequest(activity_id=activity, order=_ORDERS[order], page_size=limit, page_token=page_token)
    answer: pb.GetThreadResponse = call("feeds", FeedServiceStub, "GetThread", request, Caller(user, token))
    if as_json:
        out.print(MessageToJson(answer, indent=None), markup=False)
        return
    for ancestor in answer.ancestors:
        out.print("[dim]… something that you may not see[/dim]") if ancestor.gap else show_activity(ancestor.entry.activity)
    show_activity(answer.entry.activity, " · asked for")
    for reply in answer.replies:
        show_activity(reply.entry.activity, _remarks(reply), indent=2 * reply.depth if order is Order.TREE else 2)
    if answer.truncated:
        out.print("[yellow]there is more than is shown: ask for the thread of the outermost activity[/yellow]")
    if answer.next_page_token:
        out.print(f"[dim]{answer.reply_count} replies; more: --page-token {answer.next_page_token}[/dim]")


def _remarks(reply: pb.ThreadReply) -> str:
    return (" · answers something that isn't here" if reply.aside else "") + (
        " · more replies in its own thread" if reply.cut else ""
    )
