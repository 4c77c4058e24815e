"""Which partition a key belongs to: murmur2 as Kafka's own clients compute it, so that all languages agree."""

from collections.abc import Collection, Sequence

SEED = 0x9747B28C
M = 0x5BD1E995
MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Return the 32-bit murmur2 hash of data with Kafka's seed (org.apache.kafka.common.utils.Utils.murmur2)."""
    length = len(data)
    h = (SEED ^ length) & MASK
    whole = length & ~3
    for start in range(0, whole, 4):
        k = (int.from_bytes(data[start : start + 4], "little") * M) & MASK
        k = ((k ^ (k >> 24)) * M) & MASK
        h = ((h * M) & MASK) ^ k
    if tail := data[whole:]:
        h = ((h ^ int.from_bytes(tail, "little")) * M) & MASK
    h = ((h ^ (h >> 13)) * M) & MASK
    return h ^ (h >> 15)


def partition_of(key: bytes | str, partitions: int) -> int:
    """Return the partition of key among `partitions`."""
    return (murmur2(key.encode() if isinstance(key, str) else key) & 0x7FFFFFFF) % partitions


def key_partitioner(key: bytes | None, everything: Sequence[int], available: Collection[int]) -> int:
    """Partition by murmur2 of the key; the shape that kafka-python and aiokafka ask for. everything: sorted partition numbers."""
    del available  # an unavailable partition is waited for: another one would split a key's history
    if key is None:
        raise ValueError("every record of Sluice has a key")
    return everything[partition_of(key, len(everything))]
