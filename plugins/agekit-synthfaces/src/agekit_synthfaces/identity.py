"""The person that is drawn: everything about them that does not change with age."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from agekit.errors import DataError

__all__ = ["HAIR_STYLES", "Person", "person", "rng_for"]

HAIR_STYLES: dict[str, tuple[float, float, float, float]] = {
    "buzz": (0.0, 0.15, 0.0, 0.1),
    "short": (0.0, 0.55, 0.15, 0.0),
    "parted": (0.05, 0.75, 0.35, 0.0),
    "fringe": (0.1, 0.7, 1.0, 0.0),
    "curly": (0.15, 1.0, 0.4, 1.0),
    "afro": (0.2, 1.6, 0.2, 1.0),
    "bob": (0.5, 0.8, 0.7, 0.0),
    "long": (1.0, 0.75, 0.3, 0.0),
    "wavy": (0.85, 1.1, 0.35, 0.55),
    "bun": (0.0, 0.35, 0.05, 0.0),
}
"""Style: length (0 to 1), volume, how far the fringe covers the forehead, curl (0 to 1)."""

_SHORT = ("buzz", "short", "short", "short", "parted", "parted", "fringe", "curly", "afro", "wavy")
_LONG = ("long", "long", "wavy", "wavy", "bob", "bob", "bun", "fringe", "curly", "afro", "short")
_HAIR = np.array(
    [[0.07, 0.06, 0.06], [0.17, 0.11, 0.08], [0.33, 0.21, 0.13], [0.55, 0.38, 0.22],
     [0.78, 0.62, 0.38], [0.55, 0.24, 0.11]]
)  # fmt: skip
_IRIS = np.array(
    [[0.22, 0.13, 0.07], [0.36, 0.22, 0.11], [0.44, 0.36, 0.20], [0.34, 0.45, 0.30],
     [0.35, 0.52, 0.66], [0.45, 0.51, 0.55]]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """One drawn person. Lengths are factors about 1 unless said otherwise.

    Attributes:
        seed: the seed of the population.
        index: the number of the person in it.
        gender: 0 woman, 1 man.
        pace: how fast the person ages: apparent age over calendar age.
        melanin: skin tone, 0 (lightest) to 1 (darkest).
        redness: how much blood shows in the skin, about 0 to 1.
        width: width of the face.
        jaw: width of the jaw.
        cheek: width at the cheekbones.
        chin: width of the chin.
        length: length of the lower face.
        fat: fullness of the face, -1 to 1.
        eye_size: width of an eye.
        eye_gap: distance between the eyes.
        eye_open: height of an eye.
        eye_tilt: rise of the outer corner, about -1 to 1.
        lid_crease: depth of the crease above the eye, 0 (none) to 1.
        iris: RGB of the iris, 0 to 1.
        brow_height: distance of the brows from the eyes.
        brow_arch: arch of the brows.
        brow_weight: thickness of the brows.
        nose_width: width of the nose.
        nose_length: length of the nose.
        nose_bridge: height of the bridge.
        mouth_width: width of the mouth.
        lip_full: fullness of the lips.
        ear_size: size of the ears.
        hair: RGB of the hair before it greys, 0 to 1.
        style: a name of `HAIR_STYLES`.
        part: where the hair parts, -1 (left) to 1 (right).
        hairline: height of the forehead.
        beard: 0 (shaven) to 1 (full beard).
        balding: 0 (keeps the hair) to 1 (bald on top).
        grey_onset: apparent age at which half the hair is grey, years.
        wrinkling: proneness to wrinkles.
        spotting: proneness to spots and uneven tone.
        sagging: proneness to sagging.
        freckles: 0 (none) to 1.
    """

    seed: int
    index: int
    gender: int
    pace: float
    melanin: float
    redness: float
    width: float
    jaw: float
    cheek: float
    chin: float
    length: float
    fat: float
    eye_size: float
    eye_gap: float
    eye_open: float
    eye_tilt: float
    lid_crease: float
    iris: tuple[float, float, float]
    brow_height: float
    brow_arch: float
    brow_weight: float
    nose_width: float
    nose_length: float
    nose_bridge: float
    mouth_width: float
    lip_full: float
    ear_size: float
    hair: tuple[float, float, float]
    style: str
    part: float
    hairline: float
    beard: float
    balding: float
    grey_onset: float
    wrinkling: float
    spotting: float
    sagging: float
    freckles: float


def rng_for(*key: int) -> np.random.Generator:
    """The generator of a key of whole numbers ≥ 0: the same stream in every process."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


