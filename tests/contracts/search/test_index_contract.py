"""What every index does, the fake of the unit tests and Elasticsearch alike."""

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.contracts.activity import Object, Verb
from services.contracts.activity_facts import facts_from_message, parse_facts
from services.contracts.codec import activity_from_bytes
from services.contracts.matching import facts_of, may_read, replies_name
from services.search.ports import Checkpoint, CheckpointLost
from services.search.queries import HistoryAsk, Reader, SearchFilter, history_body, search_body
from tests.unit.contracts.activities import activities, groups, people
from tests.unit.search.examples import GROUP, activity, document

OFFSETS = count()
ANYBODY = Reader("person:olga")


async def ids_of(index, body):
    return [hit.id for hit in (await index.search(body)).hits]


async def facts_ids(index, body):
    return [parse_facts(data).id for data in await index.facts(body)]


def newest(size=10, **changes):
    return search_body("", SearchFilter(), ANYBODY, size=size, **changes)


async def test_what_is_written_is_found_after_a_refresh_and_not_before(index):
    """Only a refresh makes writes visible to searches; reading by id sees them at once."""
    made = activity(text="gate")
    assert [outcome.status for outcome in await index.bulk([document(made)])] == [201]
    assert await ids_of(index, newest()) == []
    (body,) = await index.get_many([made.id])
    assert activity_from_bytes(body) == made
    await index.refresh()
    assert await ids_of(index, newest()) == [made.id]


async def test_an_older_or_equal_version_never_comes_back(index):
    """Also after a delete: the marker keeps its version."""
    made = activity(text="gate")
    await index.bulk([document(made, 5), document(made.as_deleted(2), 7)])
    outcomes = await index.bulk([document(made, 5), document(made, 6), document(made, 7)])
    assert [outcome.status for outcome in outcomes] == [409, 409, 409]
    await index.refresh()
    assert await ids_of(index, newest()) == []
    assert await index.get_many([made.id]) == [None]


async def test_a_newer_version_replaces_the_older_within_one_request(index):
    """Order within a request is kept."""
    await index.bulk([document(activity(text="one"), 0), document(activity(text="two"), 1)])
    (body,) = await index.get_many([activity().id])
    assert activity_from_bytes(body).text == "two"


async def test_missing_ids_are_none_in_their_place(index):
    """The order of ids is the order of answers."""
    made = activity()
    await index.bulk([document(made)])
    first, second = await index.get_many(["0" * 32, made.id])
    assert first is None
    assert second is not None
    assert await index.get_many([]) == []


async def test_a_checkpoint_moves_only_from_where_it_was(index):
    """Who lost the partition, or was gone while the index went back, notices before it claims anything."""
    assert await index.checkpoints([0, 1]) == {}
    saved = await index.save_checkpoints([Checkpoint(0, 5), Checkpoint(1, 0)])
    assert {number: point.position for number, point in saved.items()} == {0: 5, 1: 0}
    assert await index.checkpoints([0, 1, 2]) == saved
    with pytest.raises(CheckpointLost):
        await index.save_checkpoints([Checkpoint(0, 6)])
    old = saved[0]
    moved = await index.save_checkpoints([Checkpoint(0, 8, old.seq_no, old.primary_term)])
    with pytest.raises(CheckpointLost):
        await index.save_checkpoints([Checkpoint(0, 9, old.seq_no, old.primary_term)])
    assert await index.checkpoints([0]) == moved


async def test_checkpoints_are_never_found(index):
    """They live among the activities and are none of them."""
    await index.save_checkpoints([Checkpoint(0, 5)])
    await index.refresh()
    found = await index.search(newest())
    assert (found.hits, found.total) == ((), 0)


