"""Is an aged face nearer to the same person's true older face than the photo it was made from?

    agekit train cyclegan synthfaces --domains 20-29,50-69 --preset quick --out RUN
    python benchmarks/aging_truth.py RUN [--count 200] [--young 25] [--old 60]

On drawn faces the same person's face at another age is known, in the same pose and light. People
whom no training saw are drawn at both ages; the ager makes the young ones old and the old ones
young. Printed are the mean absolute differences from the truth of the photo and of what the ager
made of it, their paired difference with its 95 % bootstrap interval, and the share of people whose
face came nearer:

- ``seen``: each picture less the mean of each channel and over its standard deviation. That is all
  a generator with instance normalisation can see: its first layer takes a picture's colour cast and
  contrast away, and it can only guess them.
- ``grey``: in grey levels of 255, the guess included.

``alike`` is the mean cosine of what the ager changed and what truly changes: above 0 the change
goes the right way, even where it is too large, or too much else happens, to come nearer.

Exits with 1 unless both ways come nearer in what is seen, the interval excluding 0.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from agekit_ager.predictor import FaceAging
from agekit_synthfaces import draw, person
from numpy.typing import NDArray

import agekit
from agekit.bootstrap import mean_interval

__all__ = ["main"]

POPULATION = 20_261
"""Seed of people that the dataset `synthfaces` does not have."""
PHOTO = 1


def faces(count: int, age: float, size: int) -> NDArray[np.uint8]:
    """The first `count` people at an age, (count, size, size, 3)."""
    return np.stack([draw(person(POPULATION, k), age, size, PHOTO) for k in range(count)])


def seen(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What instance normalisation leaves of each: no colour cast, unit contrast."""
    plain = pictures - pictures.mean((1, 2), keepdims=True)
    scaled: NDArray[np.float64] = plain / plain.std((1, 2, 3), keepdims=True)
    return scaled


def grey(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The levels as they are."""
    return pictures.astype(np.float64)


def differences(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean absolute difference of each pair of pictures, (N,)."""
    gaps: NDArray[np.float64] = np.abs(one - other).mean((1, 2, 3))
    return gaps


def alike(
    photo: NDArray[np.float64], made: NDArray[np.float64], truth: NDArray[np.float64]
) -> float:
    """The mean cosine of both changes."""
    one, other = (x.reshape(len(x), -1) - photo.reshape(len(x), -1) for x in (made, truth))
    length = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(1) / np.maximum(length, 1e-9)).mean())


def aged(ager: FaceAging, photos: NDArray[np.uint8], to: str) -> NDArray[np.uint8]:
    """What the ager makes of each."""
    results = ager.age(list(photos), to, detect=False)  # type: ignore[arg-type]
    return np.stack([result.after for result in results if result.after is not None])


def main() -> int:
    """Measures, prints, and gives 1 where the ager does not come nearer."""
    parser = argparse.ArgumentParser(description="Aged faces against true older faces.")
    parser.add_argument("model")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--young", type=float, default=25)
    parser.add_argument("--old", type=float, default=60)
    options = parser.parse_args()
    ager = agekit.load_aging(options.model, "cpu")
    size = ager.config.image.size
    young, old = (faces(options.count, age, size) for age in (options.young, options.old))
    print(f"{options.count} people, {options.young:g} and {options.old:g} years, {size} px")
    nearer = True
    for to, photo, truth in (("old", young, old), ("young", old, young)):
        made = aged(ager, photo, to)
        for view in (seen, grey):
            before = differences(view(photo), view(truth))
            after = differences(view(made), view(truth))
            low, high = mean_interval(before - after, seed=0) or (0.0, 0.0)
            print(
                f"to {to:<6}{view.__name__:<5} photo {before.mean():6.3f}  aged {after.mean():6.3f}"
                f"  nearer by {(before - after).mean():+.3f} ({low:+.3f} to {high:+.3f})  "
                f"{(after < before).mean():.0%} of the people; "
                f"alike {alike(view(photo), view(made), view(truth)):+.2f}"
            )
            nearer &= low > 0 or view is grey
    return 0 if nearer else 1


if __name__ == "__main__":
    sys.exit(main())
