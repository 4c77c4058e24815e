"""Every partition has one owner, the load is even, and what needn't move stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.even_shares import even_shares

members = st.sampled_from([f"feeds-{number}" for number in range(9)])
claims = st.dictionaries(members, st.sets(st.integers(0, 30)), min_size=1)


@given(st.integers(1, 30), claims)
def test_every_partition_has_one_owner_and_shares_differ_by_one_at_most(partitions, held):
    """Also when several say that they have the same, or something that doesn't exist."""
    shares = even_shares(partitions, held)
    assert shares.keys() == held.keys()
    assert sorted(partition for share in shares.values() for partition in share) == list(range(partitions))
    sizes = {len(share) for share in shares.values()}
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 30), claims)
def test_the_order_of_the_members_changes_nothing(partitions, held):
    assert even_shares(partitions, dict(reversed(held.items()))) == even_shares(partitions, held)


@given(
    st.integers(1, 30),
    st.lists(members, min_size=1, max_size=8, unique=True),
    st.lists(members, min_size=1, max_size=8, unique=True),
)
def test_members_that_come_and_go_move_no_more_than_they_must(partitions, before, after):
    """Who stays keeps what it has, up to its share."""
    had = even_shares(partitions, dict.fromkeys(before, ()))
    shares = even_shares(partitions, {member: had.get(member, ()) for member in after})
    least = partitions // len(after)
    for member in set(before) & set(after):
        kept = set(had[member]) & set(shares[member])
        assert len(kept) >= min(len(had[member]), least)
        assert len(kept) == min(len(had[member]), len(shares[member]))


@pytest.mark.parametrize(("partitions", "members"), [(12, 5), (24, 7), (4, 3), (8, 8)])
def test_a_member_that_joins_gets_its_share(partitions, members):
    """Faust's own assignor leaves it without anything where the others fill the partitions up."""
    had = even_shares(partitions, {f"feeds-{number}": () for number in range(members - 1)})
    assert len(even_shares(partitions, had | {"new": ()})["new"]) >= partitions // members


def test_nothing_moves_while_nobody_comes_or_goes():
    had = even_shares(24, {f"feeds-{number}": () for number in range(7)})
    assert even_shares(24, had) == had
