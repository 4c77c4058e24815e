import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.relations import Relation, RelationKind
from services.search.membership import Membership

edges = st.builds(
    Relation,
    subject=st.sampled_from(["person:a", "person:b"]),
    kind=st.sampled_from(RelationKind),
    object=st.sampled_from(["group:x", "group:y"]),
)


@given(st.lists(st.tuples(edges, st.booleans()), max_size=30))
def test_memberships_are_what_the_last_record_of_each_edge_says(log):
    """Only member-of counts; the whole log again, in its order, changes nothing."""
    state = {}
    for edge, there in log:
        state[edge.key] = (edge, there)
    membership = Membership()
    for edge, there in log * 2:
        membership.take(edge.key, b"value" if there else None)
    for user in ("person:a", "person:b", "person:c"):
        expected = {
            edge.object
            for edge, there in state.values()
            if there and edge.kind is RelationKind.MEMBER_OF and edge.subject == user
        }
        assert membership.of(user) == expected
    assert len(membership) == len(
        {edge.subject for edge, there in state.values() if there and edge.kind is RelationKind.MEMBER_OF}
    )


@pytest.mark.parametrize("key", [b"", b"a\tb", b"a\tNOTHING\tb", b"\xff\xfe"])
def test_a_key_that_is_no_edge_is_an_error(key):
    """The reader of the log decides what to do about it."""
    with pytest.raises(ValueError):  # noqa: PT011 - decoding errors are ValueErrors too
        Membership().take(key, b"value")
