"""The narrowest statement about who may read counts."""

from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Audience, Scope
from services.contracts.matching import may_read
from services.ingest.narrowing import narrower

NAMES = st.lists(st.sampled_from("abc"), max_size=3, unique=True).map(tuple)
AUDIENCES = st.one_of(
    st.sampled_from([Audience(), Audience(Scope.PUBLIC), Audience(Scope.INTERNAL)]),
    NAMES.map(lambda names: Audience(Scope.GROUP, groups=names)),
    NAMES.map(lambda names: Audience(Scope.DIRECT, recipients=names)),
)
ORDER = [Scope.UNSPECIFIED, Scope.DIRECT, Scope.GROUP, Scope.INTERNAL, Scope.PUBLIC]


@given(AUDIENCES, AUDIENCES)
def test_the_result_is_never_wider_than_either(one, other):
    result = narrower(one, other)
    assert ORDER.index(result.scope) <= min(ORDER.index(one.scope), ORDER.index(other.scope))


@given(AUDIENCES, AUDIENCES, st.sampled_from("abc"))
def test_between_audiences_of_one_kind_only_readers_of_both_remain(one, other, reader):
    if one.scope != other.scope:
        return

    def reads(audience):
        return may_read(reader, employee=True, groups={reader}, audience=audience)

    assert not reads(narrower(one, other)) or (reads(one) and reads(other))


@given(AUDIENCES, AUDIENCES, AUDIENCES)
def test_the_order_of_statements_does_not_matter(one, other, third):
    assert narrower(one, other) == narrower(other, one)
    assert narrower(narrower(one, other), third) == narrower(one, narrower(other, third))
    assert narrower(narrower(one, one), one) == narrower(one, one)
