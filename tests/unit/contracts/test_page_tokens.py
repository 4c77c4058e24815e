import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.page_tokens import PageToken, PageTokenInvalid, clamp_page_size, decode_page_token, fingerprint


@given(st.tuples(st.integers(0, 2**62), st.text(max_size=32)))
def test_a_token_gives_its_place_back(position):
    assert decode_page_token(PageToken(position, "abc").encode(), "abc") == position


def test_a_token_of_another_request_is_refused():
    """A page with changed filters would have gaps."""
    token = PageToken((1,), fingerprint("home", "anna")).encode()
    with pytest.raises(PageTokenInvalid, match="other fields"):
        decode_page_token(token, fingerprint("home", "ben"))


@given(st.text(max_size=60))
def test_a_made_up_token_is_a_named_error(token):
    """Never a crash, whatever a client sends."""
    with pytest.raises(PageTokenInvalid):
        decode_page_token(token, "abc")


def test_page_sizes_are_clamped():
    assert [clamp_page_size(asked, default=20, maximum=200) for asked in (0, 5, 1000)] == [20, 5, 200]
