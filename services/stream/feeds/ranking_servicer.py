"""RankingService: messages in, messages out."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import islice
from typing import Any, TypeVar

from sluice.activity.v1 import preference_pb2
from sluice.feed.v1 import ranking_service_pb2 as pb
from sluice.feed.v1.ranking_service_pb2_grpc import RankingServiceServicer, RankingServiceStub

from services.contracts.codec import timestamp
from services.contracts.preferences import Order, Preference
from services.stream.feeds.callers import principal
from services.stream.feeds.pages import PageAsk
from services.stream.feeds.preference_changes import PreferenceChanges
from services.stream.feeds.ranked_feed import HOME
from services.stream.feeds.ranking.explaining import Explaining, Explanation
from services.stream.feeds.ranking.ranked_reading import Wish
from services.stream.feeds.ranking.signals import FOR_YOU, SIGNALS, ranking
from services.stream.feeds.routing import READ_PATIENCE_S, WRITE_PATIENCE_S, Routing

A = TypeVar("A")
_MOST_WEIGHTS = 100


class RankingServicer(RankingServiceServicer):
    """Answers for the caller that the server's gate let in. Errors of the domain become statuses outside."""

    def __init__(self, preferences: PreferenceChanges, explaining: Explaining, routing: Routing) -> None:
        self._preferences = preferences
        self._explaining = explaining
        self._routing = routing

    async def SetRanking(self, request: pb.SetRankingRequest, context: Any) -> pb.SetRankingResponse:  # noqa: N802 - named by the proto
        """See the proto."""
        ranking(request.expression)
        user = principal().user

        def change(now: Preference) -> Preference:
            return replace(now, order=Order(request.order), expression=request.expression)

        async def here() -> pb.SetRankingResponse:
            if request.check_only:
                return pb.SetRankingResponse(ranking=_message(change(self._preferences.of(user, HOME))))
            return pb.SetRankingResponse(ranking=_message(await self._preferences.edit(user, HOME, change)))

        return await self._answered("SetRanking", request, context, here, WRITE_PATIENCE_S)

    async def GetRanking(self, request: pb.GetRankingRequest, context: Any) -> pb.GetRankingResponse:  # noqa: N802 - as above
        """See the proto."""
        caller = principal()

        async def here() -> pb.GetRankingResponse:
            wanted = self._preferences.of(caller.user, HOME)
            interest = await self._explaining.interest(PageAsk(caller.user, caller.employee, 1), wanted.interest_since_ms)
            return pb.GetRankingResponse(
                ranking=_message(wanted),
                interest=[
                    pb.Weight(name=name, weight=weight) for name, weight in islice(interest.weights.items(), _MOST_WEIGHTS)
                ],
                reactions=interest.reactions,
                signals=[
                    pb.SignalDescription(name=name, type=meaning.type.name.lower(), meaning=meaning.text)
                    for name, meaning in SIGNALS.items()
                ],
            )

        return await self._answered("GetRanking", request, context, here, READ_PATIENCE_S)

    async def ResetInterest(  # noqa: N802 - as above
        self, request: pb.ResetInterestRequest, context: Any
    ) -> pb.ResetInterestResponse:
        """See the proto."""
        user, now_ms = principal().user, _now_ms()

        async def here() -> pb.ResetInterestResponse:
            edited = await self._preferences.edit(user, HOME, lambda now: replace(now, interest_since_ms=now_ms))
            return pb.ResetInterestResponse(ranking=_message(edited))

        return await self._answered("ResetInterest", request, context, here, WRITE_PATIENCE_S)

    async def ExplainEntry(  # noqa: N802 - as above
        self, request: pb.ExplainEntryRequest, context: Any
    ) -> pb.ExplainEntryResponse:
        """See the proto."""
        caller = principal()
        ranking(request.expression)

        async def here() -> pb.ExplainEntryResponse:
            wanted = self._preferences.of(caller.user, HOME)
            wish = Wish(request.expression or wanted.expression, wanted.interest_since_ms)
            ask = PageAsk(caller.user, caller.employee, 1)
            return _explained(await self._explaining.entry(ask, request.activity_id, wish))

        return await self._answered("ExplainEntry", request, context, here, READ_PATIENCE_S)

    async def _answered(self, method: str, request: Any, context: Any, here: Callable[[], Awaitable[A]], patience_s: float) -> A:
        user = principal().user
        return await self._routing.answer(
            user, context, here, lambda channel: getattr(RankingServiceStub(channel), method), request, patience_s=patience_s
        )


def _message(wanted: Preference) -> pb.Ranking:
    return pb.Ranking(
        order=preference_pb2.Order.ValueType(wanted.order),
        expression=wanted.expression or FOR_YOU,
        is_default=not wanted.expression,
        interest_since=timestamp(wanted.interest_since_ms) if wanted.interest_since_ms else None,
    )


def _explained(explanation: Explanation) -> pb.ExplainEntryResponse:
    return pb.ExplainEntryResponse(
        reasons=[pb.Reason(kind=pb.Reason.Kind.ValueType(kind.value), name=name) for kind, name in explanation.reasons],
        expression=explanation.expression,
        score=explanation.score,
        signals=[_signal(*signal) for signal in explanation.signals],
        interest=[pb.Weight(name=name, weight=weight) for name, weight in explanation.interest],
    )


def _signal(name: str, value: float | bool | str, used: bool) -> pb.SignalValue:  # noqa: FBT001 - fields of one message
    message = pb.SignalValue(name=name, is_used=used)
    if isinstance(value, bool):
        message.flag = value
    elif isinstance(value, str):
        message.text = value
    else:
        message.number = value
    return message


def _now_ms() -> int:
    return int(time.time() * 1000)
