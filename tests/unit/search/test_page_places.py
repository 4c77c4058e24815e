import json

import pytest

from services.contracts.page_tokens import PageToken, PageTokenInvalid
from services.search.page_places import next_token, place_of

ID = (-(2**63), 7)


@pytest.mark.parametrize(("sort", "scored"), [((5, *ID), False), ((2.5, 5, *ID), True), ((3, -5, *ID), True)])
def test_a_place_survives_its_token(sort, scored):
    """Scores are numbers of either kind, times may lie before 1970."""
    assert place_of(next_token(sort, "r"), "r", scored=scored) == sort


def test_no_token_is_the_first_page():
    """Nothing to go on from."""
    assert place_of("", "r", scored=True) == ()


@pytest.mark.parametrize(
    ("position", "scored"),
    [
        ((5, *ID), True),
        ((1.0, 5, *ID), False),
        ((), False),
        ((5, "a" * 32), False),
        ((5, 5), False),
        ((5, 5, 0.5), False),
        (("5", *ID), False),
        ((True, *ID), False),
        ((2**63, *ID), False),
        ((5, 0, 2**63), False),
        ((json.loads("NaN"), 5, *ID), True),
        ((json.loads("Infinity"), 5, *ID), True),
        (([1], 5, *ID), True),
        ((None, 5, *ID), True),
        (({"a": 1}, *ID), False),
    ],
)
def test_a_place_that_no_search_gave_is_refused(position, scored):
    """What a caller makes up doesn't reach the index."""
    with pytest.raises(PageTokenInvalid):
        place_of(PageToken(position=position, request="r").encode(), "r", scored=scored)
