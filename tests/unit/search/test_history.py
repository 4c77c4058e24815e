"""What the feeds get of the past: exact between two places, in skeletons as in whole activities, and only what the reader may read."""

import base64

import pytest

from services.contracts import page_tokens
from services.contracts.activity_facts import facts_from_message
from services.contracts.errors import ServiceUnavailable
from services.contracts.feed_filter import FeedFilter
from services.contracts.matching import facts_of
from services.search.history import History
from services.search.queries import HistoryAsk, Reader
from tests.unit.search.examples import activity, document
from tests.unit.search.fake_index import FakeIndex
from tests.unit.search.test_reads import EVERYTHING, NAMES, each_reader, filled

ANYBODY = Reader("person:olga")
each_form = pytest.mark.parametrize("skeletons", [False, True], ids=["activities", "skeletons"])


async def history_of(made, refreshed=dict):
    index = FakeIndex()
    await index.bulk([document(one) for one in made])
    await index.refresh()
    return History(index, refreshed)


def found(past):
    return [one.id for one in (*past.activities, *past.facts)]


def asked(skeletons, **changes):
    return HistoryAsk(["channel:blog"], skeletons=skeletons, **changes)


@each_reader
@each_form
async def test_history_is_limited_to_its_reader(reader, theirs, skeletons):
    """The feeds service asks on somebody's behalf."""
    past = await History(await filled(), dict).newest(asked(skeletons), reader, 100)
    assert [NAMES[key] for key in found(past)] == [name for name in EVERYTHING if name in theirs]
    assert past.exhausted


async def test_skeletons_are_the_facts_of_the_activities_and_nothing_else():
    """Nobody's words cross the wire before it is decided who sees them."""
    made = activity(text="secret", title="word", audience=EVERYTHING["group"].audience, tags=("a",), language="de")
    past = await (await history_of([made])).newest(asked(skeletons=True), Reader("p", groups=frozenset({"group:platform"})), 1)
    assert [facts_from_message(message) for message in past.facts] == [facts_of(made)]
    assert (past.activities, b"secret" in past.facts[0].SerializeToString()) == ((), False)


@each_form
async def test_history_goes_down_from_a_place_to_the_end_and_says_so(skeletons):
    """Strictly below (sort time, id): neither gap nor repetition where many share a time."""
    made = sorted((activity(str(number), sort_time_ms=number // 4) for number in range(10)), key=place)
    history = await history_of(made)
    seen, below, exhausted = [], None, False
    while not exhausted:
        past = await history.newest(asked(skeletons, below=below), ANYBODY, 3)
        seen += found(past)
        below, exhausted = place([*past.activities, *past.facts][-1]), past.exhausted
    assert seen == [one.id for one in reversed(made)]


@each_form
@pytest.mark.parametrize("limit", [1, 3, 4, 100])
async def test_history_ends_above_a_place(limit, skeletons):
    """Strictly above (sort time, id), whatever shares its time; there is nothing more to ask for then."""
    made = sorted((activity(str(number), sort_time_ms=number // 4) for number in range(12)), key=place)
    history = await history_of(made)
    for at, lowest in enumerate(made):
        above = [one.id for one in reversed(made[at + 1 :])]
        past = await history.newest(asked(skeletons, above=place(lowest)), ANYBODY, limit)
        assert (found(past), past.exhausted) == (above[:limit], len(above) <= limit)


@each_form
async def test_what_a_filter_keeps_out_takes_no_place(skeletons):
    """A page of a narrowed feed is full although most of what was delivered doesn't pass."""
    made = [activity(str(number), sort_time_ms=number, language="de" if number % 10 == 0 else "en") for number in range(50)]
    history = await history_of(made)
    past = await history.newest(asked(skeletons, narrowed=FeedFilter(languages=("de",))), ANYBODY, 3)
    assert (found(past), past.exhausted) == ([made[40].id, made[30].id, made[20].id], False)


@each_form
async def test_facts_and_bodies_that_say_less_than_their_document_are_not_shown(skeletons):
    """The second gate: should the fields of a document ever be wrong, what is sent is still judged by itself."""
    index = await filled()
    closed = index.visible[EVERYTHING["direct"].id]
    closed["scope"] = "PUBLIC"
    assert EVERYTHING["direct"].id not in found(await History(index, dict).newest(asked(skeletons), ANYBODY, 100))
    closed["facts"] = closed["body"] = base64.b64encode(b"\xff\xff broken").decode()
    assert EVERYTHING["direct"].id not in found(await History(index, dict).newest(asked(skeletons), ANYBODY, 100))


async def test_the_vector_of_history_is_from_before_the_search():
    """What becomes visible during the search may be in the answer; what the vector says must be."""
    index, order = await filled(), []
    search = index.search

    async def searched(body):
        order.append("search")
        return await search(body)

    index.search = searched
    past = await History(index, lambda: order.append("vector") or {0: 5}).newest(asked(skeletons=False), ANYBODY, 1)
    assert order == ["vector", "search"]
    assert past.refreshed == {0: 5}


async def test_answers_stay_below_what_clients_take(monkeypatch):
    """Large activities make smaller answers, never one that the client throws away."""
    monkeypatch.setattr(page_tokens, "MAX_ANSWER_BYTES", 1000)
    made = [activity(str(number), text="x" * 300, tags=tuple(f"{number}{tag}" for tag in range(20))) for number in range(9)]
    history = await history_of(made)
    whole = await history.newest(asked(skeletons=False), ANYBODY, 100)
    assert (len(whole.activities), whole.exhausted) == (1, False)
    skeletons = await history.newest(asked(skeletons=True), ANYBODY, 100)
    assert 1 < len(skeletons.facts) < 9
    assert not skeletons.exhausted


@each_form
async def test_an_index_that_is_away_is_unavailable(skeletons):
    """The feeds then say that a page is partial."""
    index = await filled()
    index.readable = False
    with pytest.raises(ServiceUnavailable):
        await History(index, dict).newest(asked(skeletons), ANYBODY, 1)


def place(one):
    return one.sort_time_ms, one.id