async def test_pages_go_on_below_a_place_in_sort_time_and_id(index):
    """Falling, the id deciding between equals, for searches and for history."""
    made = [activity(str(number), sort_time_ms=number // 3) for number in range(9)]
    await index.bulk([document(one) for one in made])
    await index.refresh()
    order = [one.id for one in sorted(made, key=lambda one: (one.sort_time_ms, one.id), reverse=True)]
    assert await ids_of(index, newest()) == order
    first = await index.search(newest(4))
    assert await ids_of(index, newest(4, after=first.hits[-1].sort)) == order[4:8]
    below = [order[order.index(made[4].id) + 1 :], [key for key in order if key not in {one.id for one in made[6:]}]]
    for place, expected in zip([(made[4].sort_time_ms, made[4].id), (2, "")], below, strict=True):
        asked = {"targets": ["channel:blog"], "below": place}
        assert await ids_of(index, history_body(HistoryAsk(**asked), ANYBODY, size=9)) == expected
        assert await facts_ids(index, history_body(HistoryAsk(**asked, skeletons=True), ANYBODY, size=9)) == expected


async def test_skeletons_are_the_facts_of_what_is_found(index):
    """Without a document's source, and nothing where nothing is found."""
    made = activity(audience=GROUP, tags=("a", "b"), language="de")
    await index.bulk([document(made)])
    await index.refresh()
    member = Reader("person:mia", groups=frozenset({"group:platform"}))
    for reader, expected in ((member, [facts_of(made)]), (ANYBODY, [])):
        found = await index.facts(history_body(HistoryAsk(["tag:a"], skeletons=True), reader, size=5))
        assert [facts_from_message(parse_facts(data)) for data in found] == expected


async def test_replies_are_found_under_what_they_answer_and_what_they_are_about(index):
    """A thread asks for the answers to many at once; facts say which of them each answers."""
    root, other = activity("root"), activity("other")
    answer = activity("answer", verb=Verb.COMMENT, in_reply_to=root.id, audience=GROUP)
    both = activity("both", verb=Verb.COMMENT, in_reply_to=answer.id, object=Object(activity_id=root.id), sort_time_ms=2000)
    share = activity("share", verb=Verb.SHARE, object=Object(activity_id=root.id), sort_time_ms=3000)
    like = activity("like", verb=Verb.LIKE, object=Object(activity_id=root.id))
    gone = activity("gone", verb=Verb.COMMENT, in_reply_to=root.id)
    await index.bulk([document(one) for one in (root, other, answer, both, share, like)])
    await index.bulk([document(gone), document(gone.as_deleted(2), 1)])
    await index.refresh()
    member = Reader("person:mia", groups=frozenset({"group:platform"}))
    for reader, names, expected in (
        (ANYBODY, [root.id], [share, both]),
        (member, [root.id], [share, both, answer]),
        (ANYBODY, [answer.id, other.id], [both]),
        (member, [share.id], []),
    ):
        asked = HistoryAsk([replies_name(name) for name in names], skeletons=True)
        found = [facts_from_message(parse_facts(data)) for data in await index.facts(history_body(asked, reader, size=9))]
        assert found == [facts_of(one) for one in expected]


async def test_ids_order_as_words_do_from_the_first_to_the_last(index):
    """Whatever their digits: the index sorts by two numbers."""
    ids = ["0" * 32, "7" + "f" * 31, "8" + "0" * 31, "8" + "0" * 15 + "f" * 16, "9" * 32, "a" * 32, "f" * 32]
    await index.bulk([document(replace(activity(), id=name)) for name in ids])
    await index.refresh()
    shown = []
    while len(shown) < len(ids):
        below = (activity().sort_time_ms, shown[-1]) if shown else None
        shown += await ids_of(index, history_body(HistoryAsk(["channel:blog"], below=below), ANYBODY, size=2))
    assert shown == ids[::-1]


async def test_history_takes_sixty_thousand_targets(index):
    """As many as one reader may follow."""
    made = activity()
    await index.bulk([document(made)])
    await index.refresh()
    targets = [f"person:{number}" for number in range(59_999)]
    assert await ids_of(index, history_body(HistoryAsk([*targets, "channel:blog"]), ANYBODY, size=5)) == [made.id]
    assert await ids_of(index, history_body(HistoryAsk(targets), ANYBODY, size=5)) == []


async def test_a_search_by_words_marks_and_counts_what_the_reader_may_read(index):
    """Every word must be there, in the text, the title or the actor's name."""
    one, two = activity("1", text="open the gate"), activity("2", text="gate", title="Lock", name="Ben Keeper")
    await index.bulk([document(one), document(two)])
    await index.refresh()
    found = await index.search(search_body("gate keeper", SearchFilter(), ANYBODY, size=5))
    assert ([hit.id for hit in found.hits], found.total, found.exact) == ([two.id], 1, True)
    assert any("<mark>" in piece for piece in found.hits[0].highlights)
    assert await ids_of(index, search_body("gate nothing", SearchFilter(), ANYBODY, size=5)) == []


readers = st.builds(Reader, people, st.booleans(), st.frozensets(groups, max_size=4))


@given(st.lists(activities, max_size=8, unique_by=lambda one: one.source.activity_id), readers)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_engine_finds_what_may_read_allows(index, made, reader):
    """The gate as the engine understands it, against the one function of the house."""
    # One index serves all examples: later ones are newer.
    offset = next(OFFSETS)
    made = [one.with_id() for one in made]
    await index.bulk([document(one, offset) for one in made])
    await index.refresh()
    found = set(await ids_of(index, search_body("", SearchFilter(), reader, size=10_000)))
    for one in made:
        allowed = may_read(reader.user, employee=reader.employee, groups=reader.groups, audience=one.audience)
        assert (one.id in found) == (allowed and not one.deleted)
