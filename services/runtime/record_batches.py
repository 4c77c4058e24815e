"""Record batches as a broker's answer holds them: headers as columns, checksums, compression, nothing of the records yet.

The format is that of Kafka's RecordBatch, magic 2: https://kafka.apache.org/documentation/#recordbatch
"""

import struct
from typing import Final

import numpy as np
import numpy.typing as npt
from aiokafka.codec import gzip_decode, snappy_decode, zstd_decode
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from aiokafka.record.util import calc_crc32c

from services.runtime.lz4_frames import SmallFrames

Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_HEADER: Final = np.dtype(
    [
        ("base_offset", ">i8"),
        ("length", ">i4"),
        ("leader_epoch", ">i4"),
        ("magic", "i1"),
        ("checksum", ">u4"),
        ("attributes", ">i2"),
        ("last_delta", ">i4"),
        ("first_ms", ">i8"),
        ("max_ms", ">i8"),
        ("producer", ">i8"),
        ("producer_epoch", ">i2"),
        ("sequence", ">i4"),
        ("count", ">i4"),
    ]
)
_LENGTH: Final = struct.Struct(">i")
_LENGTH_AT, _COUNTED_FROM, _CHECKED_FROM, _MAGIC = 8, 12, 21, 2
_CODEC, _APPEND_TIME, _TRANSACTIONAL, _CONTROL = 0x07, 0x08, 0x10, 0x20
_LZ4: Final = 3
_DECODERS: Final = {1: gzip_decode, 2: snappy_decode, 4: zstd_decode}


class RecordBatches:
    """Batches as they lie in a fetch response, as columns: a log of single edges has as many batches as records."""

    def __init__(self, data: bytes, at: Longs, ends: Longs) -> None:
        """Take the batches that begin and end at these places of a response."""
        self._data = data
        self._at = at
        self._ends = ends
        of_headers = np.frombuffer(data, np.uint8)[at[:, None] + np.arange(_HEADER.itemsize)]
        #: The fields of the headers, see the format.
        self.headers = of_headers.reshape(-1).view(_HEADER)
        self.attributes: Longs = self.headers["attributes"].astype(np.int64)
        self.counts: Longs = self.headers["count"].astype(np.int64)
        self.base_offsets: Longs = self.headers["base_offset"].astype(np.int64)

    def __len__(self) -> int:
        return len(self._at)

    def __getitem__(self, wanted: slice | Flags) -> "RecordBatches":
        return RecordBatches(self._data, self._at[wanted], self._ends[wanted])

    @property
    def next_offset(self) -> int:
        """The offset behind the last batch, records that compaction took away included."""
        return int(self.base_offsets[-1]) + int(self.headers["last_delta"][-1]) + 1

    @property
    def marks(self) -> Flags:
        """Which of them are transaction markers: they hold nothing for consumers."""
        marks: Flags = np.not_equal(self.attributes & _CONTROL, 0)
        return marks

    @property
    def transactional(self) -> Flags:
        """Which of them may belong to a transaction that was aborted."""
        transactional: Flags = np.not_equal(self.attributes & _TRANSACTIONAL, 0)
        return transactional

    @property
    def base_times(self) -> tuple[Longs, Flags]:
        """What the times of records are counted from, ms, and where they are to be added to it."""
        appended = (self.attributes & _APPEND_TIME) != 0
        return np.where(appended, self.headers["max_ms"], self.headers["first_ms"]).astype(np.int64), ~appended

    def check(self) -> "RecordBatches":
        """Return them. Raises CorruptRecordException where a checksum is wrong or the format older than Kafka 0.11's."""
        old = np.flatnonzero(self.headers["magic"] != _MAGIC)
        if len(old):
            raise CorruptRecordException(f"record batches of format {self.headers['magic'][old[0]]} are not read")
        places = zip((self._at + _CHECKED_FROM).tolist(), self._ends.tolist(), self.headers["checksum"].tolist(), strict=True)
        data = self._data
        for begin, end, checksum in places:
            if calc_crc32c(data[begin:end]) != checksum:
                raise CorruptRecordException("a batch has a wrong checksum")
        return self

    def records(self) -> list[bytes]:
        """Return the records of each, uncompressed. Raises UnsupportedCodecError and what the decoders raise."""
        data, codecs = self._data, self.attributes & _CODEC
        decoders = {**_DECODERS, _LZ4: SmallFrames().decode}
        places = zip((self._at + _HEADER.itemsize).tolist(), self._ends.tolist(), codecs.tolist(), strict=True)
        try:
            return [decoders[codec](data[begin:end]) if codec else data[begin:end] for begin, end, codec in places]
        except KeyError:
            raise UnsupportedCodecError("unknown compression codec") from None


def batches_in(data: bytes) -> RecordBatches:
    """Return the whole batches at the beginning of data; a broker may cut the last one short. Raises CorruptRecordException."""
    starts: list[int] = []
    at, size = 0, len(data)
    while at + _HEADER.itemsize <= size:
        end = at + _COUNTED_FROM + _LENGTH.unpack_from(data, at + _LENGTH_AT)[0]
        if end > size:
            break
        if end < at + _HEADER.itemsize:
            raise CorruptRecordException("a batch is shorter than its header")
        starts.append(at)
        at = end
    bounds = np.array([*starts, at], np.int64)
    return RecordBatches(data, bounds[:-1], bounds[1:]).check()
