"""Nothing leaks (invariant 2): what each kind of reader gets to see of each kind of activity, by every way of reading."""

import pytest

from services.contracts import page_tokens
from services.contracts.errors import InvalidRequest, NotFound, ServiceUnavailable
from services.contracts.page_tokens import PageTokenInvalid
from services.search.ports import RequestRefused
from services.search.queries import Reader, SearchFilter
from services.search.reads import Reads
from tests.unit.search.examples import DIRECT, GROUP, INTERNAL, PUBLIC, activity, document
from tests.unit.search.fake_index import FakeIndex

EVERYTHING = {
    "public": activity("public", text="gate", audience=PUBLIC, sort_time_ms=4),
    "internal": activity("internal", text="gate", audience=INTERNAL, sort_time_ms=3),
    "group": activity("group", text="gate", audience=GROUP, sort_time_ms=2),
    "direct": activity("direct", text="gate", audience=DIRECT, sort_time_ms=1),
}
GONE = activity("gone", text="gate").as_deleted(2)
NAMES = {made.id: name for name, made in EVERYTHING.items()}

READERS = {
    "outsider": (Reader("person:olga"), {"public"}),
    "outside member": (Reader("person:gina", groups=frozenset({"group:platform"})), {"public", "group"}),
    "employee": (Reader("person:emil", employee=True), {"public", "internal"}),
    "member of another group": (Reader("person:otto", employee=True, groups=frozenset({"group:sales"})), {"public", "internal"}),
    "member": (Reader("person:mia", employee=True, groups=frozenset({"group:platform"})), {"public", "internal", "group"}),
    "recipient": (Reader("person:ben", employee=True), {"public", "internal", "direct"}),
    "outside recipient": (Reader("person:ben"), {"public", "direct"}),
}
each_reader = pytest.mark.parametrize(("reader", "theirs"), READERS.values(), ids=READERS)


async def filled():
    index = FakeIndex()
    await index.bulk([document(made) for made in (*EVERYTHING.values(), GONE)])
    await index.refresh()
    return index


def fresh():
    return ""


async def make(groups_of=lambda _: frozenset(), problem=fresh):
    return Reads(await filled(), groups_of, problem)


@each_reader
@pytest.mark.parametrize("words", ["", "gate"])
async def test_a_search_shows_and_counts_exactly_what_the_reader_may_read(reader, theirs, words):
    """Results, highlights and the total alike; page by page as well."""
    reads = await make()
    page = await reads.search(reader, words, SearchFilter(), page_size=100, page_token="")
    assert {NAMES[result.activity.id] for result in page.results} == theirs
    assert (page.total, page.exact, page.next_token) == (len(theirs), True, "")
    assert all(bool(result.highlights) is bool(words) for result in page.results)


@each_reader
async def test_one_activity_is_there_or_looks_as_if_it_had_never_been(reader, theirs):
    """The refusal is the same, word by word, for the missing, the deleted and the closed."""
    reads = await make()
    refusals = set()
    for name, made in EVERYTHING.items():
        if name in theirs:
            assert (await reads.get(reader, made.id)).text == "gate"
    for identity in (*(made.id for name, made in EVERYTHING.items() if name not in theirs), GONE.id, "0" * 32):
        with pytest.raises(NotFound) as refused:
            await reads.get(reader, identity)
        refusals.add((str(refused.value), refused.value.reason, str(refused.value.metadata)))
    assert len(refusals) == 1


@each_reader
async def test_several_activities_come_in_the_order_asked_without_the_closed_ones(reader, theirs):
    """A closed one leaves no gap that tells of it."""
    reads = await make()
    ids = [*reversed([made.id for made in EVERYTHING.values()]), GONE.id, "0" * 32]
    found = await reads.get_many(reader, ids)
    assert [NAMES[made.id] for made in found] == [NAMES[key] for key in ids if NAMES.get(key) in theirs]


async def test_a_body_that_says_less_than_its_document_is_not_shown():
    """The second gate: should the fields of a document ever be wrong, what is sent is still judged by itself."""
    index = await filled()
    made = EVERYTHING["direct"]
    for source in (index.visible[made.id], index.written[made.id][1]):
        source["scope"] = "PUBLIC"
    reads = Reads(index, lambda _: frozenset(), fresh)
    page = await reads.search(Reader("person:olga"), "", SearchFilter(), page_size=10, page_token="")
    assert made.id not in {result.activity.id for result in page.results}


