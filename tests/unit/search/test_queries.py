from dataclasses import replace

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.contracts.activity import Entity, Scope, Source, Verb
from services.contracts.errors import InvalidRequest
from services.contracts.feed_filter import FeedFilter, passes
from services.contracts.matching import HOME_VERBS, delivered_to, facts_of, may_read
from services.search.id_order import halves
from services.search.queries import MAX_WORDS, HistoryAsk, Reader, SearchFilter, history_body, narrowed, readable_by, search_body
from tests.unit.contracts.activities import activities, activity_ids, groups, people, words
from tests.unit.search.examples import activity, document
from tests.unit.search.query_evaluator import holds

readers = st.builds(Reader, people, st.booleans(), st.frozensets(groups, max_size=4))


@given(activities, readers)
def test_the_gate_of_the_query_is_may_read(made, reader):
    """Whoever asks, the query finds exactly what the one gate of the house lets her read."""
    made = made.with_id()
    source = orjson.loads(document(made).source)
    allowed = may_read(reader.user, employee=reader.employee, groups=reader.groups, audience=made.audience)
    assert holds(readable_by(reader), source) == (allowed and not made.deleted)


tags = st.sampled_from(["kafka", "gate", "lock"])
channels = st.sampled_from(["channel:a", "channel:b"])
few = {"max_size": 2}
filters = st.builds(
    FeedFilter,
    source_kinds=st.lists(st.sampled_from(["rss", "mastodon", "sluice"]), **few).map(tuple),
    channels=st.lists(channels, **few).map(tuple),
    tags=st.lists(tags, **few).map(tuple),
    actors=st.lists(st.sampled_from(["person:anna", "person:ben"]), **few).map(tuple),
    scopes=st.lists(st.sampled_from(Scope), **few).map(tuple),
    languages=st.lists(st.sampled_from(["de", "en", "fr"]), **few).map(tuple),
)
# Of few names, so that filters often meet what they ask for; some are put to a channel or a group instead of coming through it.
entries = st.builds(
    replace,
    activities,
    source=st.builds(Source, st.sampled_from(["rss", "mastodon"]), st.just("i"), words, st.one_of(st.just(""), channels)),
    actor=st.one_of(st.none(), st.builds(Entity, st.sampled_from(["person:anna", "person:ben"]))),
    target=st.one_of(st.none(), st.builds(Entity, st.one_of(channels, groups))),
    verb=st.sampled_from(sorted(HOME_VERBS)),
    tags=st.lists(tags, **few).map(tuple),
)


@given(entries, readers, filters)
def test_history_narrows_as_feeds_do(made, reader, wanted):
    """A page that begins in memory and goes on in the index has one filter, whoever applies it."""
    made = made.with_id()
    facts = facts_of(made)
    names = delivered_to(facts)
    assume(names)
    body = history_body(HistoryAsk(names, narrowed=wanted), reader, size=10)
    allowed = may_read(reader.user, employee=reader.employee, groups=reader.groups, audience=made.audience)
    assert holds(body["query"], orjson.loads(document(made).source)) == (allowed and passes(wanted, facts))


@given(entries, filters)
def test_a_filter_that_narrows_nothing_lets_everything_pass(made, wanted):
    """Empty fields don't count, unread_only is not about the activity."""
    assert passes(FeedFilter(unread_only=True), facts_of(made))
    assert wanted.narrows or passes(wanted, facts_of(made))


@given(activities, readers, st.sets(st.sampled_from(Verb), max_size=3), st.data())
def test_history_finds_what_was_delivered_to_a_target_and_may_be_read(made, reader, verbs, data):
    """The feeds engine relies on it for every entry that it no longer has in memory."""
    made = made.with_id()
    names = delivered_to(facts_of(made))
    targets = data.draw(st.sets(st.sampled_from([*names, "tag:other"]), min_size=1))
    above = data.draw(
        st.one_of(st.none(), st.tuples(st.integers(made.sort_time_ms - 1, made.sort_time_ms + 1), st.just(made.id)))
    )
    body = history_body(HistoryAsk(targets, verbs, above=above), reader, size=10)
    allowed = may_read(reader.user, employee=reader.employee, groups=reader.groups, audience=made.audience)
    wanted = not targets.isdisjoint(names) and (not verbs or made.verb in verbs)
    wanted = wanted and (above is None or made.sort_time_ms >= above[0])
    source = orjson.loads(document(made).source)
    assert holds(body["query"], source) == (allowed and wanted and not made.deleted)


