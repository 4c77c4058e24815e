"""Counts as columns are the tallies, for every reader, whatever people did meanwhile."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contracts.activity import Audience, Scope, Verb
from services.contracts.interactions import Interaction
from services.contracts.matching import Facts
from services.contracts.relations import PersonRelations
from services.stream.feeds import tallies as tallies_module
from services.stream.feeds.activity_table import ActivityTable
from services.stream.feeds.ranking.tally_columns import TallyColumns
from services.stream.feeds.tallies import Tallies

AUDIENCES = [Audience(Scope.PUBLIC), Audience(Scope.INTERNAL), Audience(Scope.GROUP, ("group:g",))]
READERS = [PersonRelations("person:a", employee=True, groups=frozenset({"group:g"})), PersonRelations("person:b")]
objects = st.integers(0, 3)
edges = st.tuples(
    st.sampled_from(["put", "remove"]),
    objects,
    st.sampled_from([Verb.LIKE, Verb.SHARE, Verb.COMMENT]),
    st.integers(0, 3),
    st.sampled_from(["person:x", "person:y"]),
    st.sampled_from(AUDIENCES),
)
steps = st.one_of(edges, st.just("read"), st.tuples(st.just("reuse"), objects))


def activity_id(number):
    return f"{number:032x}"


def facts(number):
    return Facts(activity_id(number), number, Verb.POST, "person:x", ("person:x",), AUDIENCES[0])


@pytest.fixture(scope="module", autouse=True)
def short_memory():
    """Whoever looks seldom must count all anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tallies_module, "_TOUCHED", 3)
        yield


@settings(deadline=None)
@given(st.lists(steps, max_size=30))
def test_columns_are_the_tallies(steps):
    """Edges come and go, slots are given to other activities; every reader is told what the tallies tell her."""
    tallies, table = Tallies(few=2), ActivityTable(1000)
    columns = TallyColumns(tallies)
    slots = np.array([table.put(facts(number), b"")[0] for number in range(4)], np.int32)

    def look():
        changed = slots[table.changed[slots]]
        columns.look(table, changed)
        table.changed[changed] = False
        for reader in READERS:
            ids = [table.facts_at(slot).id for slot in slots.tolist()]
            assert columns.counted(slots, reader).T.tolist() == [list(map(float, each)) for each in tallies.of(ids, reader)]

    for number, step in enumerate(steps):
        if step == "read":
            look()
        elif step[0] == "reuse":
            table.mark_all()
            table.free([int(slots[step[1]])])
            slots[step[1]] = table.put(facts(100 + number), b"")[0]
        else:
            what, obj, verb, each, actor, audience = step
            edge = Interaction(activity_id(obj), verb, activity_id(1000 + each), actor, audience)
            (tallies.put if what == "put" else tallies.remove)(edge)
    look()
