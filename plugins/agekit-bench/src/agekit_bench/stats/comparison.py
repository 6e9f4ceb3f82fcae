"""Rows on the same faces: how they differ, face by face and seed by seed, and their ranks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from agekit.bootstrap import resampled_means
from agekit_bench.predictions import Numbers, Scored, Words
from agekit_bench.stats.intervals import Interval, interval_of, with_trainings

__all__ = ["Comparison", "Difference", "Rank", "Trainings", "common_faces", "compare", "ranks"]


@dataclass(frozen=True)
class Difference:
    """The excess of a row's error over another's.

    Attributes:
        by: years; below 0 the row errs less.
        interval: of that, paired, 95 %: over faces and seeds, or of one seed over faces alone.
        seeds: trainings of each that it is over.
        opposed: how many of these seeds put the rows in the other order.
    """

    by: float
    interval: Interval
    seeds: int
    opposed: int

    @property
    def holds(self) -> bool | None:
        """True if the row errs less, False if more; None where that cannot be told.

        Of one seed it never can: the next training may put the rows in the other order.
        """
        return None if self.seeds < 2 or self.interval.holds(0) else self.by < 0


class Rank(NamedTuple):
    """The place of a row.

    Args:
        place: 1 the best.
        note: what is to be said with it: ``one seed`` or ``seeds disagree``; "" if nothing.
    """

    place: int
    note: str


def ranks(errors: Sequence[float], difference: Callable[[int, int], Difference]) -> list[Rank]:
    """The rank of each row.

    The row of the least error leads rank 1, and rows share it in the order of their errors, up to
    the first whose interval against the leader lies above 0: that one leads the next group, whose
    rank counts all before it: 1, 1, 3. A difference that it rests on is of one seed, or one about
    which seeds disagree: the rank says so.

    Args:
        errors: (R,) mean errors; less is better.
        difference: of the first row's error from the second's.
    """
    order = [int(row) for row in np.argsort(np.asarray(errors, np.float64), kind="stable")]
    out: dict[int, Rank] = {}
    leader, begun = -1, ""
    for place, row in enumerate(order, 1):
        if not out:
            leader, out[row] = row, Rank(place, "")
            continue
        found = difference(row, leader)
        disagree = found.opposed or found.by < 0  # their means are of more seeds than they share
        note = "one seed" if found.seeds == 1 else "seeds disagree" if disagree else ""
        if found.interval.low > 0:
            leader, begun, out[row] = row, note, Rank(place, note)
        else:
            first = out[leader]
            out[row] = Rank(first.place, note or begun)
            out[leader] = Rank(first.place, first.note or note)
    return [out[row] for row in range(len(order))]


@dataclass(frozen=True)
class Trainings:
    """R rows by the figure of each of their trainings; less of it is better.

    Attributes:
        seeds: of each row, S of them.
        means: of each row (S,) the figure of each of its seeds, a mean over faces.
    """

    seeds: list[list[int]]
    means: list[Numbers]

    @cached_property
    def ranks(self) -> list[Rank]:
        """Of the rows; ties share one."""
        found = ranks([means.mean() for means in self.means], self.difference)
        return [
            Rank(rank.place, "one seed") if len(seeds) == 1 else rank
            for rank, seeds in zip(found, self.seeds, strict=True)
        ]

    def difference(self, row: int, other: int) -> Difference:
        """By how much a row's figure is above another's, and the paired 95 % interval."""
        return self.contrast({row: 1.0, other: -1.0})

    def contrast(self, weights: Mapping[int, float]) -> Difference:
        """A sum of rows' figures, paired by face, and by seed where two or more have all of them.

        Where they have fewer seeds in common, each row's vary on their own (Welch, 1947).

        Args:
            weights: of the rows, by their places; 0 altogether.
        """
        common = set.intersection(*(set(self.seeds[row]) for row in weights))
        if len(common) > 1:
            lines = {row: [self.seeds[row].index(s) for s in sorted(common)] for row in weights}
            by_seed = sum(w * self.means[row][lines[row]] for row, w in weights.items())
            return self._difference(weights, lines, len(common), np.asarray(by_seed))
        lines = {row: list(range(len(self.seeds[row]))) for row in weights}
        fewest = min(map(len, lines.values()))
        terms = [w * self.means[row] for row, w in weights.items()] if fewest > 1 else []
        return self._difference(weights, lines, fewest, *terms)

    def _difference(
        self,
        weights: Mapping[int, float],
        lines: Mapping[int, Sequence[int]],
        seeds: int,
        *terms: Numbers,
    ) -> Difference:
        by = float(sum(w * self.means[row][lines[row]].mean() for row, w in weights.items()))
        interval = with_trainings(by, self._over_faces(by, weights, lines), *terms)
        signs = np.sign(terms[0]) if len(terms) == 1 else np.empty(0)
        opposed = [int((signs == sign).sum()) for sign in ((-1, 1) if by == 0 else (-np.sign(by),))]
        return Difference(by, interval, seeds, min(opposed))

    def _over_faces(
        self, by: float, weights: Mapping[int, float], lines: Mapping[int, Sequence[int]]
    ) -> Interval:
        """The interval of a contrast over faces: of figures alone how they vary is not known."""
        return Interval(by, by)


@dataclass(frozen=True)
class Comparison(Trainings):
    """R rows on the N faces that all their seeds scored.

    Attributes:
        faces: the faces, with the estimates of the first row's first seed.
        estimates: of each row (S, N) estimated ages in years, a line for each of its seeds.
        covered: of each row (S, N), True where the interval holds the true age.
        biases: (R, N) signed errors in years, averaged over a row's seeds.
        widths: (R, N) the intervals' widths in years, averaged likewise.
        left_out: faces that some row did not score.
    """

    faces: Scored
    estimates: list[Numbers]
    covered: list[Numbers]
    biases: Numbers
    widths: Numbers
    left_out: int

    @cached_property
    def clusters(self) -> Words:
        """(N,) what belongs together: a person's pictures; of nobody named, equal pictures."""
        named = np.char.add("person ", self.faces.identity)
        return np.where(self.faces.identity != "", named, np.char.add("picture ", self.faces.key))

    @cached_property
    def cluster_count(self) -> int:
        """The number of people or pictures the bootstrap draws from."""
        return len(np.unique(self.clusters))

    @cached_property
    def people(self) -> int:
        """The number of people that are named."""
        return len(np.unique(self.faces.identity[self.faces.identity != ""]))

    @cached_property
    def errors(self) -> Numbers:
        """(R, N) absolute errors in years, averaged over a row's seeds."""
        return np.stack([np.abs(e - self.faces.age).mean(axis=0) for e in self.estimates])

    def interval(self, row: int) -> Interval:
        """The 95 % interval of a row's MAE, over faces and, of several, over seeds."""
        means = self.means[row]
        faces = interval_of(self._samples[row].mean(axis=1))
        found = with_trainings(float(means.mean()), faces, means)
        return Interval(max(0.0, found.low), found.high)

    def _over_faces(
        self, by: float, weights: Mapping[int, float], lines: Mapping[int, Sequence[int]]
    ) -> Interval:
        samples = sum(w * self._samples[row][:, lines[row]].mean(1) for row, w in weights.items())
        return interval_of(np.asarray(samples))

    @cached_property
    def _samples(self) -> list[Numbers]:
        """Of each row (B, S) mean absolute errors over bootstrap samples that all share."""
        errors = np.abs(np.concatenate(self.estimates) - self.faces.age)
        ends = np.cumsum([len(seeds) for seeds in self.seeds])[:-1]
        return np.split(resampled_means(errors, self.clusters), ends, axis=1)


