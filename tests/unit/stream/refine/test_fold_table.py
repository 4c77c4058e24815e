from hypothesis import given
from hypothesis import strategies as st

from services.stream.refine.fold_table import FoldTable
from services.stream.refine.folding import Folded

INT64 = st.integers(-(2**63), 2**63 - 1)
UINT32 = st.integers(0, 2**32 - 1)
EDGES = st.just(b"") | st.binary(min_size=17, max_size=17)
ENTRIES = st.builds(Folded, INT64, st.booleans(), st.binary(min_size=8, max_size=8), UINT32, INT64, INT64, INT64, EDGES)
# One first byte: all keys meet in one shard, and most of them in growing.
KEYS = st.integers(0, 60).map(lambda number: b"\7" + number.to_bytes(15, "big"))
STEPS = st.lists(st.tuples(KEYS, st.none() | ENTRIES), max_size=200)


@given(STEPS)
def test_it_behaves_like_a_dict(steps):
    """Whatever is put and forgotten in whatever order, get answers as a dict would."""
    table, model = FoldTable(), {}
    for key, entry in steps:
        if entry is None:
            table.forget(key)
            model.pop(key, None)
        else:
            table.put(key, entry, entry.offset)
            model[key] = entry
        assert table.get(key) == model.get(key)
    assert {key: table.get(key) for key, _ in steps} == {key: model.get(key) for key, _ in steps}


def test_an_id_takes_at_most_115_bytes():
    """Memory is what bounds how many activities one worker can know."""
    table, count = FoldTable(), 30_000
    entry = Folded(1, deleted=False, digest=bytes(8), audience=0, sort_time_ms=1, accepted_ms=1, offset=1)
    for number in range(count):
        table.put((number * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "big") * 2, entry, 1)
    assert len(table) == count
    assert table.nbytes / count < 115


def test_what_an_activity_is_on_takes_at_most_65_bytes_more():
    """Likes and comments may be most of what a worker knows."""
    plain, liking, count = FoldTable(), FoldTable(), 30_000
    entry = Folded(1, deleted=False, digest=bytes(8), audience=0, sort_time_ms=1, accepted_ms=1, offset=1)
    for number in range(count):
        key = (number * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "big") * 2
        plain.put(key, entry, 1)
        liking.put(key, entry._replace(edge=bytes(16) + b"\4"), 1)
    assert (liking.nbytes - plain.nbytes) / count < 65
