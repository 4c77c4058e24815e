"""Queries in the language of Elasticsearch, built from what was asked and from who asks. Nothing here talks to a server."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from services.contracts.activity import Scope, Verb
from services.contracts.errors import InvalidRequest
from services.contracts.feed_filter import NO_FILTER, FeedFilter
from services.search.documents import BODY, FACTS
from services.search.id_order import HIGH, LOW, halves

Query = dict[str, Any]

# Clauses cost more than linearly: fifty words over seven fields take a tenth of a second, four hundred take seconds.
MAX_WORDS = 50
EXACT_TOTAL = 10_000

# A word as the tokenizer counts them: of scripts without spaces each character is one.
_WORD = re.compile(r"[\u2e80-\U0010ffff]|\w+")
# What makes a clause without being a word: two thousand quotation marks overflow the stack of the embedded engine.
_PIECE = re.compile(r'[^\s"|]+|["|]')
# Phrases, -, |, * and quotes; no fuzziness, slop or nesting, whose cost the caller would decide.
_FLAGS = "AND|OR|NOT|PHRASE|PREFIX|WHITESPACE|ESCAPE"

NEWEST_FIRST: list[Query] = [{"sort_time": "desc"}, {HIGH: "desc"}, {LOW: "desc"}]
BEST_FIRST: list[Query] = [{"_score": "desc"}, *NEWEST_FIRST]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks. groups: entity names of the groups that the user is a member of by the relations log."""

    user: str
    employee: bool = False
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """What narrows a search: alternatives within a field, fields add up, empty fields don't count.

    after_ms: sort time at or after; before_ms: sort time before; None: no bound.
    """

    source_kinds: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = ()
    verbs: tuple[Verb, ...] = ()
    after_ms: int | None = None
    before_ms: int | None = None


def readable_by(reader: Reader) -> Query:
    """Return the query that says of a document what `matching.may_read` says of its activity. It is never empty."""
    allowed: list[Query] = [{"term": {"scope": Scope.PUBLIC.name}}]
    if reader.employee:
        allowed.append({"term": {"scope": Scope.INTERNAL.name}})
    if reader.groups:
        allowed.append(_named(Scope.GROUP, {"terms": {"audience": sorted(reader.groups)}}))
    allowed.append(_named(Scope.DIRECT, {"term": {"audience": reader.user}}))
    return {
        "bool": {
            "filter": [{"bool": {"should": allowed, "minimum_should_match": 1}}],
            "must_not": [{"term": {"deleted": True}}],
        }
    }


def _named(scope: Scope, name: Query) -> Query:
    return {"bool": {"filter": [{"term": {"scope": scope.name}}, name]}}


def narrowed(wanted: SearchFilter) -> list[Query]:
    """Return one query for each field of the filter that says something; all must hold."""
    fields: dict[str, Sequence[str]] = {
        "source_kind": wanted.source_kinds,
        "channel": wanted.channels,
        "actor": wanted.actors,
        "tags": [tag.lower() for tag in wanted.tags],
        "language": wanted.languages,
        "scope": [scope.name for scope in wanted.scopes],
        "verb": [verb.name for verb in wanted.verbs],
    }
    queries: list[Query] = [{"terms": {name: list(values)}} for name, values in fields.items() if values]
    bounds = {"gte": wanted.after_ms, "lt": wanted.before_ms}
    if times := {name: ms for name, ms in bounds.items() if ms is not None}:
        queries.append({"range": {"sort_time": times}})
    return queries


def search_body(words: str, wanted: SearchFilter, reader: Reader, *, size: int, after: Sequence[Any] = ()) -> Query:
    """Return the request of one page of a search. after: the sort values of the last result before it.

    With words the order is (score, sort time, id), all falling, else (sort time, id); an id is two sort values. Raises
    InvalidRequest for more than MAX_WORDS words.
    """
    words = words.strip()
    gate = [readable_by(reader), *narrowed(wanted)]
    body: Query = {
        "size": size,
        "query": _found_by(words, gate) if words else {"bool": {"filter": gate}},
        "sort": BEST_FIRST if words else NEWEST_FIRST,
        "_source": [BODY],
        "track_total_hits": EXACT_TOTAL,
    }
    if words:
        # Any of the words: the others may be in the title, and Elasticsearch marks nothing where the text alone doesn't match.
        body["highlight"] = _HIGHLIGHT | {"highlight_query": _words(words, "text", every=False)}
    if after:
        body["search_after"] = list(after)
    return body


