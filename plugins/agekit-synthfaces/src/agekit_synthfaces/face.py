"""A drawn face at any age: the whole picture, from person, age and photo."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from agekit.errors import DataError
from agekit_synthfaces.canvas import SHIFT, Canvas, blend, ellipse, spline
from agekit_synthfaces.cues import cues_at
from agekit_synthfaces.features import glints, paint_features
from agekit_synthfaces.hair import back_hair, beard, front_hair, hair_picture
from agekit_synthfaces.identity import Person, person, rng_for
from agekit_synthfaces.photo import Photo, backdrop, clothes, develop, glasses, photo_of
from agekit_synthfaces.relief import heights, shade
from agekit_synthfaces.shape import Shape, mirror
from agekit_synthfaces.skin import albedo
from agekit_synthfaces.wrinkles import engrave

__all__ = ["MAX_AGE", "STYLE_VERSION", "Person", "draw", "person", "sample_age"]

STYLE_VERSION = 1
"""Grows whenever the same arguments give other pixels; belongs in the key of every cache."""

MAX_AGE = 110.0

_OVERSIZE = 1.125
_SMALLEST = 128


def draw(
    person: Person, age: float, size: int = 128, variation: int | None = 0
) -> NDArray[np.uint8]:
    """Draws a person at an age.

    Args:
        person: who.
        age: calendar age in years, 0 to 110.
        size: side of the picture in pixels, 16 to 1024; below 128 it is drawn at 128 and shrunk.
        variation: number of the photo: pose, expression, light, background, camera. None is the
            neutral frontal photo, the same at every age.

    Returns:
        The picture, uint8 RGB (size, size, 3); the same bytes for the same arguments.

    Raises:
        DataError: if the age, the size or the variation is out of range.
    """
    if not 0 <= age <= MAX_AGE:
        raise DataError(f"synthfaces: cannot draw age {age}", "ages go from 0 to 110 years")
    if not 16 <= size <= 1024:
        raise DataError(f"synthfaces: cannot draw at {size} px", "sizes go from 16 to 1024 px")
    if variation is not None and variation < 0:
        raise DataError(f"synthfaces: there is no variation {variation}", "use 0 or more, or None")
    photo = photo_of(person, variation)
    large = max(size, _SMALLEST)
    canvas = Canvas(round(large * _OVERSIZE / 16) * 16)
    shape = Shape(person, cues_at(person, age), photo.pose)
    picture = develop(canvas, _compose(canvas, shape, photo), photo, large)
    if size < large:
        picture = np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA))
    return picture


def sample_age(seed: int, index: int, low: int = 0, high: int = 90) -> int:
    """The calendar age, in whole years, of row `index` of the dataset `seed`.

    Broad and nearly flat over 1 to 75, rarer towards `high`, from `low` to `high` inclusive.
    """
    rng = rng_for(5, seed, index)
    span = high + 1 - low
    share = rng.random() if rng.random() < 0.75 else rng.triangular(0, 0.35, 1)
    if share > 0.77 and rng.random() < 0.35:
        share = rng.random()
    return low + int(span * share)


def _compose(canvas: Canvas, shape: Shape, photo: Photo) -> NDArray[np.float32]:
    """The whole drawing (3, side, side), before the camera."""
    height, colour = heights(canvas, shape), albedo(canvas, shape)
    fine, folds = engrave(canvas, shape)
    size = int(0.022 * canvas.unit) * 2 + 1
    fold = cv2.blur(cv2.blur(folds, (size, size)), (size, size)).astype(np.float32)
    line = cv2.GaussianBlur(fine, (3, 3), 0.7).astype(np.float32)
    height -= cv2.addWeighted(fold, 0.035 / 255, line, 0.012 / 255, 0)
    beard(canvas, shape, colour)
    paint_features(canvas, shape, colour)
    bright, glint = shade(canvas, height, photo.light)
    bright -= cv2.addWeighted(fold, 0.12 / 255, line, 0.18 / 255, 0)
    image = backdrop(canvas, photo)
    hair = hair_picture(canvas, shape)
    cover = back_hair(canvas, shape)
    blend(image, cover, hair, 0.62)
    face = canvas.mask(shape.outline)
    skin = _skin_mask(canvas, shape, face)
    around = _off_face(canvas, shape, face)
    on_face = face.astype(np.float32) * np.float32(1 / 255)
    bright -= around
    bright *= on_face
    bright += around
    np.maximum(bright, np.float32(0.05), out=bright)
    bend = bright * (np.float32(1) - bright)
    for plane, warm, factor in zip(colour, (0.13, -0.03, -0.10), photo.light.colour, strict=True):
        plane *= cv2.addWeighted(bright, factor, bend, warm * factor, 0)
    gloss = 0.13 * (0.5 + 0.5 * shape.cues.adult) * (1 - 0.5 * shape.cues.rough)
    glint *= on_face
    glint *= np.float32(gloss)
    colour += glint
    blend(image, skin, colour)
    clothes(canvas, shape, photo, image)
    cover = front_hair(canvas, shape)
    blend(image, cover, hair)
    glints(canvas, shape, image)
    glasses(canvas, shape, photo, image)
    return image


def _skin_mask(canvas: Canvas, shape: Shape, face: NDArray[np.uint8]) -> NDArray[np.float32]:
    who, cues = shape.who, shape.cues
    size = who.ear_size * (1 + 0.16 * cues.elder) * (1 + 0.08 * cues.childhood)
    ear = ellipse(0.535, 0.07 + 0.02 * cues.elder, 0.072 * size, 0.145 * size)
    ear[:, 0] += 0.03 * (0.07 - ear[:, 1])
    ears = shape.place([ear, mirror(ear)], depth=-0.12)
    mask = face.copy()
    neck = _neck(shape)
    for points in (*ears, neck):
        cv2.fillPoly(mask, [canvas.fixed(points)], 255, cv2.LINE_AA, SHIFT)
    return mask.astype(np.float32) * np.float32(1 / 255)


def _neck(shape: Shape) -> NDArray[np.float64]:
    who, cues = shape.who, shape.cues
    wide = (0.3 + 0.055 * who.gender * cues.adult) * (1 - 0.27 * cues.childhood)
    wide += 0.02 * who.fat
    y = shape.chin
    right = np.array([[wide, y - 0.4], [wide, y], [wide * 1.02, y + 0.12], [wide * 1.3, y + 0.3]])
    return np.concatenate([spline(right), mirror(spline(right))[::-1]])


def _off_face(canvas: Canvas, shape: Shape, face: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brightness of ears and neck: rounded, and in the shadow of the jaw."""
    small = cv2.resize(face, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    drop = max(1, round(0.1 * canvas.unit / 4))
    shadow = np.zeros_like(small)
    shadow[drop:] = small[:-drop]
    shadow = cv2.blur(cv2.blur(shadow, (5, 5)), (5, 5))
    wide = cv2.resize(shadow, (canvas.side, canvas.side), interpolation=cv2.INTER_LINEAR)
    round_off = 0.92 - 0.5 * np.minimum(canvas.axis**2, 0.3)
    return np.asarray(round_off[None, :] - wide * np.float32(0.3 / 255), np.float32)
