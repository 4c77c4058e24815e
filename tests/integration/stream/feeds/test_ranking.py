"""Ranked feeds through the real worker: the saved choice, pages, explanations, and what is kept across a restart."""

import time

import grpc
import pytest
from sluice.activity.v1 import preference_pb2
from sluice.feed.v1 import feed_service_pb2 as feed_pb
from sluice.feed.v1 import ranking_service_pb2 as pb
from sluice.feed.v1 import rollup_pb2
from sluice.feed.v1.ranking_service_pb2_grpc import RankingServiceStub

from services.contracts.activity import Scope

FOR_YOU, NEWEST = preference_pb2.ORDER_FOR_YOU, preference_pb2.ORDER_NEWEST
OLDEST_FIRST = "age_hours"


class Ranking:
    """A caller's RankingService."""

    def __init__(self, house, caller, channel):
        self._caller = caller
        self._stub = RankingServiceStub(channel)

    async def call(self, method, **fields):
        return await self._caller.call(getattr(self._stub, method), getattr(pb, f"{method}Request")(**fields))


async def written(house, count):
    """Publish posts by ben, the oldest first; return their ids."""
    now_ms = int(time.time() * 1000)
    posts = [
        house.activity("ben", str(number), sort_time_ms=now_ms - (count - number) * 3_600_000, tags=("x",) if number == 2 else ())
        for number in range(count)
    ]
    await house.publish(*posts)
    return [post.id for post in posts]


async def page_through(anna, size=2, **fields):
    """Return the texts of all pages."""
    texts, token = [], ""
    while True:
        page = await anna.feed(page_size=size, page_token=token, **fields)
        texts += [entry.activity.text for entry in page.entries]
        if not (token := page.next_page_token):
            return texts


async def refusal(awaiting):
    """Return code and text of the refusal of a call."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await awaiting
    return error.value.code(), error.value.details()


async def test_a_saved_ranking_orders_the_feed_until_it_is_taken_back(house):
    """By default newest first; a saved choice holds for every page, and after a restart; a request may always say otherwise."""
    await written(house, 5)
    async with house.working(), house.calling("anna") as anna, grpc.aio.insecure_channel(house.settings.grpc.address) as channel:
        ranking = Ranking(house, anna, channel)
        await anna.relate("Follow", object="person:ben")
        await anna.until_texts(["4", "3", "2", "1", "0"])
        assert await page_through(anna, order=FOR_YOU) == ["4", "3", "2", "1", "0"]
        saved = await ranking.call("SetRanking", order=FOR_YOU, expression=OLDEST_FIRST)
        assert (saved.ranking.order, saved.ranking.expression) == (FOR_YOU, OLDEST_FIRST)
        assert await page_through(anna) == ["0", "1", "2", "3", "4"]
        assert await page_through(anna, order=NEWEST) == ["4", "3", "2", "1", "0"]
        scores = [entry.score for entry in (await anna.feed()).entries]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] == pytest.approx(5, abs=0.1)
        assert not (await anna.feed(order=NEWEST)).entries[0].HasField("score")
        async with house.calling("ben") as ben:
            assert (await ben.texts()) == ["4", "3", "2", "1", "0"]
    async with house.working(), house.calling("anna") as anna, grpc.aio.insecure_channel(house.settings.grpc.address) as channel:
        assert await page_through(anna) == ["0", "1", "2", "3", "4"]
        await Ranking(house, anna, channel).call("SetRanking", order=NEWEST, expression=OLDEST_FIRST)
        assert await page_through(anna) == ["4", "3", "2", "1", "0"]


async def test_tokens_and_orders_belong_together(house):
    """A token goes on in its own order; another order, a feed that can't be ranked and a lost snapshot are named."""
    await written(house, 5)
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object="person:ben")
        await anna.until_texts(["4", "3", "2", "1", "0"])
        ranked = (await anna.feed(page_size=2, order=FOR_YOU)).next_page_token
        newest = (await anna.feed(page_size=2)).next_page_token
        assert await anna.texts(page_size=9, page_token=ranked) == ["2", "1", "0"]
        assert await anna.texts(page_size=9, page_token=newest) == ["2", "1", "0"]
        for order, token in ((NEWEST, ranked), (FOR_YOU, newest)):
            assert await refusal(anna.feed(order=order, page_token=token)) == (
                grpc.StatusCode.INVALID_ARGUMENT,
                "the page token belongs to a request with other fields",
            )
        for other in ({"feed": feed_pb.FEED_KIND_OUTBOX}, {"roll_up": rollup_pb2.RollUp()}):
            assert (await refusal(anna.feed(order=FOR_YOU, **other)))[0] is grpc.StatusCode.INVALID_ARGUMENT
    async with house.working(), house.calling("anna") as anna:
        code, text = await refusal(anna.feed(page_token=ranked))
        assert code is grpc.StatusCode.OUT_OF_RANGE
        assert "first page" in text