def _found_by(words: str, gate: list[Query]) -> Query:
    """Score by constants only.

    Scores by word frequency count the documents that the reader may not see, so they would tell of them; and they move with every
    write, so that pages would shift. These don't: words in the title weigh more, words that stand together more still.
    """
    if len(found := _WORD.findall(words)) > MAX_WORDS or len(_PIECE.findall(words)) > 2 * MAX_WORDS:
        raise InvalidRequest(f"a query has at most {MAX_WORDS} words", field="query")
    ranks = [(1.0, _words(words, "title"))]
    if len(found) > 1:
        together = f'"{" ".join(found)}"'
        ranks += [(4.0, _words(together, "title")), (2.0, _words(together, "text"))]
    return {
        "bool": {
            "filter": [*gate, _words(words, "title", "text", "actor_name")],
            "should": [
                {"constant_score": {"filter": {"match_all": {}}, "boost": 1.0}},
                *({"constant_score": {"filter": query, "boost": boost}} for boost, query in ranks),
            ],
        }
    }


def _words(words: str, *fields: str, every: bool = True) -> Query:
    operator = "and" if every else "or"
    return {"simple_query_string": {"query": words, "fields": list(fields), "default_operator": operator, "flags": _FLAGS}}


_HIGHLIGHT: Query = {
    "encoder": "html",
    "pre_tags": ["<mark>"],
    "post_tags": ["</mark>"],
    "number_of_fragments": 3,
    "fragment_size": 160,
    "fields": {"text": {}},
}


@dataclass(frozen=True, slots=True)
class HistoryAsk:
    """Which part of what was delivered to names: strictly below and above places (sort time, id), newest first.

    targets: entity names, any of which. verbs: only these; none means all. skeletons: facts instead of bodies.
    """

    targets: Collection[str]
    verbs: Collection[Verb] = ()
    narrowed: FeedFilter = NO_FILTER
    below: tuple[int, str] | None = None
    above: tuple[int, str] | None = None
    skeletons: bool = False


def history_body(ask: HistoryAsk, reader: Reader, *, size: int) -> Query:
    """Return the request for the newest of what was asked. Those that share the sort time of `above` come along: see `reads`."""
    gate: list[Query] = [{"terms": {"delivered_to": sorted(set(ask.targets))}}, readable_by(reader), *_passing(ask.narrowed)]
    if ask.verbs:
        gate.append({"terms": {"verb": sorted(verb.name for verb in ask.verbs)}})
    if ask.above is not None:
        gate.append({"range": {"sort_time": {"gte": ask.above[0]}}})
    body: Query = {
        "size": size,
        "query": {"bool": {"filter": gate}},
        "sort": NEWEST_FIRST,
        "track_total_hits": False,
        # Nothing of a skeleton lies in the documents, which are compressed in blocks: a column has it.
        **({"_source": False, "stored_fields": "_none_", "docvalue_fields": [FACTS]} if ask.skeletons else {"_source": [BODY]}),
    }
    if ask.below is not None:
        time_ms, activity = ask.below
        body["search_after"] = [time_ms, *halves(activity)]
    return body


def _passing(wanted: FeedFilter) -> list[Query]:
    """Return one query for each field of a filter that says something: what `feed_filter.passes` says, of what feeds hold."""
    fields: list[tuple[str, Sequence[str]]] = [
        ("source_kind", wanted.source_kinds),
        ("language", wanted.languages),
        ("scope", [scope.name for scope in wanted.scopes]),
        ("actor", wanted.actors),
        ("delivered_to", wanted.channels),
        ("delivered_to", wanted.tag_names),
    ]
    return [{"terms": {name: list(values)}} for name, values in fields if values]