async def test_while_memberships_are_unknown_nothing_is_answered():
    """Somebody may have left since: UNAVAILABLE rather than leak."""

    def unknown(_):
        raise ServiceUnavailable("unknown")

    with pytest.raises(ServiceUnavailable):
        (await make(unknown)).reader("person:mia", employee=True)


async def test_an_index_that_is_too_old_is_shown_to_nobody():
    """An edit that narrowed an audience, or a delete, may wait in the log."""
    with pytest.raises(ServiceUnavailable, match="halted"):
        (await make(problem=lambda: "the indexer halted")).reader("person:mia", employee=True)


async def test_pages_show_each_result_exactly_once():
    """From the first page to the last, with and without words, although newer ones arrive in between."""
    index = FakeIndex()
    made = [activity(str(number), text="gate", sort_time_ms=number // 3) for number in range(20)]
    await index.bulk([document(one) for one in made])
    await index.refresh()
    reads = Reads(index, lambda _: frozenset(), fresh)
    for words in ("", "gate"):
        seen, token, first = [], "", True
        while first or token:
            page = await reads.search(Reader("person:olga"), words, SearchFilter(), page_size=7, page_token=token)
            seen += [result.activity.id for result in page.results]
            token, first = page.next_token, False
            await index.bulk([document(activity(f"new-{words}-{len(seen)}", text="gate", sort_time_ms=999), 99)])
            await index.refresh()
        in_order = [one.id for one in sorted(made, key=lambda one: (one.sort_time_ms, one.id), reverse=True)]
        assert [key for key in seen if key in set(in_order)] == in_order
        assert len(seen) == len(set(seen))


async def test_a_page_token_belongs_to_its_search_and_can_not_be_made_up():
    """A changed filter is an error, not a page with gaps."""
    reads, reader = await make(), Reader("person:mia", employee=True)
    page = await reads.search(reader, "", SearchFilter(), page_size=1, page_token="")
    await reads.search(reader, "", SearchFilter(), page_size=2, page_token=page.next_token)
    for words, wanted, token in (
        ("gate", SearchFilter(), page.next_token),
        ("", SearchFilter(tags=("a",)), page.next_token),
        ("", SearchFilter(), page.next_token[:-4]),
    ):
        with pytest.raises(PageTokenInvalid):
            await reads.search(reader, words, wanted, page_size=1, page_token=token)


async def test_page_sizes_are_clamped():
    """More than the most is taken as the most, none as the default."""
    index = FakeIndex()
    await index.bulk([document(activity(str(number))) for number in range(150)])
    await index.refresh()
    reads = Reads(index, lambda _: frozenset(), fresh)
    for asked, got in ((0, 20), (5, 5), (1000, 100)):
        page = await reads.search(Reader("p"), "", SearchFilter(), page_size=asked, page_token="")
        assert len(page.results) == got


async def test_answers_stay_below_what_clients_take(monkeypatch):
    """Large activities make smaller pages, never an answer that the client throws away."""
    monkeypatch.setattr(page_tokens, "MAX_ANSWER_BYTES", 1000)
    index = FakeIndex()
    made = [activity(str(number), text="x" * 300) for number in range(6)]
    await index.bulk([document(one) for one in made])
    await index.refresh()
    reads = Reads(index, lambda _: frozenset(), fresh)
    page = await reads.search(Reader("p"), "", SearchFilter(), page_size=100, page_token="")
    assert (len(page.results), bool(page.next_token)) == (1, True)
    with pytest.raises(InvalidRequest):
        await reads.get_many(Reader("p"), [one.id for one in made])


async def test_an_index_that_is_away_is_unavailable_and_one_that_refuses_names_the_query():
    """The caller can tell what may pass from what won't; neither carries the index's own words."""
    index = await filled()
    reads = Reads(index, lambda _: frozenset(), fresh)
    index.readable = False
    for answer in (
        reads.search(Reader("p"), "", SearchFilter(), page_size=1, page_token=""),
        reads.get(Reader("p"), "0" * 32),
    ):
        with pytest.raises(ServiceUnavailable):
            await answer

    async def refuse(_):
        raise RequestRefused(400)

    index.search = refuse
    with pytest.raises(InvalidRequest) as refused:
        await reads.search(Reader("p"), "x", SearchFilter(), page_size=1, page_token="")
    assert refused.value.field == "query"
