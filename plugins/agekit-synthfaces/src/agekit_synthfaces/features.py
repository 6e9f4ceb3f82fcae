"""Eyes, brows, nose and mouth, painted into the colour of the skin before light falls on it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from agekit_synthfaces.canvas import Canvas, blend, ellipse, noise, spline
from agekit_synthfaces.growth import smoothstep
from agekit_synthfaces.hair import hair_colour
from agekit_synthfaces.shape import EYE, Shape, mirror
from agekit_synthfaces.skin import tone

__all__ = ["glints", "paint_features"]

Plane = NDArray[np.float32]
Points = NDArray[np.float64]


@lru_cache(maxsize=1)
def _lid() -> Points:
    t = np.linspace(-1, 1, 11)
    return np.stack([t, (1 - t**2) ** 0.62, (1 - t**2) ** 0.8], axis=1)


def _eye(shape: Shape) -> tuple[Points, Points, Points, Points]:
    """The right eye of the mean grown face: upper and lower lid, crease, centre and rim of iris."""
    who, cues, pose = shape.who, shape.cues, shape.pose
    big = 1 + 0.30 * cues.infancy + 0.22 * cues.childhood
    width = 0.108 * who.eye_size * big * (1 - 0.05 * cues.hood)
    x = 0.225 * who.eye_gap * (1 + 0.09 * cues.childhood)
    t, up, down = _lid().T
    tilt = -0.016 * (who.eye_tilt - 0.9 * cues.hood) * t
    opened = who.eye_open * (1 - 0.3 * pose.squint + 0.06 * pose.brow_raise) * (big**0.5)
    top = 0.06 * opened * (1 - 0.3 * cues.hood - 0.28 * cues.hood * np.maximum(t, 0))
    low = 0.036 * opened * (1 - 0.25 * pose.squint + 0.06 * cues.sag)
    upper = np.stack([x + t * width, EYE + tilt - top * up], axis=1)
    lower = np.stack([x + t * width, EYE + tilt + low * down], axis=1)
    gap = 0.012 + 0.03 * who.lid_crease * (1 - 0.6 * cues.hood) + 0.006 * cues.childhood
    crease = np.stack(
        [x + t * width * 1.06, EYE + tilt - (top + gap) * (1 - t**2) ** 0.5 - 0.002], axis=1
    )
    radius = 0.052 * (1 + 0.25 * cues.infancy + 0.16 * cues.childhood)
    centre = x + 0.02 * pose.gaze
    iris = np.array([[centre, EYE - 0.010], [centre + radius, EYE - 0.010]])
    return upper, lower, crease[1:-1], iris


def _brow(shape: Shape) -> Points:
    who, cues, pose = shape.who, shape.cues, shape.pose
    t = np.linspace(0, 1, 7)
    heavy = 0.026 * who.brow_weight * (0.55 + 0.45 * (1 - cues.childhood))
    thick = heavy * np.array([0.6, 1.0, 1.05, 1.0, 0.85, 0.55, 0.12])
    lift = 0.022 * pose.brow_raise - 0.018 * cues.sag * t + 0.01 * cues.childhood
    y = -0.172 * who.brow_height - 0.042 * who.brow_arch * np.sin(np.pi * t**0.8 * 0.82) - lift
    y = y + 0.02 * t**2
    x = 0.085 + 0.285 * t
    top = np.stack([x, y - thick], axis=1)
    bottom = np.stack([x[::-1], (y + thick * 0.8)[::-1]], axis=1)
    return np.concatenate([spline(top, steps=3), spline(bottom, steps=3)])


def _mouth(shape: Shape) -> tuple[Points, Points, Points, Points]:
    """Upper lip, lower lip, the opening, and the teeth, on the mean grown face."""
    who, cues, pose = shape.who, shape.cues, shape.pose
    smile, gape = pose.smile, 0.085 * pose.jaw_open
    y = 0.43
    half = 0.172 * who.mouth_width * (1 + 0.2 * max(0.0, smile))
    thin = 1 - 0.55 * cues.thin
    tall = 0.05 * who.lip_full * thin * (1 - 0.25 * max(0.0, smile)) + 0.004
    deep = 0.066 * who.lip_full * thin * (1 - 0.15 * max(0.0, smile)) + 0.004
    corner = y - 0.008 - 0.055 * smile + 0.018 * cues.sag
    sink = 0.012 * smile
    arc = np.array([1.0, 0.78, 0.5, 0.25, 0.0])
    x = arc * half
    bend = (corner - y) * arc**1.8
    top = y + sink + bend - tall * np.array([0, 0.5, 0.86, 1.02, 0.8])
    seam = y + sink + bend + np.array([0, 0.002, -0.001, 0.001, 0.005])
    lower_seam = seam + gape * (1 - arc**2)
    bottom = lower_seam + deep * np.array([0, 0.45, 0.8, 0.97, 1.0])

    def closed(first: Points, second: Points) -> Points:
        right = np.concatenate([first, second[::-1]])
        one = np.stack([np.concatenate([x, x[::-1]]), right], axis=1)
        upper, under = one[:5], one[5:]
        over = spline(np.concatenate([upper, mirror(upper[-2::-1])]), steps=3)
        below = spline(np.concatenate([mirror(under[:0:-1]), under]), steps=3)
        return np.concatenate([over, below])

    teeth = np.minimum(seam + 0.052 * (1 - arc**4), lower_seam)
    return (
        closed(top, seam),
        closed(lower_seam, bottom),
        closed(seam, lower_seam),
        closed(seam, teeth),
    )


def paint_features(canvas: Canvas, shape: Shape, image: Plane) -> None:
    """Paints the features into the colour of the skin (3, side, side)."""
    who, cues = shape.who, shape.cues
    upper, lower, crease, iris = _eye(shape)
    brow = _brow(shape)
    nose = who.nose_width * (1 + 0.14 * cues.elder)
    drop = 0.235 + 0.05 * (who.nose_length - 1) + 0.03 * cues.elder - 0.02 * cues.childhood
    nostril = ellipse(0.05 * nose, drop + 0.02, 0.026 * nose, 0.012, 12)
    wing = spline(
        np.array([[0.1, drop - 0.05], [0.121, drop - 0.015], [0.108, drop + 0.02]])
        * np.array([nose, 1.0])
    )
    ear = spline(
        np.array([[0.585, -0.02], [0.6, 0.06], [0.575, 0.13], [0.56, 0.09], [0.575, 0.03]])
    )
    right = [upper, lower, crease, iris, brow, nostril, wing, ear]
    lips = _mouth(shape)
    placed = shape.place([*right, *(mirror(points) for points in right), *lips])
    melanin = 0.92 * who.melanin
    dark = tone(melanin + 0.45, 1.6)
    shadow = tone(melanin + 0.25, 1.3)
    canvas.paint(image, [placed[5], placed[13]], dark * 0.55, 0.8, soft=0.007)
    canvas.paint(image, [placed[6], placed[14]], shadow, 0.5, soft=0.006, line=0.014)
    _paint_brows(canvas, shape, image, [placed[4], placed[12]])
    _paint_eyes(canvas, shape, image, placed[:4], placed[8:12])
    canvas.paint(image, [placed[7], placed[15]], shadow, 0.55, soft=0.01, line=0.02)
    _paint_mouth(canvas, shape, image, placed[16:])


def _paint_brows(canvas: Canvas, shape: Shape, image: Plane, brows: list[Points]) -> None:
    who, cues = shape.who, shape.cues
    colour = hair_colour(shape, 0.8 * cues.grey) * np.array([0.78, 0.74, 0.70], np.float32)
    window = canvas.window(brows, 0.03)
    cover = canvas.cover(brows, window, soft=0.009)
    strength = (0.5 + 0.32 * (1 - cues.childhood)) * min(1.05, 0.75 + 0.25 * who.brow_weight)
    cover *= strength + np.float32(0.09) * noise(canvas.side, 90, 41)[window]
    blend(image[:, window[0], window[1]], np.clip(cover, 0, 0.95), colour)


def _paint_eyes(
    canvas: Canvas, shape: Shape, image: Plane, right: list[Points], left: list[Points]
) -> None:
    who, cues = shape.who, shape.cues
    uppers, lowers, creases, irises = zip(right, left, strict=True)
    skin = tone(0.92 * who.melanin + 0.35, 1.5)
    crease = 0.25 + 0.25 * who.lid_crease
    canvas.paint(image, creases, skin, crease, soft=0.004, line=0.012)
    window = canvas.window([*uppers, *lowers], 0.02)
    part = image[:, window[0], window[1]]
    openings = [np.concatenate([u, d[::-1]]) for u, d in zip(uppers, lowers, strict=True)]
    white = canvas.cover(openings, window)
    aged = smoothstep(cues.years, 20, 95)
    blend(part, white, (0.90, 0.885 - 0.04 * aged, 0.875 - 0.11 * aged))
    iris = np.asarray(who.iris)
    iris = iris + (np.array([0.55, 0.58, 0.6]) - iris) * (0.3 * smoothstep(cues.years, 50, 100))
    radius = abs(float(irises[0][1, 0] - irises[0][0, 0]))
    for size, colour in ((1.0, iris * 0.45), (0.84, iris), (0.42, (0.03, 0.03, 0.03))):
        discs = [ellipse(0, 0, radius * size, radius * size, 16) + eye[0] for eye in irises]
        blend(part, canvas.cover(discs, window) * white, colour)
    shadow = canvas.cover(uppers, window, soft=0.012, line=0.03)
    shadow *= white
    shadow *= np.float32(0.7)
    blend(part, shadow, (0.16, 0.12, 0.11))
    lash = (0.55 + 0.3 * (1 - who.gender) * cues.adult) * (1 - 0.35 * cues.thin)
    canvas.paint(image, uppers, (0.10, 0.07, 0.06), lash, line=0.015)
    canvas.paint(image, lowers, skin * np.float32(0.8), 0.4, line=0.009)


def _paint_mouth(canvas: Canvas, shape: Shape, image: Plane, mouth: list[Points]) -> None:
    who, cues = shape.who, shape.cues
    upper, lower, opening, teeth = mouth
    blood = 1.55 + 0.35 * cues.childhood + 0.25 * (1 - who.gender) * cues.adult - 0.7 * cues.pale
    lip = tone(0.85 * who.melanin + 0.1, blood)
    canvas.paint(image, [upper], lip * np.float32(0.93), 0.75, soft=0.006)
    canvas.paint(image, [lower], lip, 0.7, soft=0.007)
    seam = mouth[2][: len(opening) // 2]
    if shape.pose.jaw_open > 0.02:
        canvas.paint(image, [opening], (0.22, 0.07, 0.07), 0.95)
        yellow = smoothstep(cues.years, 15, 95)
        colour = np.array([0.95, 0.94 - 0.05 * yellow, 0.91 - 0.16 * yellow])
        canvas.paint(image, [teeth], colour, 0.92 * smoothstep(cues.years, 0.3, 1.8))
    canvas.paint(image, [seam], tone(who.melanin + 0.4, 2.4) * np.float32(0.6), 0.8, line=0.012)


def glints(canvas: Canvas, shape: Shape, image: Plane) -> None:
    """The light in the eyes, painted last: it takes no shade."""
    x = 0.225 * shape.who.eye_gap * (1 + 0.09 * shape.cues.childhood) - 0.016
    centres = shape.place([np.array([[x, EYE - 0.034], [-x - 0.032, EYE - 0.034]])])[0]
    dots = [ellipse(float(x), float(y), 0.011, 0.011, 10) for x, y in centres]
    canvas.paint(image, dots, (1.0, 1.0, 1.0), 0.85)
