"""How far each partition of the output is accounted for: what this worker wrote itself it needn't read.

The log's end tells whether anybody else wrote: where it lies behind what was read and what was written here without a gap, somebody did.
Asking for ends a few times a second costs nothing; reading back every record that was just written took a tenth of the processor.
"""

from collections.abc import Iterable, Mapping

from services.runtime.records import TopicPartition


class OwnOutput:
    """positions: the offset up to which all is known, for every partition; live, a rebalance reads on from there."""

    def __init__(self, positions: Mapping[TopicPartition, int]) -> None:
        self.positions = dict(positions)
        # Stretches written here behind something that isn't known yet: beginning → end.
        self._ahead: dict[TopicPartition, dict[int, int]] = {tp: {} for tp in positions}

    def wrote(self, partition: TopicPartition, offsets: Iterable[int]) -> None:
        """Note records that the broker confirmed; offsets rise. Those that it didn't tell (-1) will be read."""
        position, ahead = self.positions[partition], self._ahead[partition]
        begin = end = position
        for offset in offsets:
            if offset != end:
                ahead[begin] = end
                begin = offset
            end = offset + 1
        ahead[begin] = end
        self._advance(partition, position)

    def read(self, partition: TopicPartition, end: int) -> None:
        """Note that everything below end was read."""
        self._advance(partition, max(end, self.positions[partition]))

    def unknown(self, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Return the partitions that hold something of somebody else's, and where to read. ends: the log's, asked before."""
        return {tp: self.positions[tp] for tp, end in ends.items() if tp in self.positions and end > self.positions[tp]}

    def forget(self, partition: TopicPartition) -> None:
        """Forget a partition."""
        self.positions.pop(partition, None)
        self._ahead.pop(partition, None)

    def _advance(self, partition: TopicPartition, position: int) -> None:
        ahead = self._ahead[partition]
        while (end := ahead.pop(position, position)) > position:
            position = end
        self.positions[partition] = position
        for begin in [begin for begin in ahead if begin < position]:
            del ahead[begin]
