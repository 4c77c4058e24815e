"""The parts of search that are one thought each."""

import pytest

from services.search.backoff import Backoff
from services.search.index_admin import differences
from services.search.outcomes import Fate, fate_of
from services.search.ports import Outcome
from services.search.progress import ProgressVector
from services.search.readiness import Readiness


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (200, Fate.DONE),
        (201, Fate.DONE),
        (409, Fate.DONE),
        (400, Fate.REFUSED),
        (413, Fate.REFUSED),
        (401, Fate.RETRY),
        (403, Fate.RETRY),
        (404, Fate.RETRY),
        (429, Fate.RETRY),
        (500, Fate.RETRY),
        (503, Fate.RETRY),
    ],
)
def test_only_the_documents_own_faults_are_final(status, fate):
    """Everything else may pass; skipping it would lose what was acknowledged."""
    assert fate_of(Outcome(status)) is fate


def test_waits_double_up_to_the_most_and_never_vanish():
    """However long a server is away."""
    waits = [Backoff(first=0.1, most=10.0, chance=lambda: 0.0).seconds(failures) for failures in (1, 2, 3, 8, 5000)]
    assert waits == [0.1, 0.2, 0.4, 10.0, 10.0]
    assert Backoff(first=0.1, chance=lambda: 1.0).seconds(1) == 0.05


def test_what_belongs_to_another_assignment_changes_nothing():
    """A round that was under way when the partitions changed comes too late."""
    vector = ProgressVector()
    vector.begin(1, {0: 5, 1: 0})
    assert vector.due() == {0: 5, 1: 0}
    vector.announce(1, {0: 5, 1: 0})
    assert vector.due() == {}
    assert vector.wrote(1, {0: 7, 1: 0})
    assert not vector.wrote(1, {0: 7})
    vector.begin(2, {0: 6})
    assert not vector.wrote(1, {0: 9})
    vector.announce(1, {0: 6})
    assert vector.due() == {0: 6}


def test_differences_of_an_index_are_named_by_their_path():
    """What the server adds of its own is no difference, except a field that the registry doesn't know."""
    wanted = {
        "mappings": {"properties": {"a": {"type": "keyword"}, "b": {"type": "long"}}},
        "settings": {"n": 2, "on": True},
    }
    same = {
        "mappings": {"properties": {"a": {"type": "keyword", "x": 1}, "b": {"type": "long"}}},
        "settings": {"n": "2", "on": "true"},
    }
    assert list(differences(wanted, same)) == []
    other = {"mappings": {"properties": {"a": {"type": "text"}, "c": {}}}, "settings": {"n": "3", "on": "true"}}
    assert list(differences(wanted, other)) == [
        "mappings.properties.a.type",
        "mappings.properties.b.type",
        "mappings.properties.c",
        "settings.n",
    ]


def test_a_part_that_has_not_begun_is_not_ready():
    """Ready means: everything expected was asked and has nothing to say."""
    readiness = Readiness("index", "log")
    assert readiness.problems() == {"index": "starting", "log": "starting"}
    readiness.add("index", lambda: "")
    readiness.add("log", lambda: "away")
    assert readiness.problems() == {"log": "away"}
