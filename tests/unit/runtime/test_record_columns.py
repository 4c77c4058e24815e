"""Columns against aiokafka's own reading of the same bytes."""

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.record_batches import batches_in
from services.runtime.record_columns import RecordColumns
from services.runtime.records import TopicPartition

TP = TopicPartition("sluice.test", 3)
NUMBER = b"sluice_number"
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}

texts = st.one_of(st.none(), st.binary(max_size=20), st.binary(min_size=60, max_size=300))
numbers = st.one_of(st.integers(0, 10**12).map(lambda n: b"%d" % n), st.sampled_from([b"", b"-1", b"1x", b"9" * 30]))
headers = st.lists(
    st.tuples(st.sampled_from([NUMBER.decode(), "sluice_numbers", "x", ""]), st.one_of(numbers, st.binary())), max_size=3
)
records = st.lists(st.tuples(st.integers(0, 10**6), texts, texts, headers), max_size=12)
batches = st.lists(st.tuples(st.sampled_from(list(CODECS.values())), records.filter(len)), max_size=4)


def written(batches, gap=0):
    """Return the bytes of batches, and how many records they hold. gap: offsets left out before each record."""
    data, base = b"", 5
    for codec, records in batches:
        builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 20)
        for place, (time, key, value, headers) in enumerate(records):
            builder.append(place * (1 + gap), 1_795_469_020_000 + time, key, value, headers)
        raw = builder.build()
        raw[:8] = base.to_bytes(8, "big")  # as the broker does it
        data += bytes(raw)
        base += len(records) * (1 + gap)
    return data


def as_aiokafka_reads(data):
    read, memory = [], MemoryRecords(data)
    while memory.has_next():
        read.extend(memory.next_batch())
    return read


@given(batches, st.integers(0, 3))
def test_columns_say_what_the_records_say(batches, gap):
    """Every codec, empty and missing keys and values, gaps that compaction left, headers of all kinds."""
    data = written(batches, gap)
    expected, columns = as_aiokafka_reads(data), RecordColumns(batches_in(data))
    assert len(columns) == len(expected)
    assert columns.keys == [record.key for record in expected]
    assert columns.present.tolist() == [record.value is not None for record in expected]
    assert columns.offsets.tolist() == [record.offset for record in expected]
    assert columns.timestamps.tolist() == [record.timestamp for record in expected]
    for index, record in enumerate(expected):
        single = columns.record(TP, index)
        assert (single.topic, single.partition, single.offset) == (*TP, record.offset)
        assert (single.key, single.value, single.timestamp) == (record.key, record.value, record.timestamp)
        assert list(single.headers) == record.headers


@given(batches)
def test_a_number_is_read_from_the_first_header_alone(batches):
    """What isn't a number under that very name is none; it is never taken from a header further back."""
    data = written(batches)
    numbers = RecordColumns(batches_in(data)).leading_numbers(NUMBER)
    expected = []
    for record in as_aiokafka_reads(data):
        name, value = record.headers[0] if record.headers else ("", b"")
        expected.append(int(value) if name.encode() == NUMBER and value.isdigit() and len(value) <= 18 else -1)
    assert numbers.tolist() == expected


@given(batches.filter(len), st.integers(0, 60), st.integers(0, 60))
def test_only_the_offsets_asked_for_are_there(batches, begin, end):
    """A fetch begins with the batch that holds the offset, and the end was asked for before others wrote on."""
    data = written(batches)
    wanted = [record for record in as_aiokafka_reads(data) if begin <= record.offset < end]
    columns = RecordColumns(batches_in(data), begin, end)
    assert columns.offsets.tolist() == [record.offset for record in wanted]
    assert columns.keys == [record.key for record in wanted]
    assert columns.leading_numbers(NUMBER).shape == (len(wanted),)


@given(batches.filter(len), st.data())
def test_a_flipped_bit_is_noticed(batches, data):
    """What a disk or a network spoiled is an error, never another edge. Offsets and the leader's epoch have no checksum."""
    raw = bytearray(written(batches))
    first_length = 12 + int.from_bytes(raw[8:12], "big")
    place = data.draw(st.integers(21, first_length - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(CorruptRecordException):
        batches_in(bytes(raw))


@given(batches.filter(len), st.data())
def test_a_batch_cut_short_is_left_for_the_next_fetch(batches, data):
    """Brokers fill an answer up to its size, whatever that cuts through."""
    raw = written(batches)
    whole = batches_in(raw)
    cut = batches_in(raw[: data.draw(st.integers(0, len(raw) - 1))])
    assert len(cut) < len(whole)
    assert cut.records() == whole[: len(cut)].records()
    assert cut.base_offsets.tolist() == whole.base_offsets[: len(cut)].tolist()


def test_an_old_format_is_refused():
    """Kafka before 0.11 wrote other bytes; reading them as these would be worse than not reading."""
    raw = bytearray(written([(0, [(0, b"k", b"v", [])])]))
    raw[16] = 1
    with pytest.raises(CorruptRecordException, match="format 1"):
        batches_in(bytes(raw))


@pytest.mark.parametrize("change", [-1, 1, 5])
def test_a_count_that_is_wrong_is_an_error(change):
    """A batch whose header and records disagree must not be read as something else."""
    batches = batches_in(written([(0, [(0, b"key", b"value", []) for _ in range(3)])]))
    batches.counts += change
    with pytest.raises(CorruptRecordException):
        RecordColumns(batches)
