"""Hair: its colour as it greys, its shape as it grows and thins, beards."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from agekit_synthfaces.canvas import EXTENT, SHIFT, Canvas, axis, blend, noise, spline
from agekit_synthfaces.growth import rise, smoothstep
from agekit_synthfaces.identity import HAIR_STYLES, rng_for
from agekit_synthfaces.shape import Shape, mirror

__all__ = ["back_hair", "beard", "front_hair", "hair_colour", "hair_picture"]

Plane = NDArray[np.float32]
Points = NDArray[np.float64]

_GREY = np.array([0.80, 0.79, 0.78])


def hair_colour(shape: Shape, grey: float) -> NDArray[np.float32]:
    """The mean colour of the hair, RGB, with a share of it grey; children's is lighter."""
    base = np.asarray(shape.who.hair)
    light = base + (1 - base) * np.array([0.16, 0.13, 0.08]) * shape.cues.childhood * (base.mean())
    colour = light * (1 + 0.25 * shape.cues.childhood)
    colour = colour + (_GREY - colour) * grey
    return np.asarray(colour, np.float32)


@lru_cache(maxsize=32)
def _strands(side: int, variant: int) -> tuple[Plane, Plane]:
    """Strands that fan out from the crown, mean 0 deviation 1; and their shine, 0 to 1."""
    rng = rng_for(8, variant)
    ax = axis(side)
    x, y = ax[None, :] + 0 * ax[:, None], ax[:, None] + 0 * ax[None, :]
    x = x - 0.16 * (variant - 1.5)
    radius = np.sqrt(x**2 + (y + 0.97) ** 2).astype(np.float32)
    angle = np.arctan2(x, y + 0.97) / np.pi
    field = np.zeros((side, side), np.float32)
    for cells, weight in ((70, 0.6), (150, 1.0), (300, 0.6)):
        grid = rng.standard_normal((8, cells)).astype(np.float32)
        columns = ((angle + 1) / 2 * (cells - 1)).astype(np.float32)
        columns += 1.4 * np.sin(radius * 5 + variant).astype(np.float32)
        rows = np.clip(radius / (2 * EXTENT) * 9, 0, 7).astype(np.float32)
        strand = cv2.remap(grid, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        field += np.float32(weight) * strand
    shine = np.exp(-60 * (radius - 0.33) ** 2)
    strands = (field - field.mean()) / field.std()
    return np.asarray(strands, np.float32), np.asarray(shine, np.float32)


@lru_cache(maxsize=32)
def _curls(side: int, variant: int) -> Plane:
    ridged = np.abs(noise(side, 46, 50 + variant)) + 0.9 * np.abs(noise(side, 88, 60 + variant))
    ridged = np.minimum(ridged, 2.2)
    return np.asarray(0.8 * (ridged.mean() - ridged) / ridged.std(), np.float32)


def _parting(shape: Shape) -> int:
    return int(min(max(2 + 1.8 * shape.who.part, 0), 3))


@lru_cache(maxsize=32)
def _mixed(side: int, variant: int, curl: float) -> Plane:
    strands = _strands(side, variant)[0]
    mixed = (1 - curl) * strands + curl * _curls(side, variant) if curl else strands
    return np.asarray(mixed, np.float32)


def _texture(canvas: Canvas, shape: Shape) -> Plane:
    return _mixed(canvas.side, _parting(shape), HAIR_STYLES[shape.who.style][3])


def hair_picture(canvas: Canvas, shape: Shape) -> Plane:
    """The colours of the hair everywhere (3, side, side), lit from above."""
    cues = shape.cues
    texture = _texture(canvas, shape)
    shine = _strands(canvas.side, _parting(shape))[1]
    contrast = 0.13 - 0.06 * cues.grey
    bright = cv2.addWeighted(texture, contrast, shine, 0.22, 0.86)
    share = texture * np.float32(0.55 * cues.grey * (1 - cues.grey)) + np.float32(cues.grey)
    np.clip(share, 0, 1, out=share)
    young, old = hair_colour(shape, 0.0), hair_colour(shape, 1.0)
    picture = np.empty((3, canvas.side, canvas.side), np.float32)
    gloss = shine * np.float32(0.05)
    for plane, before, after in zip(picture, young, old, strict=True):
        np.multiply(share, after - before, out=plane)
        plane += before
        plane *= bright
        plane += gloss
    return picture


def _length(shape: Shape) -> float:
    length = HAIR_STYLES[shape.who.style][0] * smoothstep(shape.cues.years, 0.5, 13.0)
    return length * (1 - 0.4 * rise(shape.cues.years, 45.0, 30.0))


def _volume(shape: Shape) -> float:
    thin = 0.8 * shape.cues.bald + 0.25 * rise(shape.cues.years, 45.0, 40.0)
    full = HAIR_STYLES[shape.who.style][1] * max(0.1, 1 - thin)
    return float(full * shape.cues.down**1.5)


def back_hair(canvas: Canvas, shape: Shape) -> Plane:
    """Coverage of the hair behind head and neck (side, side), 0 to 1."""
    length, volume = _length(shape), _volume(shape)
    wide = 0.5 + 0.11 * volume + 0.05 * length
    end = 0.05 + 1.0 * length
    right = np.array(
        [[0.0, -0.7], [0.4, -0.6], [wide, -0.3], [wide + 0.03 * length, 0.1],
         [wide + 0.07 * length, 0.1 + 0.5 * (end - 0.1)], [wide - 0.02, end], [0.2, end + 0.03]]
    )  # fmt: skip
    curve = spline(np.concatenate([right, mirror(right[:0:-1])]), closed=True)
    mask = cv2.blur(canvas.mask(shape.place([curve], depth=-0.2)[0]), (3, 3))
    return mask.astype(np.float32) * np.float32(1 / 255)


def front_hair(canvas: Canvas, shape: Shape) -> Plane:
    """Coverage of the hair before the face: cap, fringe and side locks (side, side), 0 to 1."""
    who, cues = shape.who, shape.cues
    fringe = HAIR_STYLES[who.style][2] * (1 - cues.bald) ** 2 * cues.down
    length, volume = _length(shape), _volume(shape)
    bald = min(1.0, cues.bald)
    temple, front = smoothstep(bald, 0, 0.65), bald**1.4
    puff = 1 + 0.105 * volume
    top = 0.035 * cues.down * (1 - 0.9 * front)
    side_puff = 1 + 0.06 * volume
    outer = np.array(
        [[0.535, 0.0 + 0.3 * length], [0.558 * side_puff, -0.22],
         [0.525 * puff, -0.47 * puff], [0.395 * puff, -0.68 * puff], [0.21 * puff, -0.785 * puff],
         [0.0, -0.815 * puff]]
    )  # fmt: skip
    outer[2:, 1] -= top
    high = 0.06 * (who.hairline - 1) + 0.03 * cues.infancy
    line = np.array(
        [[0.0, -0.57 - high], [0.17, -0.565 - high], [0.335, -0.50 - high], [0.452, -0.37],
         [0.497, -0.22], [0.51, -0.06], [0.53, 0.02 + 0.3 * length]]
    )  # fmt: skip
    bare = np.array(
        [[0.0, -0.815], [0.19, -0.795], [0.365, -0.68], [0.49, -0.46], [0.525, -0.24],
         [0.525, -0.06], [0.53, 0.02]]
    )  # fmt: skip
    line[0] += (bare[0] - line[0]) * front
    line[1] += (bare[1] - line[1]) * (0.6 * front + 0.4 * temple * front)
    line[2] += (bare[2] - line[2]) * (0.75 * temple + 0.25 * front)
    line[3:] += (bare[3:] - line[3:]) * (0.4 * temple + 0.6 * front)
    left = mirror(line)
    drop = np.array([0.2, 0.2, 0.13, 0.05, 0.0, 0.0, 0.0]) * fringe
    part = 0.12 * who.part * (1 - 0.7 * fringe) * (0.3 + fringe) * (1 - bald)
    line[:, 1] += drop + part * np.array([0, 0.6, 0.7, 0.2, 0, 0, 0])
    left[:, 1] += drop - part * np.array([0, 0.6, 0.7, 0.2, 0, 0, 0])
    edge = np.concatenate([left[:0:-1], line])
    rim = np.concatenate([outer, mirror(outer[-2::-1])])
    cap = np.concatenate([spline(rim), spline(edge)])
    shapes = [cap]
    if length > 0.1:
        end = 0.05 + 1.02 * length

        lock = np.array(
            [[0.47, -0.36], [0.56 * side_puff, -0.3], [0.6 * side_puff, 0.0],
             [0.63 * side_puff, 0.5 * end],
             [0.61 * side_puff, end - 0.05], [0.56 * side_puff, end], [0.505, end - 0.06],
             [0.505, 0.5 * end], [0.5, 0.0], [0.49, -0.2]]
        )  # fmt: skip
        lock[:, 0] = 0.52 + (lock[:, 0] - 0.52) * smoothstep(length, 0.1, 0.45)
        lock = spline(lock, closed=True)
        shapes += [lock, mirror(lock)]
    if who.style == "bun":
        t = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        size = 0.13 * smoothstep(cues.years, 1.5, 7.0)
        shapes.append(
            np.stack([size * np.cos(t), -0.83 - 0.1 * cues.down + size * 0.8 * np.sin(t)], 1)
        )
    mask = canvas.mask(*shape.place(shapes, depth=0.05))
    size = int(0.04 * canvas.unit) * 2 + 1
    soft = cv2.blur(cv2.blur(mask, (size, size)), (3, 3)).astype(np.float32)
    texture = _texture(canvas, shape)
    thin = 0.55 * front * (1 - front) + 0.5 * (1 - cues.down)
    cover = cv2.addWeighted(soft, 2.2 / 255, texture, 0.24, 0.45 - 0.5 * 2.2)
    np.clip(cover, 0, 1, out=cover)
    if thin > 0.003:
        cover *= np.clip(np.float32(1 - thin) + np.float32(thin * 0.5) * texture, 0, 1)
    soft *= np.float32(4 / 255)
    return np.minimum(cover, soft, out=cover)


def beard(canvas: Canvas, shape: Shape, image: Plane) -> None:
    """Blends beard and moustache into the colour of the skin (3, side, side)."""
    cues = shape.cues
    if cues.beard < 0.01:
        return
    right = np.array(
        [[0.0, 0.315], [0.1, 0.31], [0.19, 0.35], [0.235, 0.44], [0.33, 0.4], [0.46, 0.12],
         [0.56, 0.1], [0.54, 0.4], [0.4, 0.62], [0.2, 0.78], [0.0, 0.8]]
    )  # fmt: skip
    curve = spline(np.concatenate([right, mirror(right[-2:0:-1])]), closed=True)
    mouth = spline(
        np.array([[0.15, 0.43], [0.0, 0.385], [-0.15, 0.43], [-0.1, 0.5], [0.0, 0.52], [0.1, 0.5]]),
        closed=True,
    )
    outside, lips = shape.place([curve, mouth])
    mask = canvas.mask(outside)
    cv2.fillPoly(mask, [canvas.fixed(lips)], 0, cv2.LINE_AA, SHIFT)
    size = int(0.05 * canvas.unit) * 2 + 1
    soft = cv2.blur(cv2.blur(mask, (size, size)), (size, size)).astype(np.float32)
    texture = noise(canvas.side, 110, 42)
    cover = (
        soft
        * np.float32(1 / 255)
        * np.clip(cues.beard + np.float32(0.07 * min(1, 2 * cues.beard)) * texture, 0, 0.95)
    )
    colour = hair_colour(shape, cues.grey) * np.float32(0.75)
    window = canvas.window([outside], 0.1)
    blend(image[:, window[0], window[1]], cover[window], colour)