@lru_cache(maxsize=4096)
def person(seed: int, index: int) -> Person:
    """Draws the person number `index` of the population `seed`.

    Args:
        seed: a whole number ≥ 0.
        index: a whole number ≥ 0.

    Returns:
        The person, the same in every process.

    Raises:
        DataError: if the seed or the index is negative.
    """
    if seed < 0 or index < 0:
        raise DataError(
            f"synthfaces: seed {seed} and index {index} must both be 0 or more",
            "pass whole numbers that are not negative",
        )
    rng = rng_for(1, seed, index)
    man = bool(rng.random() < 0.5)
    melanin = float(np.clip(rng.beta(0.95, 1.8), 0.02, 1.0))

    def near(mean: float, sd: float) -> float:
        return float(mean + sd * np.clip(rng.standard_normal(), -2.2, 2.2))

    def unit() -> float:
        return float(rng.random())

    return Person(
        seed=seed,
        index=index,
        gender=int(man),
        pace=float(np.exp(0.11 * np.clip(rng.standard_normal(), -2.5, 2.5))),
        melanin=melanin,
        redness=float(np.clip(near(0.45, 0.22), 0, 1)),
        width=near(1.0, 0.035),
        jaw=near(1.03 if man else 0.95, 0.045),
        cheek=near(1.0, 0.025),
        chin=near(1.08 if man else 0.92, 0.12),
        length=near(1.02 if man else 0.98, 0.03),
        fat=near(0.0, 0.45),
        eye_size=near(0.98 if man else 1.06, 0.06),
        eye_gap=near(1.0, 0.045),
        eye_open=near(0.95 if man else 1.06, 0.1),
        eye_tilt=near(0.1 if man else 0.3, 0.35),
        lid_crease=unit(),
        iris=_iris(melanin, rng),
        brow_height=near(0.98 if man else 1.08, 0.08),
        brow_arch=near(0.8 if man else 1.15, 0.3),
        brow_weight=near(1.2 if man else 0.85, 0.18),
        nose_width=near(1.04 if man else 0.95, 0.08) * (0.95 + 0.2 * melanin),
        nose_length=near(1.02 if man else 0.97, 0.06),
        nose_bridge=near(1.0, 0.2),
        mouth_width=near(1.03 if man else 0.98, 0.07),
        lip_full=near(0.9 if man else 1.1, 0.14) * (0.92 + 0.3 * melanin),
        ear_size=near(1.03 if man else 0.97, 0.08),
        hair=_hair(melanin, rng),
        style=_style(man, melanin, rng),
        part=near(0.0, 0.5),
        hairline=near(1.0, 0.1),
        beard=float(np.clip(near(0.1, 0.45), 0, 1)) if man else 0.0,
        balding=float(np.clip(near(0.4, 0.4), 0, 1)) if man else 0.12 * unit(),
        grey_onset=near(54.0, 6.5),
        wrinkling=float(np.exp(near(0.0, 0.22))),
        spotting=float(np.exp(near(0.0, 0.3))),
        sagging=float(np.exp(near(0.0, 0.22))),
        freckles=float(max(0.0, unit() - 0.8) * 5 * max(0.0, 1 - 3 * melanin)),
    )


def _mix(table: NDArray[np.float64], at: float) -> NDArray[np.float64]:
    low = min(int(at), len(table) - 2)
    mixed: NDArray[np.float64] = table[low] + (table[low + 1] - table[low]) * (at - low)
    return mixed


def _hair(melanin: float, rng: np.random.Generator) -> tuple[float, float, float]:
    if melanin < 0.3 and rng.random() < 0.1:
        colour = _HAIR[5]
    else:
        colour = _mix(
            _HAIR[:5], float(rng.random() ** (0.8 + 6 * melanin)) * 3.99 * (1 - melanin) ** 1.5
        )
    r, g, b = colour * rng.uniform(0.9, 1.1)
    return float(r), float(g), float(b)


def _iris(melanin: float, rng: np.random.Generator) -> tuple[float, float, float]:
    r, g, b = _mix(_IRIS, float(rng.random() ** (0.7 + 7 * melanin)) * 4.99)
    return float(r), float(g), float(b)


def _style(man: bool, melanin: float, rng: np.random.Generator) -> str:
    styles = _SHORT if man else _LONG
    style = styles[int(rng.integers(len(styles)))]
    if style == "afro" and melanin < 0.5:
        return "curly"
    if style == "wavy" and man:
        return "short"
    return style
