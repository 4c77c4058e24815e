"""Fetched bytes of a partition as columns: what a million records say, without a million objects.

aiokafka makes an object of each record and of each of its headers: 4 µs and more for a record with our headers. Where keys and a
number are all that is wanted, the places of the fields in the bytes can be computed for thousands of records at once. The format
is that of Kafka's Record, magic 2: https://kafka.apache.org/documentation/#record
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from aiokafka.errors import CorruptRecordException
from aiokafka.record.util import decode_varint

from services.runtime.record_batches import Flags, Longs, RecordBatches
from services.runtime.records import TopicPartition

Bytes = npt.NDArray[np.uint8]

# A byte of a number that is larger says: there is more.
_ONE_BYTE = 0x7F
_LONGEST_VARINT = 10
# Decimal digits that surely fit into 63 bits.
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class SingleRecord:
    """One record made out of columns; see `records.Record`."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class RecordColumns:
    """The records of some batches of one partition, in their order: arrays of the same length n, one element a record.

    offsets: int64[n]; timestamps: int64[n], ms since the epoch; keys: n bytes or None; present: bool[n], False for a tombstone.
    """

    def __init__(self, batches: RecordBatches, begin: int = 0, end: int | None = None) -> None:
        """Take the records from offset begin on, below end.

        Raises CorruptRecordException where they are not what the batches say.
        """
        parts = batches.records()
        self._text = b"".join(parts)
        # What is gathered beyond the last record must not lie beyond the buffer.
        self._bytes: Bytes = np.frombuffer(self._text + bytes(_LONGEST_VARINT), np.uint8)
        self._ends = _ends(self._text, list(map(len, parts)), batches.counts.tolist())
        _, starts = self._varints(np.concatenate((np.zeros(min(1, len(self._ends)), np.int64), self._ends[:-1])))
        # One byte of attributes, without a meaning.
        time_deltas, at = self._varints(starts + 1)
        offset_deltas, at = self._varints(at)
        times, counted = batches.base_times
        self.offsets: Longs = np.repeat(batches.base_offsets, batches.counts) + offset_deltas
        self.timestamps: Longs = np.repeat(times, batches.counts) + time_deltas * np.repeat(counted, batches.counts)
        wanted = self.offsets >= begin
        if end is not None:
            wanted &= self.offsets < end
        if not np.all(wanted):
            at, self._ends = at[wanted], self._ends[wanted]
            self.offsets, self.timestamps = self.offsets[wanted], self.timestamps[wanted]
        self._key_sizes, self._keys_at = self._varints(at)
        self._value_sizes, self._values_at = self._varints(self._keys_at + np.maximum(self._key_sizes, 0))
        self._after_values = self._values_at + np.maximum(self._value_sizes, 0)
        self.present: Flags = self._value_sizes >= 0
        if np.any(self._after_values > self._ends):
            raise CorruptRecordException("a record ends before its value does")

    def __len__(self) -> int:
        return len(self.offsets)

    @cached_property
    def keys(self) -> list[bytes | None]:
        """The keys."""
        return self._slices(self._keys_at, self._key_sizes)

    def record(self, tp: TopicPartition, index: int) -> SingleRecord:
        """Return one record with all that it has. tp: where the columns are from."""
        value = self._slices(self._values_at[index : index + 1], self._value_sizes[index : index + 1])[0]
        headers = tuple(self._headers(int(self._after_values[index])))
        offset, timestamp = int(self.offsets[index]), int(self.timestamps[index])
        return SingleRecord(tp.topic, tp.partition, offset, timestamp, self.keys[index], value, headers)

    def _headers(self, at: int) -> Iterator[tuple[str, bytes]]:
        text = bytearray(self._bytes[at:])
        count, at = decode_varint(text, 0)
        for _ in range(count):
            size, at = decode_varint(text, at)
            name, at = text[at : at + size].decode(errors="replace"), at + size
            size, at = decode_varint(text, at)
            yield name, bytes(text[at : at + max(0, size)])
            at += max(0, size)

    def leading_numbers(self, name: bytes) -> Longs:
        """Return the decimal numbers that stand in the records' first header, int64[n]; -1 where that isn't `name` or no number.

        name: at most 63 bytes.
        """
        expected = np.frombuffer(bytes([2 * len(name)]) + name, np.uint8)
        counts, at = self._varints(np.minimum(self._after_values, self._ends))
        is_it: Flags = counts > 0
        is_it &= at + len(expected) < self._ends
        at = np.where(is_it, at, 0)
        for place, byte in enumerate(expected.tolist()):
            is_it &= self._bytes[at + place] == byte
        sizes, begin = self._varints(np.where(is_it, at + len(expected), 0))
        is_it &= (sizes > 0) & (sizes <= _MOST_DIGITS) & (begin + sizes <= self._ends)
        return self._numbers(begin, sizes, is_it)

    def _numbers(self, begin: Longs, sizes: Longs, is_it: Flags) -> Longs:
        numbers = np.zeros(len(begin), np.int64)
        for place in range(int(sizes[is_it].max(initial=0))):
            inside = is_it & (place < sizes)
            digits = self._bytes[np.where(inside, begin + place, 0)].astype(np.int64) - ord("0")
            is_it = is_it & (~inside | ((digits >= 0) & (digits <= 9)))  # noqa: PLR2004 - a decimal digit
            numbers = np.where(inside, numbers * 10 + digits, numbers)
        return np.where(is_it, numbers, -1)

    def _slices(self, begin: Longs, sizes: Longs) -> list[bytes | None]:
        text = self._text
        if len(sizes) and sizes.min() < 0:
            pairs = zip(begin.tolist(), sizes.tolist(), strict=True)
            return [text[at : at + size] if size >= 0 else None for at, size in pairs]
        return [text[at:end] for at, end in zip(begin.tolist(), (begin + sizes).tolist(), strict=True)]

    def _varints(self, at: Longs) -> tuple[Longs, Longs]:
        """Return the zigzag numbers that begin at these places, and the places behind them."""
        if len(at) and int(at.max()) >= len(self._bytes):
            raise CorruptRecordException("a record is longer than it says")
        first = self._bytes[at]
        value = (first & 0x7F).astype(np.int64)
        after = at + 1
        longer = np.flatnonzero(first > _ONE_BYTE)
        for shift in range(7, 7 * _LONGEST_VARINT, 7):
            if not len(longer):
                break
            byte = self._bytes[np.minimum(after[longer], len(self._bytes) - 1)]
            value[longer] |= (byte & 0x7F).astype(np.int64) << shift
            after[longer] += 1
            longer = longer[byte > _ONE_BYTE]
        if len(after) and int(after.max()) > len(self._bytes):
            raise CorruptRecordException("a record ends within a number")
        return (value >> 1) ^ -(value & 1), after


def _ends(text: bytes, sizes: Sequence[int], counts: Sequence[int]) -> Longs:
    """Return where each record ends, which is where the next one begins. Only this walks from record to record.

    sizes: bytes of the records of each batch; counts: how many they are.
    """
    ends: list[int] = []
    add = ends.append
    at = end = 0
    try:
        for part, count in zip(sizes, counts, strict=True):
            end += part
            for _ in range(count):
                size = text[at]
                # A length is twice itself, in one byte, mostly in two, rarely in more.
                if size <= _ONE_BYTE:
                    at += 1 + (size >> 1)
                elif (more := text[at + 1]) <= _ONE_BYTE:
                    at += 2 + ((size & 0x7F | more << 7) >> 1)
                else:
                    at = _end_of_long(text, at)
                add(at)
            if at != end:
                raise CorruptRecordException("a batch is not as long as its records")
    except IndexError:
        raise CorruptRecordException("a batch has fewer records than it says") from None
    return np.array(ends, np.int64)


def _end_of_long(text: bytes, at: int) -> int:
    value = shift = 0
    while True:
        byte = text[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte <= _ONE_BYTE:
            return at + (value >> 1)
        shift += 7
