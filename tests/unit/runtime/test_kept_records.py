"""A dead letter must fit where its record came from: otherwise one bad record stops a partition for ever."""

from types import SimpleNamespace

import pytest

from services.contracts.topics import ACTIVITIES_RAW
from services.runtime.kept_records import kept

LIMIT = int(ACTIVITIES_RAW.config()["max.message.bytes"])


def record(key=b"k", value=b"v", headers=()):
    return SimpleNamespace(key=key, value=value, headers=headers)


def test_what_fits_is_kept_as_it_came():
    """A tombstone stays one."""
    for made in (record(), record(value=None), record(key=None, value=b""), record(headers=[("h", b"1")])):
        letter = kept(made)
        assert (letter.key, letter.value, list(letter.headers), letter.note) == (made.key, made.value, list(made.headers), "")


def test_a_record_of_nothing_can_be_kept():
    """No client sends a record with neither key nor value."""
    assert (kept(record(key=None, value=None)).key, kept(record(key=None, value=None)).value) == (None, b"")


@pytest.mark.parametrize(
    "huge",
    [
        record(value=b"x" * (LIMIT - 80)),
        record(key=b"x" * (LIMIT - 80)),
        record(headers=[("h", b"x" * (LIMIT - 80))]),
        record(headers=[("h" * 100_000, None)]),
    ],
)
def test_what_the_broker_would_not_take_with_our_headers_is_cut_and_says_so(huge):
    letter = kept(huge)
    size = len(letter.key) + len(letter.value) + sum(len(name) + len(value or b"") for name, value in letter.headers)
    assert size < LIMIT - 16_384
    assert letter.note
