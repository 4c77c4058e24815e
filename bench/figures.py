"""What is measured: a figure with its unit and target, and what came out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure must reach. at_least, at_most: of the value. ratio_at_least: of value / ceiling. All that are given count."""

    at_least: float | None = None
    at_most: float | None = None
    ratio_at_least: float | None = None

    def met(self, value: float, ratio: float) -> bool:
        """Return whether a median and its ratio to the ceiling reach it."""
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
            and (self.ratio_at_least is None or ratio >= self.ratio_at_least)
        )

    def __str__(self) -> str:
        parts = []
        if self.at_least is not None:
            parts.append(f"≥ {self.at_least:,g}" if self.at_least < 1e6 else f"≥ {self.at_least / 1e6:g} million")  # noqa: PLR2004 - a million
        if self.at_most is not None:
            parts.append(f"≤ {self.at_most:,g}")
        if self.ratio_at_least is not None:
            parts.append(f"≥ {self.ratio_at_least:.0%} of its ceiling")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report. name: as in `--only`; ceiling: what stands beside it, in a few words."""

    name: str
    unit: str
    target: Target
    ceiling: str


@dataclass(frozen=True, slots=True)
class Measured:
    """The repeats of a figure and of its ceiling, taken in turn: values[i] beside ceilings[i]. notes: what else belongs to it."""

    values: Sequence[float]
    ceilings: Sequence[float]
    notes: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.values or len(self.values) != len(self.ceilings):
            raise ValueError("every repeat of a figure stands beside one of its ceiling")

    @property
    def value(self) -> float:
        """The median of the repeats."""
        return median(self.values)

    @property
    def ceiling(self) -> float:
        """The median of the ceiling's repeats."""
        return median(self.ceilings)

    @property
    def ratio(self) -> float:
        """Value by ceiling: a share where more is better, a multiple where less is; 0 without a ceiling above 0."""
        return self.value / self.ceiling if self.ceiling > 0 else 0.0
