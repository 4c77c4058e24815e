"""Bodies within bounds, counted after decompression: a small answer can't become a large memory."""

import zlib
from collections.abc import AsyncIterable, AsyncIterator

from services.runtime.fetch_errors import BodyTooLarge, BodyUndecodable

# What the client says it reads. Others can't be unpacked step by step with what is installed.
ACCEPTED_ENCODINGS = "gzip, deflate"
_EITHER_ZLIB_OR_GZIP = zlib.MAX_WBITS | 32


async def read_bounded(chunks: AsyncIterable[bytes], encoding: str, max_bytes: int) -> bytes:
    """Return the decoded body. Raises BodyTooLarge as soon as it exceeds max_bytes, BodyUndecodable."""
    unpack: _Plain | _Zlib | None = None
    body = bytearray()
    async for chunk in chunks:
        # Only now: an answer without a body (304) may name an encoding that nobody will have to read.
        unpack = unpack or _unpacker(encoding)
        body += unpack.unpack(chunk, max_bytes + 1 - len(body))
        if len(body) > max_bytes:
            raise BodyTooLarge(f"the body is larger than {max_bytes} bytes")
    if unpack and not unpack.complete():
        raise BodyUndecodable("the compressed body ends in the middle")
    return bytes(body)


async def bounded_events(chunks: AsyncIterable[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    """Pass chunks through. Raises BodyTooLarge where one event (up to an empty line) is longer than max_bytes."""
    since_gap, last = 0, b""
    async for chunk in chunks:
        text = last + chunk
        gap = max(text.rfind(b"\n\n"), text.rfind(b"\r\r"), text.rfind(b"\n\r\n"))
        since_gap = len(text) - gap if gap >= 0 else since_gap + len(chunk)
        if since_gap > max_bytes:
            raise BodyTooLarge(f"an event is larger than {max_bytes} bytes")
        last = text[-2:]
        yield chunk


class _Plain:
    def unpack(self, chunk: bytes, room: int) -> bytes:
        return chunk[:room]

    def complete(self) -> bool:
        return True


class _Zlib:
    """gzip, zlib and, where the first bytes are neither, bare deflate, which some servers call deflate too."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_EITHER_ZLIB_OR_GZIP)
        self._started = False

    def unpack(self, chunk: bytes, room: int) -> bytes:
        try:
            part = self._stream.decompress(chunk, room)
        except zlib.error:
            if self._started:
                raise BodyUndecodable("the compressed body is damaged") from None
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
            part = self._bare(chunk, room)
        self._started = True
        return part

    def _bare(self, chunk: bytes, room: int) -> bytes:
        try:
            return self._stream.decompress(chunk, room)
        except zlib.error:
            raise BodyUndecodable("the compressed body is damaged") from None

    def complete(self) -> bool:
        return self._stream.eof


def _unpacker(encoding: str) -> _Plain | _Zlib:
    match encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip" | "deflate":
            return _Zlib()
    raise BodyUndecodable("the body has a content encoding that wasn't asked for")
