"""Nobody has more of anything than a worker can keep for everybody; what is there already never counts as one more."""

import pytest

from services.contracts.relations import Relation, RelationKind
from services.stream.feeds import limits
from services.stream.feeds.limits import LimitReached, check_accounts, check_edge, check_marks


@pytest.mark.parametrize("kind", RelationKind)
def test_every_kind_of_edge_has_a_limit(kind):
    """A kind without one would be an error of ours at the first edge."""
    most, edge = limits._EDGES[kind], Relation("person:a", kind, "person:x")
    check_edge(edge, {f"person:{n}": 0 for n in range(most - 1)})
    with pytest.raises(LimitReached) as caught:
        check_edge(edge, {f"person:{n}": 0 for n in range(most)})
    assert caught.value.metadata["limit"] == str(most)
    check_edge(edge, {"person:x": 0, **{f"person:{n}": 0 for n in range(most)}})


def test_words_and_names_are_counted_apart(monkeypatch):
    """Many muted people leave room for words, and the other way round. The text tells no word."""
    monkeypatch.setattr(limits, "_WORDS", 1)
    monkeypatch.setitem(limits._EDGES, RelationKind.MUTES, 2)
    muted = {"word:secret": 0, "tag:a": 0}
    with pytest.raises(LimitReached) as caught:
        check_edge(Relation("person:a", RelationKind.MUTES, "word:other"), muted)
    assert "other" not in str(caught.value)
    check_edge(Relation("person:a", RelationKind.MUTES, "tag:b"), muted)


def test_marks_count_once(monkeypatch):
    """Marking again what is marked takes no room."""
    monkeypatch.setattr(limits, "_MARKS", 2)
    check_marks({"a"}, ["a", "b", "b"])
    with pytest.raises(LimitReached):
        check_marks({"a"}, ["b", "c"])


def test_accounts_count_once(monkeypatch):
    monkeypatch.setattr(limits, "_ACCOUNTS", 1)
    check_accounts(["person:a@x"], "person:a@x")
    with pytest.raises(LimitReached):
        check_accounts(["person:a@x"], "person:b@x")
