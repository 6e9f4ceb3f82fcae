"""Rows on the same faces: their errors face by face, seeds averaged, and how they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from agekit.bench.results.scored import Numbers, Scored, Words, common_faces
from agekit.bench.statistics.intervals import RESAMPLES, Interval, interval_of, resampled_means
from agekit.bench.statistics.ranking import ranks

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """R rows on the N faces that all their seeds scored.

    Attributes:
        faces: the faces, with the estimates of the first row's first seed.
        estimates: of each row (S, N) estimated ages in years, a line for each of its seeds.
        errors: (R, N) absolute errors in years, averaged over a row's seeds.
        biases: (R, N) signed errors, averaged likewise.
        covered: (R, N) the share of a row's seeds whose interval holds the true age.
        widths: (R, N) the intervals' widths in years, averaged likewise.
        left_out: faces that some row did not score.
    """

    faces: Scored
    estimates: list[Numbers]
    errors: Numbers
    biases: Numbers
    covered: Numbers
    widths: Numbers
    left_out: int

    @cached_property
    def clusters(self) -> Words:
        """(N,) what belongs together: a person's pictures; of nobody named, equal pictures."""
        named = np.char.add("person ", self.faces.identity)
        return np.where(self.faces.identity != "", named, np.char.add("picture ", self.faces.key))

    @cached_property
    def cluster_count(self) -> int:
        """How many people or pictures the bootstrap draws from."""
        return len(np.unique(self.clusters))

    @cached_property
    def people(self) -> int:
        """How many people are named."""
        return len(np.unique(self.faces.identity[self.faces.identity != ""]))

    @cached_property
    def samples(self) -> Numbers:
        """(B, R) mean absolute errors over shared bootstrap samples."""
        return resampled_means(self.errors, self.clusters, RESAMPLES)

    @cached_property
    def ranks(self) -> list[int]:
        """Of the rows; ties share one."""
        return ranks(self.errors.mean(axis=1), self.samples)

    def interval(self, row: int) -> Interval:
        """The 95 % interval of a row's MAE over faces."""
        return interval_of(self.samples[:, row])

    def difference(self, row: int, other: int) -> tuple[float, Interval]:
        """By how many years a row's MAE is above another's, and the paired 95 % interval."""
        return self.mean_difference([(row, other)])

    def mean_difference(self, pairs: Sequence[tuple[int, int]]) -> tuple[float, Interval]:
        """As `difference`, the mean over pairs of a row and another, on the same samples."""
        rows, others = np.array(pairs).T
        mean = float((self.errors[rows] - self.errors[others]).mean())
        return mean, interval_of((self.samples[:, rows] - self.samples[:, others]).mean(axis=1))


def compare(rows: Sequence[Sequence[Scored]]) -> Comparison | None:
    """Pairs rows face by face.

    Args:
        rows: of each row what each of its seeds scored, at least one.

    Returns:
        None where no face is common to all, or there is no row.
    """
    if not rows:
        return None
    everything = [one for seeds in rows for one in seeds]
    paired = iter(common_faces(everything))
    groups = [[next(paired) for _ in seeds] for seeds in rows]
    faces = groups[0][0]
    if not len(faces):
        return None
    estimates = [np.stack([one.estimate for one in seeds]) for seeds in groups]
    return Comparison(
        faces=faces,
        estimates=estimates,
        errors=np.stack([np.abs(e - faces.age).mean(axis=0) for e in estimates]),
        biases=np.stack([(e - faces.age).mean(axis=0) for e in estimates]),
        covered=np.stack([_mean([_holds(one) for one in seeds]) for seeds in groups]),
        widths=np.stack([_mean([one.high - one.low for one in seeds]) for seeds in groups]),
        left_out=max(map(len, everything)) - len(faces),
    )


def _holds(one: Scored) -> Numbers:
    held: Numbers = ((one.low <= one.age) & (one.age <= one.high)).astype(np.float64)
    return held


def _mean(columns: list[Numbers]) -> Numbers:
    mean: Numbers = np.stack(columns).mean(axis=0)
    return mean
