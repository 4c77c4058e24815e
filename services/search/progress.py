"""How far the index has come, partition by partition: what was written, and what searches see."""

from collections.abc import Mapping


class ProgressVector:
    """Offsets of one assignment of partitions. written: everything before it is in the index. announced: what readers were told.

    epoch: the assignment that the numbers belong to; what comes with another one is too late and changes nothing.
    """

    def __init__(self) -> None:
        self.epoch = -1
        self.written: dict[int, int] = {}
        self.announced: dict[int, int] = {}

    def begin(self, epoch: int, positions: Mapping[int, int]) -> None:
        """Start over with an assignment whose partitions are in the index up to positions. All of them are due to be announced."""
        self.epoch = epoch
        self.written = dict(positions)
        self.announced = {}

    def wrote(self, epoch: int, positions: Mapping[int, int]) -> bool:
        """Note that everything before positions is written. Return whether that is news."""
        if epoch != self.epoch:
            return False
        news = {partition: at for partition, at in positions.items() if at > self.written.get(partition, -1)}
        self.written.update(news)
        return bool(news)

    def due(self) -> dict[int, int]:
        """Return what is written and not announced."""
        return {partition: at for partition, at in self.written.items() if self.announced.get(partition) != at}

    def announce(self, epoch: int, positions: Mapping[int, int]) -> None:
        """Note that readers were told of positions."""
        if epoch == self.epoch:
            self.announced.update(positions)
