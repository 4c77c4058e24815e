import gzip
import zlib

import pytest

from services.runtime.body_limit import bounded_events, read_bounded
from services.runtime.fetch_errors import BodyTooLarge, BodyUndecodable


async def chunks(data, size=7):
    for start in range(0, len(data), size):
        yield data[start : start + size]


def bare_deflate(data):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


TEXT = b"synthetic " * 300


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("Deflate", bare_deflate(TEXT)),
    ],
)
async def test_a_body_is_read_in_each_accepted_encoding(encoding, packed):
    assert await read_bounded(chunks(packed, 16), encoding, len(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("encoding", "packed"), [("", TEXT), ("gzip", gzip.compress(TEXT, mtime=0)), ("deflate", zlib.compress(TEXT))]
)
async def test_the_limit_counts_what_was_decompressed(encoding, packed):
    with pytest.raises(BodyTooLarge):
        await read_bounded(chunks(packed), encoding, len(TEXT) - 1)


async def test_a_bomb_in_one_chunk_never_unfolds_beyond_the_limit():
    """A single chunk may hold a thousandfold of its size; no more than the limit may ever be in memory."""
    bomb = gzip.compress(b"\0" * 50_000_000)
    with pytest.raises(BodyTooLarge):
        await read_bounded(chunks(bomb, len(bomb)), "gzip", 1000)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("br", b"x"), ("gzip", b"no gzip at all"), ("gzip", gzip.compress(TEXT, mtime=0)[:-9]), ("gzip, gzip", b"x")],
)
async def test_damaged_and_unknown_encodings_are_named(encoding, packed):
    with pytest.raises(BodyUndecodable):
        await read_bounded(chunks(packed), encoding, 10_000)


async def test_no_body_needs_no_decoding():
    """A 304 may name the encoding that its body would have had."""
    assert await read_bounded(chunks(b""), "br", 10) == b""


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
async def test_events_of_any_number_pass_while_each_is_small(end):
    stream = (b"data: 123456789" + end) * 50
    assert b"".join([chunk async for chunk in bounded_events(chunks(stream), 40)]) == stream


async def test_an_event_without_end_is_cut_off():
    with pytest.raises(BodyTooLarge):
        async for _ in bounded_events(chunks(b"data: 1\n" * 20), 40):
            pass
