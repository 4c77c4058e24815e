"""`sluice ranking set|show|check|reset` and `sluice explain`: in which order a feed comes, and why."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToJson
from sluice.activity.v1 import preference_pb2
from sluice.feed.v1 import ranking_service_pb2 as pb
from sluice.feed.v1.ranking_service_pb2_grpc import RankingServiceStub

from services.cli.calls import AsJson, Token, User, call, out
from services.cli.connection import Caller

app = typer.Typer(no_args_is_help=True, help="In which order your feed comes: newest first, or by an expression of yours.")

Expression = Annotated[str, typer.Argument(help="such as 'interest * popularity * decay(age_hours, 24)'; see docs/ranking.md")]
_REASONS = {
    pb.Reason.KIND_OWN: "you did it",
    pb.Reason.KIND_ADDRESSED: "it is addressed to you",
    pb.Reason.KIND_FOLLOWS: "you follow {}",
    pb.Reason.KIND_MEMBER_OF: "you belong to {}",
}


class Order(StrEnum):
    """Orders as the command names them."""

    NEWEST = "newest"
    FOR_YOU = "for-you"


def order_of(order: Order | None) -> preference_pb2.Order.ValueType:
    """Return the order of a request; UNSPECIFIED for none."""
    return preference_pb2.Order.Value(f"ORDER_{order.name}") if order else preference_pb2.ORDER_UNSPECIFIED


def _call(method: str, request: Any, user: str, token: str) -> Any:
    return call("feeds", RankingServiceStub, method, request, Caller(user, token))


@app.command("set")
def set_ranking(
    expression: Annotated[
        str | None, typer.Argument(help="not given: the one that is saved; '' is the one that everybody begins with")
    ] = None,
    order: Annotated[Order, typer.Option(help="in which order the feed comes from now on")] = Order.FOR_YOU,
    user: User = "anna",
    token: Token = "",
) -> None:
    """Save how your feed comes.

    \b
    sluice ranking set
    sluice ranking set 'if(is_mention, 10, 1) * interest * decay(age_hours, 12)'
    sluice ranking set --order newest
    sluice ranking set ''
    """
    if expression is None:
        saved = _call("GetRanking", pb.GetRankingRequest(), user, token).ranking
        expression = "" if saved.is_default else saved.expression
    request = pb.SetRankingRequest(order=order_of(order), expression=expression)
    _show(_call("SetRanking", request, user, token).ranking)


@app.command("check")
def check_ranking(expression: Expression, user: User = "anna", token: Token = "") -> None:
    """Say whether an expression is well formed, and save nothing."""
    _call("SetRanking", pb.SetRankingRequest(expression=expression, check_only=True), user, token)
    out.print("well formed")


@app.command("show")
def show_ranking(user: User = "anna", token: Token = "", as_json: AsJson = False) -> None:
    """Show how your feed comes, what you have shown to care about, and the signals that there are."""
    told = _call("GetRanking", pb.GetRankingRequest(), user, token)
    if as_json:
        out.print(MessageToJson(told, indent=None), markup=False)
        return
    _show(told.ranking)
    out.print(f"[bold]interest[/bold] from {told.reactions} reactions of yours")
    for weight in told.interest:
        out.print(f"  {weight.weight:6.2f}  {_safe(weight.name)}")
    out.print("[bold]signals[/bold]")
    for signal in told.signals:
        out.print(f"  {signal.name:13} {signal.type:8} [dim]{_safe(signal.meaning)}[/dim]")


@app.command("reset")
def reset_interest(user: User = "anna", token: Token = "") -> None:
    """Forget what you have shown to care about: only reactions to what is published from now on count."""
    _show(_call("ResetInterest", pb.ResetInterestRequest(), user, token).ranking)


def explain(
    activity_id: Annotated[str, typer.Argument(help="id of an entry of your feed")],
    expression: Annotated[str, typer.Option(help="explain by this one instead of yours")] = "",
    user: User = "anna",
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Say why an entry is in your feed and what it is worth, with every number.

    \b
    sluice explain 2f1c0a54d7e96b38a1c5f0e2b4d69788
    sluice explain 2f1c0a54d7e96b38a1c5f0e2b4d69788 --expression 'likes + 2 * comments'
    """
    told = _call("ExplainEntry", pb.ExplainEntryRequest(activity_id=activity_id, expression=expression), user, token)
    if as_json:
        out.print(MessageToJson(told, indent=None), markup=False)
        return
    for reason in told.reasons:
        out.print(
            f"[bold]{_safe(_REASONS.get(reason.kind, 'for a reason that this version does not know').format(reason.name))}[/bold]"
        )
    out.print(f"{_safe(told.expression)} = [bold]{told.score:.4g}[/bold]")
    for signal in told.signals:
        line = f"  {signal.name:13} {_value(signal)}"
        out.print(_safe(line) if signal.is_used else f"[dim]{_safe(line)}[/dim]")
    for weight in told.interest:
        out.print(f"  interest {weight.weight:+.2f} for {_safe(weight.name)}")


def _value(signal: pb.SignalValue) -> str:
    kind = signal.WhichOneof("value")
    if kind == "number":
        return f"{signal.number:.4g}"
    return f'"{signal.text}"' if kind == "text" else str(signal.flag).lower()


def _show(ranking: pb.Ranking) -> None:
    by = "by your ranking" if ranking.order == preference_pb2.ORDER_FOR_YOU else "newest first"
    out.print(f"your feed comes [bold]{by}[/bold]")
    out.print(f"{_safe(ranking.expression)}{' [dim](everybody begins with it)[/dim]' if ranking.is_default else ''}")
    if ranking.HasField("interest_since"):
        out.print(f"[dim]interest counts since {ranking.interest_since.ToJsonString()}[/dim]")


def _safe(text: str) -> str:
    return text.replace("[", "\\[")
