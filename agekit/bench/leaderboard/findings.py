"""What the figures say of a claim, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from agekit.bench.statistics.intervals import Interval

__all__ = ["Answer", "Finding"]


@dataclass(frozen=True)
class Answer:
    """Whether one row errs less than another, or several do on average, each than its own other.

    Attributes:
        of: what is compared, as far as the claim leaves it open.
        by: by how many years its MAE is above the other's, or that on average.
        interval: of that, paired, 95 %.
        seeds: trainings of the one with the fewer.
    """

    of: str
    by: float
    interval: Interval
    seeds: int

    @property
    def holds(self) -> bool | None:
        """True if it errs less, False if more, None where that cannot be told."""
        return None if self.interval.holds(0) else self.by < 0


@dataclass(frozen=True)
class Finding:
    """What the figures say of a claim.

    Attributes:
        claim: one sentence without its full stop.
        answers: one for each pair of rows that it is about, and one for several together.
    """

    claim: str
    answers: list[Answer]
