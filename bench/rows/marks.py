"""MarkRead in batches of fifty through gRPC: how many marks a second one server process has acknowledged by Kafka, and in force.

The ceiling is an echo of the same server, behind the same interceptors, that writes one bare record of as many bytes and answers when
Kafka has acknowledged it. It derives no keys, checks no limits and applies nothing.
"""

import asyncio
import secrets
from collections.abc import Mapping
from statistics import median

from sluice.feed.v1 import feed_service_pb2 as pb

from bench.figures import Figure, Measured, Target
from bench.grpc_load import GrpcLoad, call_as
from bench.house import House
from bench.measured_feeds import ECHO, MARK_READ, MeasuredFeeds
from bench.row import Context, Need, Row

MARKS = Figure(
    "marks_per_s",
    "1/s",
    Target(ratio_at_least=0.5),
    "an echo behind the same interceptors, with one bare acknowledged record of as many bytes a call",
)
BATCH = 50
# So many that no user comes near her limit, few enough that the server remembers every token.
_USERS, _CALLS = 200, 8_000
_IN_FLIGHT = 32


async def _measured(context: Context) -> Measured:
    house = House(context)
    tokens = [house.token(f"user-{number}") for number in range(_USERS)]
    size = len(_request())
    # A request of the echo that is as long.
    echo = pb.GetFeedRequest(page_token="x" * (size - 3)).SerializeToString()
    echoed = [call_as(token, echo) for token in tokens]
    seconds = context.size(5, 2)
    rates, echoes, cost = list[float](), list[float](), list[float]()
    with MeasuredFeeds(house, {}, core=context.cores.measured) as feeds:
        feeds.ask("produce", size=size)
        async with GrpcLoad(feeds.address) as load:
            for call in echoed:
                # Whose token it has seen the server knows.
                await load.once(ECHO, call)
            for _ in range(context.repeats):
                # Nobody marks what she has marked.
                marks = [call_as(tokens[number % _USERS], _request()) for number in range(_CALLS)]
                for method, calls, found in ((MARK_READ, marks, rates), (ECHO, echoed, echoes)):
                    before = feeds.ask("clock")["processor"]
                    rate = await load.rate(method, calls, in_flight=_IN_FLIGHT, seconds=seconds)
                    found.append(rate * BATCH)
                    cost.append((feeds.ask("clock")["processor"] - before) / (rate * seconds) * 1e6)
    return Measured(rates, echoes, {"processor_us": median(cost[::2]), "echo_processor_us": median(cost[1::2])})


def _request() -> bytes:
    return pb.MarkReadRequest(activity_ids=[secrets.token_hex(16) for _ in range(BATCH)]).SerializeToString()


def run(context: Context) -> Mapping[str, Measured]:
    """Measure on servers."""
    return {MARKS.name: asyncio.run(_measured(context))}


ROW = Row((MARKS,), run, frozenset({Need.BROKER}), seconds=200)
