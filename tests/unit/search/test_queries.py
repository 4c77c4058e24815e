import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Scope, Verb
from services.contracts.errors import InvalidRequest
from services.contracts.matching import delivered_to, facts_of, may_read
from services.search.queries import MAX_WORDS, Reader, SearchFilter, history_body, narrowed, readable_by, search_body
from tests.unit.contracts.activities import activities, groups, people
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


@given(activities, readers, st.sets(st.sampled_from(Verb), max_size=3), st.data())
def test_history_finds_what_was_delivered_to_a_target_and_may_be_read(made, reader, verbs, data):
    """The feeds engine relies on it for every entry that it no longer has in memory."""
    made = made.with_id()
    names = delivered_to(facts_of(made))
    targets = data.draw(st.sets(st.sampled_from([*names, "tag:other"]), min_size=1))
    body = history_body(targets, reader, verbs=verbs, size=10)
    allowed = may_read(reader.user, employee=reader.employee, groups=reader.groups, audience=made.audience)
    wanted = not targets.isdisjoint(names) and (not verbs or made.verb in verbs)
    source = orjson.loads(document(made).source)
    assert holds(body["query"], source) == (allowed and wanted and not made.deleted)


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
    for words in ("", "kafka", "-kafka", "a | b"):
        body = search_body(words, SearchFilter(), reader, size=10)
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
    """Both orders end in the id, so that no two results share a place."""
    assert search_body("", SearchFilter(), Reader("p"), size=1, after=(5, "a"))["search_after"] == [5, "a"]
    for words in ("", "kafka"):
        assert search_body(words, SearchFilter(), Reader("p"), size=1)["sort"][-2:] == [{"sort_time": "desc"}, {"id": "desc"}]
    assert history_body(["t"], Reader("p"), before=(5, "a"), size=1)["search_after"] == [5, "a"]
    assert "search_after" not in history_body(["t"], Reader("p"), size=1)
