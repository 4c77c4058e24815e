import cramjam
import pytest
from aiokafka.codec import lz4_encode
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.lz4_frames import SmallFrames

contents = st.one_of(st.binary(max_size=300), st.text().map(lambda text: text.encode() * 7), st.integers(0, 300_000).map(bytes))


@given(st.lists(contents, max_size=4))
def test_what_was_encoded_comes_back(contents):
    """One decoder, many frames: small and large, compressible or not; nothing of one shows in the next."""
    frames = SmallFrames()
    for content in contents:
        assert frames.decode(lz4_encode(content)) == content


@given(contents, st.booleans(), st.booleans(), st.booleans())
def test_frames_of_other_writers_come_back(content, with_size, block_checksum, content_checksum):
    """Kafka's Java client writes other flags than ours."""
    block = bytes(cramjam.lz4.compress_block(content, store_size=False))
    if len(content) > 1 << 16:
        return
    flags = 0x60 | with_size << 3 | block_checksum << 4 | content_checksum << 2
    frame = b"\x04\x22\x4d\x18" + bytes([flags, 0x40]) + (len(content).to_bytes(8, "little") if with_size else b"")
    frame += b"\0" + len(block).to_bytes(4, "little") + block + b"sum." * block_checksum + bytes(4) + b"sum." * content_checksum
    assert SmallFrames().decode(frame) == content


@given(st.binary(min_size=1, max_size=40))
def test_what_is_no_frame_is_an_error(data):
    """A batch that says lz4 and isn't must not be read as anything."""
    with pytest.raises(cramjam.DecompressionError):
        SmallFrames().decode(data)
