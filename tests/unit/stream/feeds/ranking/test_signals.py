"""Every signal says what docs/ranking.md says of it, as one reader sees her entries."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Audience, Entity, Object, Scope, Verb
from services.contracts.interactions import Interaction
from services.contracts.matching import Facts
from services.contracts.relation_codec import MarkerKind
from services.stream.feeds.engine import EngineLimits
from services.stream.feeds.places import TOP
from services.stream.feeds.ranking.evaluating import evaluate
from services.stream.feeds.ranking.interest import Reacted, Reaction, learnt
from services.stream.feeds.ranking.scoring import Scoring
from services.stream.feeds.ranking.signals import FOR_YOU, SIGNALS, ranking
from services.stream.feeds.ranking.tally_columns import TallyColumns
from services.stream.feeds.tallies import Tallies
from tests.unit.stream.feeds.house import House
from tests.unit.stream.feeds.small_steps import small_steps

A = "person:a"
HOUR_MS = 3_600_000


@pytest.fixture
def told(monkeypatch):
    """A roomy house in which person:a follows person:b and person:h, and belongs to group:g."""
    small_steps(monkeypatch)
    house = House(EngineLimits(capacity=60, rows=3, body_bytes=100_000))
    house.follow(A, "person:b")
    house.follow(A, "tag:news")
    house.join(A, "group:g")
    yield house
    house.close()


def signals(house, *names, now_ms=0, tallies=None, employee=True):
    """Return the signals of person:a's entries by activity id, as tuples."""
    house.index_everything()
    house.deliver_all(A)
    house.page(A)
    owner = house.owner_of(A)
    slots = owner.engine.slots_below(owner.engine.readers.get(A), TOP)
    scoring = Scoring(owner.engine, owner.state, TallyColumns(tallies or Tallies()))
    columns = scoring.columns(slots, owner.state.reader(A, employee=employee), since_ms=0, now_ms=now_ms)
    values = [evaluate(ranking(expression_of(name)), columns, len(slots)).tolist() for name in names]
    ids = [owner.engine.table.facts_at(slot).id for slot in slots.tolist()]
    return dict(zip(ids, zip(*values, strict=True), strict=True))


def expression_of(name):
    """Return an expression that tells a signal: a boolean as 1 or 0."""
    return f"if({name}, 1, 0)" if name not in SIGNALS or SIGNALS[name].type.name == "BOOLEAN" else name


def test_whose_it_is_and_where(told):
    """Author, group, audience and mentions."""
    by_b = told.post("person:b")
    by_stranger = told.post("person:z", tags=("news",))
    mine = told.post(A)
    in_group = told.post("person:z", audience=Audience(Scope.GROUP, ("group:g",)))
    to_me = told.post("person:z", audience=Audience(Scope.DIRECT, recipients=(A,)))
    names_me = told.post("person:b", mentions=(Entity("person:h"), Entity(A)))
    found = signals(told, "is_followed", "is_mine", "is_own_group", "is_direct", "is_mention")
    assert found[by_b.id] == (1, 0, 0, 0, 0)
    assert found[by_stranger.id] == (0, 0, 0, 0, 0)
    assert found[mine.id] == (0, 1, 0, 0, 0)
    assert found[in_group.id] == (0, 0, 1, 0, 0)
    assert found[to_me.id] == (0, 0, 0, 1, 0)
    assert found[names_me.id] == (1, 0, 0, 0, 1)


def test_what_she_did(told):
    """Likes, saved and read ones."""
    liked, saved, seen, plain = (told.post("person:b") for _ in range(4))
    told.like(A, liked.id)
    told.mark(A, MarkerKind.SAVED, saved.id)
    told.mark(A, MarkerKind.READ, seen.id)
    found = signals(told, "is_liked", "is_saved", "is_read")
    assert [found[each.id] for each in (liked, saved, seen, plain)] == [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0)]


def test_texts_are_compared(told):
    """Source, language, verb and scope; a text that no entry has is equal to none."""
    toot = told.post("person:b", kind="mastodon", language="de", verb=Verb.SHARE)
    found = signals(
        told,
        'source == "mastodon"',
        'language == "de"',
        'verb == "share"',
        'scope == "public"',
        'source == "rss"',
        'language == ""',
    )
    assert found[toot.id] == (1, 1, 1, 1, 0, 0)


def test_age_is_counted_in_hours_and_never_negative(told):
    old, new = told.post("person:b", 2 * HOUR_MS), told.post("person:b", 5 * HOUR_MS)
    found = signals(told, "age_hours", now_ms=4 * HOUR_MS)
    assert (found[old.id], found[new.id]) == ((2.0,), (0.0,))