@given(st.lists(activity_ids, min_size=2, max_size=2))
def test_the_halves_of_ids_are_ordered_as_the_ids_are(pair):
    """Cursors are made of ids: the index must not order them otherwise."""
    first, second = pair
    assert (halves(first) < halves(second)) == (first < second)
    assert halves("") <= min(halves(first), halves(second))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (SearchFilter(), True),
        (SearchFilter(source_kinds=("mastodon", "rss")), True),
        (SearchFilter(source_kinds=("mastodon",)), False),
        (SearchFilter(channels=("channel:blog",), actors=("person:anna",)), True),
        (SearchFilter(channels=("channel:blog",), actors=("person:ben",)), False),
        (SearchFilter(tags=("Kafka",)), True),
        (SearchFilter(languages=("de",)), False),
        (SearchFilter(scopes=(Scope.PUBLIC, Scope.INTERNAL)), True),
        (SearchFilter(scopes=(Scope.UNSPECIFIED,)), False),
        (SearchFilter(verbs=(Verb.LIKE,)), False),
        (SearchFilter(after_ms=1000), True),
        (SearchFilter(after_ms=1001), False),
        (SearchFilter(before_ms=1000), False),
        (SearchFilter(before_ms=1001), True),
    ],
)
def test_filters_are_alternatives_within_a_field_and_add_up(wanted, found):
    """After includes its moment, before doesn't."""
    source = orjson.loads(document(activity(tags=("kafka",), language="en")).source)
    assert all(holds(query, source) for query in narrowed(wanted)) is found


def test_every_search_has_the_gate_with_and_without_words():
    """There is no way to a result, a count or a highlight around it."""
    reader = Reader("person:anna")
    for query in ("", "kafka", "-kafka", "a | b"):
        body = search_body(query, SearchFilter(), reader, size=10)
        assert body["query"]["bool"]["filter"][0] == readable_by(reader)


def test_what_is_marked_are_any_of_the_words():
    """Those that the text lacks may be in the title; Elasticsearch 9 marks nothing when the text alone doesn't match."""
    body = search_body("gate keeper", SearchFilter(), Reader("person:anna"), size=10)
    assert body["highlight"]["highlight_query"]["simple_query_string"]["default_operator"] == "or"
    assert body["query"]["bool"]["filter"][-1]["simple_query_string"]["default_operator"] == "and"


def test_words_score_by_constants_only():
    """A score that counts words over all documents would tell of those that the reader may not see."""
    body = search_body("kafka lag", SearchFilter(), Reader("person:anna"), size=10)
    assert set(body["query"]["bool"]) == {"filter", "should"}
    assert all(set(query) == {"constant_score"} for query in body["query"]["bool"]["should"])


@pytest.mark.parametrize(
    "words", ["w " * (MAX_WORDS + 1), "-".join("w" * (MAX_WORDS + 1)), "漢" * (MAX_WORDS + 1), '"' * 101, "| " * 101, ". " * 101]
)
def test_too_many_words_are_refused(words):
    """Their cost rises faster than their number, and the caller would decide on it; marks that make clauses count too."""
    with pytest.raises(InvalidRequest) as refused:
        search_body(words, SearchFilter(), Reader("person:anna"), size=10)
    assert refused.value.field == "query"


def test_a_page_goes_on_below_the_place():
    """Every order ends in the whole id, so that no two results share a place."""
    place, newest = (5, "a" * 32), [{"sort_time": "desc"}, {"id_high": "desc"}, {"id_low": "desc"}]
    assert search_body("", SearchFilter(), Reader("p"), size=1, after=(5, 1, 2))["search_after"] == [5, 1, 2]
    for query in ("", "kafka"):
        assert search_body(query, SearchFilter(), Reader("p"), size=1)["sort"][-3:] == newest
    assert history_body(HistoryAsk(["t"], below=place), Reader("p"), size=1)["search_after"] == [5, *halves(place[1])]
    assert "search_after" not in history_body(HistoryAsk(["t"]), Reader("p"), size=1)


def test_a_skeleton_is_read_from_a_column():
    """Eight hundred documents take longer to unpack than to find."""
    body = history_body(HistoryAsk(["t"], skeletons=True), Reader("p"), size=1)
    assert (body["_source"], body["stored_fields"], body["docvalue_fields"]) == (False, "_none_", ["facts"])
    assert history_body(HistoryAsk(["t"]), Reader("p"), size=1)["_source"] == ["body"]
