"""LZ4 frames of a few hundred bytes, by the thousand: a decoder made for large ones spends ten times as long on each.

The format is that of https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md. Checksums inside the frame are not looked at:
the checksum of the record batch covers them.
"""

from typing import Final

import cramjam

_MAGIC: Final = b"\x04\x22\x4d\x18"
_HEADER: Final = 7
_VERSION, _BLOCK_CHECKSUM, _SIZE, _DICTIONARY = 0x40, 0x10, 0x08, 0x01
_BLOCK_64_KIB: Final = 0x40
_END: Final = bytes(4)


class SmallFrames:
    """Decodes frames of one compressed block of at most 64 KiB, and knows which are."""

    def __init__(self) -> None:
        self._block = bytearray(1 << 16)

    def decode(self, frame: bytes) -> bytes:
        """Return what a frame holds. Raises cramjam.DecompressionError where it is none."""
        block = _only_block(frame)
        if block is None:
            return bytes(cramjam.lz4.decompress(frame))
        size = cramjam.lz4.decompress_block_into(block, self._block)
        return bytes(self._block[:size])


def _only_block(frame: bytes) -> bytes | None:
    """Return the compressed block of a frame, None where there are more or where it is of another kind."""
    if len(frame) < _HEADER + 4 or frame[:4] != _MAGIC:
        return None
    flags = frame[4]
    if flags & (_VERSION | _DICTIONARY) != _VERSION or frame[5] != _BLOCK_64_KIB:
        return None
    at = _HEADER + (8 if flags & _SIZE else 0)
    size = int.from_bytes(frame[at : at + 4], "little")
    end = at + 4 + size
    behind = end + (4 if flags & _BLOCK_CHECKSUM else 0)
    # A size that says uncompressed is larger than any frame.
    return frame[at + 4 : end] if size and frame[behind : behind + 4] == _END else None