def test_counts_are_those_that_the_reader_may_know_of(told):
    """A like in a group that she doesn't belong to moves nothing for her."""
    liked, plain = told.post("person:b"), told.post("person:b")
    tallies = Tallies()
    for number, audience in enumerate([Audience(Scope.PUBLIC), Audience(Scope.GROUP, ("group:h",))]):
        tallies.put(Interaction(liked.id, Verb.LIKE, f"{number:032x}", f"person:{number}", audience))
    tallies.put(Interaction(liked.id, Verb.COMMENT, f"{9:032x}", "person:9", Audience(Scope.PUBLIC)))
    found = signals(told, "likes", "shares", "comments", "popularity", tallies=tallies)
    assert found[liked.id] == (1, 0, 1, pytest.approx(1 + np.log1p(3)))
    assert found[plain.id] == (0, 0, 0, 1)


def test_an_edit_is_seen_by_the_next_reading(told):
    """Columns are kept, and follow what changes."""
    post = told.post("person:b", language="de")
    assert signals(told, 'language == "de"', "is_mention")[post.id] == (1, 0)
    owner = told.owner_of(A)
    told.edit(post, language="en", mentions=(Entity(A),))
    scoring = Scoring(owner.engine, owner.state, TallyColumns(Tallies()))
    slots = owner.engine.slots_below(owner.engine.readers.get(A), TOP)
    relations = owner.state.reader(A, employee=True)
    tree = ranking('if(language == "de", 1, 0) + if(is_mention, 2, 0)')
    assert scoring.ranked(tree, slots, relations, since_ms=0, now_ms=0).scores.tolist() == [1]
    told.deliver_all(A)
    assert scoring.ranked(tree, slots, relations, since_ms=0, now_ms=0).scores.tolist() == [2]
    told.edit(told.latest[post.id], mentions=())
    told.deliver_all(A)
    assert scoring.ranked(tree, slots, relations, since_ms=0, now_ms=0).scores.tolist() == [0]


def test_interest_comes_from_her_own_reactions_alone(told):
    """What others like doesn't count, what she may not read any more neither, and a reset forgets."""
    liked, other = told.post("person:b", 50, tags=("x",)), told.post("person:b", 60, tags=("y",))
    secret = told.post("person:z", 70, audience=Audience(Scope.GROUP, ("group:g",)), tags=("s",))
    told.like(A, liked.id)
    told.like("person:h", other.id)
    told.like(A, secret.id)
    told.post(A, 80, verb=Verb.COMMENT, object=Object(activity_id=other.id))
    told.index_everything()
    told.deliver_all(A)
    told.page(A)
    owner = told.owner_of(A)
    learning = Scoring(owner.engine, owner.state, TallyColumns(Tallies())).learning
    weights = learning.learn(owner.state.reader(A, employee=True), 0, 80).weights
    assert weights["tag:x"] == pytest.approx(np.log1p(1))
    assert weights["tag:y"] == pytest.approx(np.log1p(3))
    assert weights["person:b"] == pytest.approx(np.log1p(4))
    assert "tag:s" in weights
    assert A not in weights
    assert "tag:x" not in learning.learn(owner.state.reader(A, employee=True), 55, 80).weights
    told.join(A, "group:g", present=False)
    told.page(A)
    assert "tag:s" not in learning.learn(owner.state.reader(A, employee=True), 0, 80).weights


def test_interest_is_learnt_anew_after_half_a_minute_or_a_reset(told):
    liked = told.post("person:b", 50, tags=("x",))
    told.index_everything()
    told.deliver_all(A)
    told.page(A)
    owner = told.owner_of(A)
    learning, relations = (
        Scoring(owner.engine, owner.state, TallyColumns(Tallies())).learning,
        owner.state.reader(A, employee=True),
    )
    assert learning.interest(relations, 0, 100).weights == {}
    told.like(A, liked.id)
    told.deliver_all(A)
    assert learning.interest(relations, 0, 30_099).weights == {}
    assert learning.interest(relations, 0, 30_100).weights
    assert learning.interest(relations, 51, 30_101).weights == {}


@given(st.lists(st.tuples(st.sampled_from(Reaction), st.integers(0, 10**12)), max_size=8))
def test_interest_grows_with_every_reaction_and_fades_with_age(reactions):
    """More is never less; the same of something newer is never less."""

    def facts(time):
        return Facts("0" * 32, time, Verb.POST, "person:b", ("person:b", "tag:x"), Audience(Scope.PUBLIC))

    now = 10**12
    some = [Reacted(reaction, facts(time)) for reaction, time in reactions]
    before = learnt(some, frozenset({A}), now).weights.get("tag:x", 0)
    older = learnt([*some, Reacted(Reaction.LIKE, facts(0))], frozenset({A}), now).weights["tag:x"]
    newer = learnt([*some, Reacted(Reaction.LIKE, facts(now))], frozenset({A}), now).weights["tag:x"]
    assert before < older or older == pytest.approx(before)
    assert older <= newer


def test_the_page_lists_the_signals_with_their_types():
    """docs/ranking.md and the registry say the same."""
    page = (Path(__file__).parents[5] / "docs" / "ranking.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (number|boolean|text) \| (.+) \|$", page, re.MULTILINE)
    assert {(name, kind, text) for name, kind, text in rows} == {
        (name, meaning.type.name.lower(), meaning.text) for name, meaning in SIGNALS.items()
    }
    assert FOR_YOU in page