async def test_an_expression_is_checked_and_refused_with_its_place(house):
    """Checking saves nothing."""
    async with house.working(), house.calling("anna") as anna, grpc.aio.insecure_channel(house.settings.grpc.address) as channel:
        ranking = Ranking(house, anna, channel)
        code, text = await refusal(ranking.call("SetRanking", expression="popularity * intrest"))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "line 1, column 14: there is no signal intrest; did you mean interest?" in text
        assert (
            await ranking.call("SetRanking", order=FOR_YOU, expression="likes", check_only=True)
        ).ranking.expression == "likes"
        told = await ranking.call("GetRanking")
        assert told.ranking.is_default
        assert told.ranking.expression == "interest * popularity * decay(age_hours, 24)"
        assert {"interest", "source"} <= {signal.name for signal in told.signals}


async def test_an_entry_is_explained_and_interest_reset(house):
    """Which follow let it in, each signal, what her reactions add; nothing of what isn't in her feed."""
    ids = await written(house, 4)
    hidden = house.activity("ben", "for few", scope=Scope.DIRECT)
    await house.publish(hidden)
    async with house.working(), house.calling("anna") as anna, grpc.aio.insecure_channel(house.settings.grpc.address) as channel:
        ranking = Ranking(house, anna, channel)
        await anna.relate("Follow", object="person:ben")
        await anna.until_texts(["3", "2", "1", "0"])
        await anna.call(anna.feeds.Save, feed_pb.SaveRequest(activity_ids=[ids[2]]))
        weights = {weight.name: weight.weight for weight in (await ranking.call("GetRanking")).interest}
        assert weights == pytest.approx({"person:ben": 1.0986, "tag:x": 1.0986}, abs=0.01)
        explained = await ranking.call("ExplainEntry", activity_id=ids[2])
        assert [(reason.kind, reason.name) for reason in explained.reasons] == [(pb.Reason.KIND_FOLLOWS, "person:ben")]
        signals = {signal.name: getattr(signal, signal.WhichOneof("value")) for signal in explained.signals}
        assert (signals["is_saved"], signals["is_followed"], signals["source"]) == (True, True, "sluice")
        assert [weight.name for weight in explained.interest] == ["person:ben", "tag:x"]
        expected = signals["interest"] * signals["popularity"] * 0.5 ** (signals["age_hours"] / 24)
        assert explained.score == pytest.approx(expected)
        assert signals["interest"] == pytest.approx(1 + sum(weight.weight for weight in explained.interest))
        assert [signal.name for signal in explained.signals if signal.is_used] == ["age_hours", "interest", "popularity"]
        for activity_id in (hidden.id, "0" * 32):
            assert (await refusal(ranking.call("ExplainEntry", activity_id=activity_id)))[0] is grpc.StatusCode.NOT_FOUND
        assert (await ranking.call("ResetInterest")).ranking.HasField("interest_since")
        assert not (await ranking.call("GetRanking")).interest
        assert not (await ranking.call("ExplainEntry", activity_id=ids[2])).interest


async def test_interest_is_told_to_who_has_not_read_yet(house):
    """After a restart nobody has a timeline; asking builds it."""
    ids = await written(house, 2)
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object="person:ben")
        await anna.call(anna.feeds.Save, feed_pb.SaveRequest(activity_ids=ids))
    async with house.working(), house.calling("anna") as anna, grpc.aio.insecure_channel(house.settings.grpc.address) as channel:
        assert [weight.name for weight in (await Ranking(house, anna, channel).call("GetRanking")).interest] == ["person:ben"]
