"""The window holds what the index may not show yet: never less, and not much more."""

from hypothesis import given
from hypothesis import strategies as st

from services.stream.feeds import window as window_module
from services.stream.feeds.window import Window

NAMES = ["a", "b", "c"]
arrivals = st.tuples(
    st.just("arrive"), st.integers(0, 1), st.integers(0, 5), st.lists(st.sampled_from(NAMES), unique=True, max_size=2).map(tuple)
)
advances = st.tuples(st.just("advance"), st.integers(0, 1), st.integers(0, 12), st.none())
pins = st.tuples(st.sampled_from(["pin", "unpin"]), st.none(), st.none(), st.none())


class Followed:
    """A window beside the plain list of everything that came: partition, offset, slot, names."""

    def __init__(self):
        self.window = Window()
        self.log = []
        self.ends = {0: 0, 1: 0}
        self.refreshed = {0: 0, 1: 0}
        self.pins = []

    def take(self, what, partition, number, names):
        """Do one of the things that happen to a window."""
        if what == "arrive":
            self.window.add(partition, self.ends[partition], number, names)
            self.log.append((partition, self.ends[partition], number, names))
            self.ends[partition] += 1
        elif what == "advance":
            self.window.advance({partition: number})
            self.refreshed[partition] = max(number, self.refreshed[partition])
        elif what == "pin":
            pin = self.window.pinned()
            pin.__enter__()
            self.pins.append((pin, dict(self.refreshed)))
        elif self.pins:
            self.pins.pop()[0].__exit__(None, None, None)

    def must_have(self):
        """Return what is at or above W, and above what W was when a question began that is under way."""
        bounds = [self.refreshed, *(refreshed for _, refreshed in self.pins)]
        return [entry for entry in self.log if any(entry[1] >= bound[entry[0]] for bound in bounds)]


@given(st.lists(st.one_of(arrivals, arrivals, arrivals, advances, pins), max_size=60), st.sampled_from([1, 3, 4096]))
def test_whatever_the_index_may_lack_is_in_the_window(steps, segment):
    """Whatever comes, whenever the index moves on, whatever is asked meanwhile."""
    before, window_module._SEGMENT = window_module._SEGMENT, segment
    try:
        followed = Followed()
        for step in steps:
            followed.take(*step)
            must_have = followed.must_have()
            for name in NAMES:
                assert {slot for _, _, slot, names in must_have if name in names} <= followed.window.slots_of([name])
            assert all(slot in followed.window for _, _, slot, _ in must_have)
            assert followed.window.slots_of(NAMES) <= {slot for _, _, slot, names in followed.log if names}
            assert len(set(followed.window)) == len(followed.window)
    finally:
        window_module._SEGMENT = before


def filled(monkeypatch, *slots, segment=2):
    """A window with one record a slot, delivered to `a`, in one partition."""
    monkeypatch.setattr(window_module, "_SEGMENT", segment)
    window = Window()
    for offset, slot in enumerate(slots):
        window.add(0, offset, slot, ("a",))
    return window


def test_segments_that_are_shown_go_as_a_whole(monkeypatch):
    """What leaves is returned once: its body may be dropped from now on."""
    window = filled(monkeypatch, 1, 2, 3, 4, 5)
    assert window.advance({0: 1}) == []
    assert window.advance({0: 3}) == [1, 2]
    assert window.slots_of(["a"]) == {3, 4, 5}
    assert window.advance({0: 5}) == [3, 4, 5]
    assert window.slots_of(["a"]) == set()
    assert len(window) == 0
    assert window.advance({0: 9}) == []


def test_a_slot_stays_as_long_as_its_latest_record(monkeypatch):
    """An edit brings it back: the index has only the older state."""
    window = filled(monkeypatch, 1, 2, 1)
    assert window.advance({0: 2}) == [2]
    assert 1 in window
    assert window.advance({0: 3}) == [1]


def test_a_segment_waits_for_every_partition_in_it(monkeypatch):
    """W is a vector."""
    window = filled(monkeypatch, 1, segment=4)
    window.add(1, 7, 2, ("a",))
    assert window.advance({0: 1}) == []
    assert window.advance({1: 8}) == [1, 2]


def test_a_pin_keeps_what_was_there_and_what_comes(monkeypatch):
    """The answer of the index may be as old as the question."""
    window = filled(monkeypatch, 1, 2)
    with window.pinned():
        assert window.advance({0: 2}) == []
        window.add(0, 2, 3, ("a",))
        assert window.advance({0: 3}) == []
        assert window.slots_of(["a"]) == {1, 2, 3}
    assert window.advance({0: 3}) == [1, 2, 3]


def test_a_pin_doesnt_hold_what_was_shown_before_it(monkeypatch):
    """It is no older than its beginning."""
    window = filled(monkeypatch, 1, 2, 3, 4)
    window.advance({0: 1})
    with window.pinned():
        assert window.advance({0: 4}) == []
    window.advance({0: 2})
    with window.pinned():
        assert window.slots_of(["a"]) == set()


def test_one_pin_of_two_is_enough(monkeypatch):
    """Questions overlap and end in any order."""
    window = filled(monkeypatch, 1, 2)
    first, second = window.pinned(), window.pinned()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert window.advance({0: 2}) == []
    second.__exit__(None, None, None)
    assert window.advance({0: 2}) == [1, 2]


def test_names_that_are_asked_between_arrivals_find_all_of_them(monkeypatch):
    """What is found by a name is gathered at the question, and again at the next."""
    window = filled(monkeypatch, 1, segment=4096)
    assert window.slots_of(["a", "b"]) == {1}
    window.add(0, 1, 2, ("a", "b"))
    assert window.slots_of(["b"]) == {2}
    window.add(0, 2, 3, ())
    assert window.slots_of(["a"]) == {1, 2}
    assert window.slots_of([]) == set()
