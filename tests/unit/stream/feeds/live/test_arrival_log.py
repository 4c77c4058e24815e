"""What came since a vector of offsets is kept whole or said to be gone."""

from hypothesis import given
from hypothesis import strategies as st

from services.contracts.matching import hidden
from services.stream.feeds.live import arrival_log
from services.stream.feeds.live.arrival_log import ArrivalLog

PARTITIONS = 3


@given(
    st.integers(1, 20),
    st.lists(st.integers(0, 5), min_size=PARTITIONS, max_size=PARTITIONS),
    st.lists(st.tuples(st.integers(0, PARTITIONS - 1), st.integers(1, 3)), max_size=60),
    st.lists(st.integers(0, 70), min_size=PARTITIONS, max_size=PARTITIONS),
)
def test_nothing_is_left_out_in_silence(room, begins, steps, asked):
    """Either everything at or above the offsets comes, in the order of its arrival, or a partition is named."""
    arrival_log._CHUNK = 4
    try:
        log, ends, all_of_it = ArrivalLog(room), list(begins), []
        log.begin(dict(enumerate(begins)))
        for partition, step in steps:
            # Compaction leaves holes.
            offset, ends[partition] = ends[partition] + step - 1, ends[partition] + step
            log.add(partition, offset, hidden(f"{offset:032x}"), None)
            all_of_it.append((partition, offset))
        offsets = dict(enumerate(asked))
        wanted = [(partition, offset) for partition, offset in all_of_it if offset >= offsets[partition]]
        found = [(arrival.partition, arrival.offset) for arrival in log.since(offsets)]
        gone = log.forgotten(offsets)
        assert log.ends == dict(enumerate(ends))
        if gone is None:
            assert found == wanted
        else:
            assert found == wanted[len(wanted) - len(found) :]
            assert asked[gone] < begins[gone] or any(partition == gone for partition, _ in all_of_it)
        assert len(wanted) > room or any(asked[at] < begins[at] for at in range(PARTITIONS)) or gone is None
    finally:
        arrival_log._CHUNK = 1024
