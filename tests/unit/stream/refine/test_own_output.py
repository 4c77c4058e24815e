"""What is read of the own output: what others wrote, and nothing that this worker wrote itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.follow import OffsetGone
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import TopicPartition
from services.stream.refine.output_watch import OutputWatch
from services.stream.refine.own_output import OwnOutput

TP = TopicPartition("out", 0)
OTHER = TopicPartition("out", 1)


def test_what_was_written_without_a_gap_is_known():
    output = OwnOutput({TP: 10})
    output.wrote(TP, [10, 11, 12])
    output.wrote(TP, [13])
    assert output.unknown({TP: 14}) == {}
    assert output.positions == {TP: 14}


def test_a_gap_is_somebody_elses_and_is_read_from_its_beginning():
    output = OwnOutput({TP: 10, OTHER: 0})
    output.wrote(TP, [10, 11, 13, 14])
    assert output.unknown({TP: 15, OTHER: 0}) == {TP: 12}
    output.read(TP, 15)
    assert output.unknown({TP: 15, OTHER: 1}) == {OTHER: 0}


def test_what_the_broker_did_not_tell_is_read():
    """A retry that it knew already: the records are there, and nobody says where."""
    output = OwnOutput({TP: 0})
    output.wrote(TP, [-1, -1])
    output.wrote(TP, [2])
    assert output.unknown({TP: 3}) == {TP: 0}


def test_ends_that_are_older_than_what_was_written_say_nothing():
    output = OwnOutput({TP: 5})
    output.wrote(TP, [5, 6])
    assert output.unknown({TP: 5}) == {}


def test_a_partition_that_is_forgotten_is_asked_for_no_more():
    output = OwnOutput({TP: 5})
    output.forget(TP)
    assert (output.positions, output.unknown({TP: 9})) == ({}, {})


@given(st.lists(st.tuples(st.sampled_from(["mine", "other", "look"]), st.integers(1, 3)), max_size=30))
def test_every_record_of_another_writer_is_read_and_none_is_left(steps):
    """Whatever the interleaving: behind a look all is known, and only stretches with something foreign were read."""
    log, read, output = [], set(), OwnOutput({TP: 0})
    for who, count in [*steps, ("look", 1)]:
        if who == "look":
            for start in output.unknown({TP: len(log)}).values():
                assert "other" in log[start:]
                read.update(range(start, len(log)))
                output.read(TP, len(log))
            assert output.positions[TP] == len(log)
            continue
        offsets = range(len(log), len(log) + count)
        log += [who] * count
        if who == "mine":
            output.wrote(TP, offsets)
    assert {offset for offset, who in enumerate(log) if who == "other"} <= read


class Ends:
    """A consumer that only knows ends: those given, one look after the other, the last for ever."""

    def __init__(self, *ends):
        self.ends = list(ends)

    async def end_offsets(self, partitions):
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        return dict.fromkeys(partitions, end)


async def looked(count, *ends, position=10):
    """Look so often; return the ends that were seen."""

    async def take(_said):
        raise AssertionError("nobody runs it")

    watch, consumer = OutputWatch(KafkaSecurity("127.0.0.1:1"), {TP: position}, take), Ends(*ends)
    return [(await watch._look(consumer))[TP] for _ in range(count)]


async def test_a_log_that_stays_shorter_than_it_was_is_another_log():
    """The topic was made anew or cut: what is known of it is worth nothing, so the worker must end and read back."""
    with pytest.raises(OffsetGone):
        await looked(100, 9)


async def test_a_new_leader_may_be_behind_for_a_moment():
    assert await looked(6, 9, 9, 9, 10, 9, 12) == [9, 9, 9, 10, 9, 12]
