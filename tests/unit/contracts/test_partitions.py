import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as kafka_murmur2

from services.contracts.partitions import key_partitioner, murmur2, partition_of


@given(st.binary(max_size=64))
def test_the_hash_is_the_one_of_kafkas_clients(data):
    """Any producer in any language must send a user's record to the same partition."""
    assert murmur2(data) == kafka_murmur2(data) & 0xFFFFFFFF


def test_a_key_has_one_partition_whatever_is_available():
    """An unavailable partition is waited for; another one would split a key's history."""
    assert key_partitioner(b"person:anna", [0, 1, 2, 3], [1]) == partition_of("person:anna", 4)


def test_a_record_without_a_key_is_refused():
    """Spreading keyless records would break the order of the log."""
    with pytest.raises(ValueError, match="key"):
        key_partitioner(None, [0], [0])
