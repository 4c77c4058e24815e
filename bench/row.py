"""The shape of a row: one module under bench/rows/ with a ROW."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from bench.cores import Cores
from bench.figures import Figure, Measured


class Need(Enum):
    """A server that a row works with. The runner starts both together, once."""

    BROKER = "Apache Kafka"
    INDEX = "Elasticsearch"


@dataclass(frozen=True, slots=True)
class Context:
    """What a row gets. folder: empty, its own. bootstrap, elasticsearch_url: empty unless the row needs them. repeats: how many to take."""

    quick: bool
    folder: Path
    cores: Cores
    say: Callable[[str], None]
    bootstrap: str = ""
    elasticsearch_url: str = ""
    repeats: int = 3
    wanted: frozenset[str] = field(default_factory=frozenset)

    def size(self, full: int, quick: int) -> int:
        """Return the size that this run works with."""
        return quick if self.quick else full

    def wants(self, *names: str) -> bool:
        """Return whether any of these figures was asked for: the others needn't be measured."""
        return not self.wanted.isdisjoint(names)


#: Measures in a process of its own, bound to no core yet; name of the figure → what came out, at least of those that are wanted.
Run = Callable[[Context], Mapping[str, Measured]]


@dataclass(frozen=True, slots=True)
class Row:
    """Figures that are measured together. seconds: after so many a run counts as hung."""

    figures: tuple[Figure, ...]
    run: Run
    needs: frozenset[Need] = frozenset()
    seconds: float = 600.0
