"""Keys read by the thousand say what keys read one by one say."""

from hypothesis import given
from hypothesis import strategies as st

from services.contracts.relation_codec import Marker, MarkerKind, marker_of_key
from services.contracts.relations import Relation, RelationKind, relation_of_key
from services.stream.feeds.edge_keys import KIND_BITS, MARK_BITS, OTHER_BITS, edges_in, marks_in
from services.stream.feeds.interning import InternedNames

names = st.sampled_from(["person:a", "person:ä b", "group:g", "tag:#", "word:two words", "person:a\n", ""])
edges = st.builds(Relation, names, st.sampled_from(RelationKind), names).map(lambda edge: edge.key)
ids = st.binary(min_size=16, max_size=16).map(bytes.hex)
marks = st.builds(Marker, names, st.sampled_from(MarkerKind), ids).map(lambda mark: mark.key)
# Parts of keys in any order: what a broken writer could leave, and what could pass for the joint between two keys.
parts = st.sampled_from([b"person:a", b"FOLLOWS", b"SAVED", b"\n", b"", b"\xff", b"NONSENSE", b"0" * 32, b"F" * 32, b" " * 32])
broken = st.one_of(st.none(), st.lists(parts, max_size=8).map(b"\t".join))


@given(st.one_of(st.lists(edges), st.lists(st.one_of(edges, broken))))
def test_edges_are_those_of_the_keys(keys):
    """A key that is none costs only itself, wherever it stands."""
    known = InternedNames()
    numbers, poison = edges_in(keys, known)
    for place, (key, number) in enumerate(zip(keys, numbers.tolist(), strict=True)):
        try:
            relation = relation_of_key(key or b"")
        except ValueError:
            assert place in poison
            assert number == -1
        else:
            group, other = number >> OTHER_BITS, number & ((1 << OTHER_BITS) - 1)
            owner, kind = known.name_of(group >> KIND_BITS), RelationKind(group & ((1 << KIND_BITS) - 1))
            assert Relation(owner, kind, known.name_of(other)) == relation
            assert place not in poison


@given(st.one_of(st.lists(marks), st.lists(st.one_of(marks, broken))))
def test_marks_are_those_of_the_keys(keys):
    """As for edges; an activity id is 32 lower-case hex digits and nothing else."""
    known = InternedNames()
    groups, activities, poison = marks_in(keys, known)
    for place, key in enumerate(keys):
        try:
            marker = marker_of_key(key or b"")
            assert bytes.fromhex(marker.activity_id).hex() == marker.activity_id != ""
            assert len(marker.activity_id) == 32
        except (ValueError, AssertionError):
            assert place in poison
        else:
            group = int(groups[place])
            read = known.name_of(group >> MARK_BITS), MarkerKind(group & ((1 << MARK_BITS) - 1))
            assert read == (marker.user, marker.kind)
            assert activities[place].astype(">u8").tobytes().hex() == marker.activity_id
            assert place not in poison
