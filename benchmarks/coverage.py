"""How often the leaderboard's interval of a difference holds the truth, by number of seeds.

    python benchmarks/coverage.py [--trials N]

Two methods that err alike score the same drawn faces in 1, 2, 3 and 5 trainings each. What a
training adds to its method's error varies by 0, 1 or 3 times the standard error over faces. For
three intervals of 95 % it prints how often they hold the true difference of 0, and their mean half
width in standard errors over faces: of faces alone; of a bootstrap that draws both faces and seeds;
and of the leaderboard.
"""

from __future__ import annotations

import argparse

import numpy as np
from agekit_bench.predictions import Scored
from agekit_bench.stats.comparison import compare
from agekit_bench.stats.intervals import Interval, interval_of

FACES = 100
SEEDS = (1, 2, 3, 5)
RATIOS = (0.0, 1.0, 3.0)
RESAMPLES = 1_000
Errors = np.ndarray[tuple[int, int, int], np.dtype[np.float64]]


def drawn(random: np.random.Generator, seeds: int, ratio: float) -> Errors:
    """(2, S, N) errors in years, all above 0: of faces, of each training, and of both."""
    own = random.gamma(2.0, 1.0, (2, 1, FACES))  # what a face is to a method; variance 2
    noise = random.normal(0, 1, (2, seeds, FACES))  # what it is to one training of it
    standard_error = np.sqrt((2 + 1 / seeds) / FACES)
    trainings = random.normal(0, ratio * standard_error, (2, seeds, 1))
    return np.asarray(20 + own + noise + trainings)


def scored(errors: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Scored:
    """Faces of 0 years that are estimated by their errors."""
    n = len(errors)
    none, zero = np.full(n, ""), np.zeros(n)
    key = np.array([f"{i:04}" for i in range(n)])
    return Scored(key, zero, zero, none, none, none, errors, zero, zero)


def over_faces(errors: Errors, random: np.random.Generator) -> Interval:
    """The paired bootstrap over faces, seeds averaged."""
    difference = np.diff(errors.mean(axis=1), axis=0)[0]
    return interval_of(difference[random.integers(FACES, size=(RESAMPLES, FACES))].mean(axis=1))


def over_both(errors: Errors, random: np.random.Generator) -> Interval:
    """The paired bootstrap that draws faces and, of them, seeds (Owen, 2007)."""
    difference = np.diff(errors, axis=0)[0]
    rows = random.integers(len(difference), size=(RESAMPLES, len(difference), 1))
    columns = random.integers(FACES, size=(RESAMPLES, 1, FACES))
    return interval_of(difference[rows, columns].mean(axis=(1, 2)))


def of_leaderboard(errors: Errors, random: np.random.Generator) -> Interval:
    """What the leaderboard shows."""
    comparison = compare([[scored(one) for one in method] for method in errors])
    assert comparison is not None
    return comparison.difference(1, 0).interval


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=400)
    trials = parser.parse_args().trials
    kinds = {"faces": over_faces, "bootstrap": over_both, "leaderboard": of_leaderboard}
    print(f"{FACES} faces, {trials} trials; coverage, half width")
    print("seeds  trainings vary  " + "  ".join(f"{name:>15}" for name in kinds))
    for seeds in SEEDS:
        for ratio in RATIOS:
            random = np.random.default_rng(0)
            held, width = dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0.0)
            for _ in range(trials):
                errors = drawn(random, seeds, ratio)
                for name, kind in kinds.items():
                    found = kind(errors, random)
                    held[name] += found.holds(0)
                    width[name] += (found.high - found.low) / 2
            unit = trials * np.sqrt(2 * (2 + 1 / seeds) / FACES)
            cells = [f"{100 * held[k] / trials:7.1f} % {width[k] / unit:5.1f}" for k in kinds]
            print(f"{seeds:5}  {ratio:11.0f} SE  " + "  ".join(cells))


if __name__ == "__main__":
    main()
