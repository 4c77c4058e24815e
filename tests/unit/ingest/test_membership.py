from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from services.contracts.relation_codec import relation_to_bytes
from services.contracts.relations import Relation, RelationKind
from services.ingest.membership import Members

people, groups = ["person:a", "person:b"], ["group:x", "group:y"]
edges = st.builds(Relation, st.sampled_from(people), st.sampled_from(RelationKind), st.sampled_from(groups))


@dataclass
class Written:
    key: bytes | None
    value: bytes | None
    topic: str = "sluice.relations.v1"
    partition: int = 0
    offset: int = 0


def written(relation, kept):
    return Written(relation.key, relation_to_bytes(relation) if kept else None)


@given(st.lists(st.tuples(edges, st.booleans())), st.integers(1, 5))
def test_the_last_record_of_a_key_says_who_belongs_however_the_log_is_cut(log, size):
    """Only MEMBER_OF counts: following or muting a group makes nobody a member."""
    records = [written(relation, kept) for relation, kept in log]
    members = Members()
    for start in range(0, len(records), size):
        members.take(records[start : start + size])
    last = {(r.subject, r.object): kept for r, kept in log if r.kind is RelationKind.MEMBER_OF}
    for person in people:
        for group in groups:
            assert members.is_member(person, group) == last.get((person, group), False)


def test_records_that_cannot_be_read_make_nobody_a_member():
    member = Relation("person:a", RelationKind.MEMBER_OF, "group:x")
    members = Members()
    members.take([Written(None, b"x"), Written(b"\xff", b"x"), Written(b"a\tb", None), Written(member.key, b"\xff\xff")])
    assert not members.is_member("person:a", "group:x")
