"""A call that outlives its token must know when that is."""

import base64
import json

import pytest

from services.runtime.token_expiry import expiry_of


def bearer(payload):
    return "Bearer e30." + base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=") + ".sig"


def test_the_expiry_of_a_token_is_read():
    assert expiry_of(bearer({"exp": 1_800_000_000, "sub": "anna"})) == 1_800_000_000


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer a.b.c", bearer([]), bearer({}), bearer({"exp": "soon"})])
def test_what_says_no_expiry_has_none(authorization):
    """Whether such a token is good was decided before."""
    assert expiry_of(authorization) == float("inf")