def compare(
    rows: Sequence[Sequence[Scored]], seeds: Sequence[Sequence[int]] | None = None
) -> Comparison | None:
    """Pairs rows face by face.

    Args:
        rows: of each row what each of its seeds scored, at least one.
        seeds: theirs; None counts from 0.

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
        means=[np.abs(e - faces.age).mean(axis=1) for e in estimates],
        faces=faces,
        seeds=[list(own) for own in seeds or [range(len(row)) for row in rows]],
        estimates=estimates,
        covered=[np.stack([_holds(one) for one in seeds]) for seeds in groups],
        biases=np.stack([(e - faces.age).mean(axis=0) for e in estimates]),
        widths=np.stack([np.mean([one.high - one.low for one in s], axis=0) for s in groups]),
        left_out=max(map(len, everything)) - len(faces),
    )


def _holds(one: Scored) -> Numbers:
    held: Numbers = ((one.low <= one.age) & (one.age <= one.high)).astype(np.float64)
    return held


def common_faces(scored: Sequence[Scored]) -> list[Scored]:
    """Each restricted to the faces that all of them have, in one order.

    A picture that is there several times with one age is paired in turn.
    """
    if all(one.same_faces(scored[0]) for one in scored[1:]):
        return list(scored)
    places = [_places(one) for one in scored]
    shared = sorted(set(places[0]).intersection(*places[1:]))
    return [
        one.take(np.fromiter((place[face] for face in shared), np.int64, len(shared)))
        for one, place in zip(scored, places, strict=True)
    ]


def _places(one: Scored) -> dict[tuple[str, float, int], int]:
    out: dict[tuple[str, float, int], int] = {}
    pairs = list(zip(one.key.tolist(), one.age.tolist(), strict=True))
    turn = 0
    for place, pair in enumerate(pairs):
        turn = turn + 1 if place and pairs[place - 1] == pair else 0
        out[*pair, turn] = place
    return out
