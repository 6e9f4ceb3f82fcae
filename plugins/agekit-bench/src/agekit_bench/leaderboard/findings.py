"""What the figures say of a claim, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from agekit_bench.statistics.ranking import Difference

__all__ = ["Answer", "Finding"]


@dataclass(frozen=True)
class Answer(Difference):
    """Whether one row errs less than another, or several do on average, each than its own other.

    Attributes:
        of: what is compared, as far as the claim leaves it open.
    """

    of: str


@dataclass(frozen=True)
class Finding:
    """What the figures say of a claim.

    Attributes:
        claim: one sentence without its full stop.
        answers: one for each pair of rows that it is about, and one for several together.
    """

    claim: str
    answers: list[Answer]
