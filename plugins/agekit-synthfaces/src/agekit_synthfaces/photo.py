"""The photo about a face: pose, light, background, clothes, glasses, and what the camera adds."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from agekit_synthfaces.canvas import Canvas, noise, spline
from agekit_synthfaces.identity import Person, rng_for
from agekit_synthfaces.relief import Light
from agekit_synthfaces.shape import EYE, Pose, Shape, mirror

__all__ = ["Photo", "backdrop", "clothes", "develop", "glasses", "photo_of"]

Plane = NDArray[np.float32]
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Photo:
    """What one photo adds to a face and its age.

    Attributes:
        pose: how the face is held.
        light: where the light comes from.
        backdrop: RGB at the four corners, 0 to 1, (2, 2, 3).
        cloth: RGB of the clothes.
        glasses: 0 none, 1 round, 2 square.
        turn: in-plane rotation, degrees.
        zoom: factor of scale.
        shift: of the frame, face units.
        exposure: factor of brightness.
        contrast: factor of contrast.
        saturation: factor of saturation.
        blur: deviation, in pixels of a photo 128 wide.
        grain: deviation of the sensor noise, 0 to 1.
        grain_at: where in the noise field the noise is taken from.
    """

    pose: Pose = field(default_factory=Pose)
    light: Light = field(default_factory=Light)
    backdrop: tuple[tuple[float, float, float], ...] = (
        (0.70, 0.74, 0.79), (0.66, 0.70, 0.76), (0.80, 0.83, 0.86), (0.75, 0.78, 0.82),
    )  # fmt: skip
    cloth: tuple[float, float, float] = (0.32, 0.38, 0.48)
    glasses: int = 0
    turn: float = 0.0
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    exposure: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    blur: float = 0.0
    grain: float = 0.0
    grain_at: tuple[int, int] = (0, 0)


def photo_of(who: Person, variation: int | None) -> Photo:
    """Draws the photo number `variation` of a person; None is the neutral frontal one."""
    if variation is None:
        return Photo()
    rng = rng_for(4, who.seed, who.index, variation)
    normal = np.clip(rng.standard_normal(16), -2, 2).tolist()
    unit = rng.random(24).tolist()
    smile = -0.1 + 1.1 * unit[0] ** 1.3
    warm = 0.035 * normal[0]
    hue = 0.15 + 0.7 * rng.random() + 0.07 * rng.standard_normal((1, 3))
    corners = hue + 0.09 * rng.standard_normal((4, 1)) + 0.025 * rng.standard_normal((4, 3))
    corners = np.clip(corners, 0.05, 0.95)
    cloth = np.clip(0.12 + 0.75 * rng.random() + 0.13 * rng.standard_normal(3), 0.04, 0.95)
    return Photo(
        pose=Pose(
            yaw=0.13 * normal[1],
            pitch=0.05 * normal[2],
            smile=smile,
            jaw_open=max(0.0, smile - 0.45) * 1.1 * (unit[1] > 0.35),
            squint=0.5 * max(0.0, smile) * unit[2],
            brow_raise=0.5 * normal[3],
            gaze=0.4 * normal[4],
        ),
        light=Light(
            x=0.32 * normal[5],
            y=-0.38 + 0.16 * normal[6],
            ambient=0.42 + 0.22 * unit[3],
            colour=(1 + warm, 1.0, 1 - warm),
        ),
        backdrop=tuple((float(r), float(g), float(b)) for r, g, b in corners),
        cloth=(float(cloth[0]), float(cloth[1]), float(cloth[2])),
        glasses=0 if unit[4] > 0.12 else 1 + (unit[5] > 0.5),
        turn=4.0 * normal[7],
        zoom=1 + 0.045 * normal[8],
        shift=(0.03 * normal[9], 0.03 * normal[10]),
        exposure=1 + 0.07 * normal[11],
        contrast=1 + 0.07 * normal[12],
        saturation=1 + 0.12 * normal[13],
        blur=0.75 * unit[6] ** 2,
        grain=0.018 * unit[7],
        grain_at=(int(unit[8] * 4096), int(unit[9] * 4096)),
    )


def backdrop(canvas: Canvas, photo: Photo) -> Plane:
    """The background (3, side, side), a soft blend of four colours."""
    corners = np.asarray(photo.backdrop, np.float32).reshape(2, 2, 3)
    smooth = cv2.resize(corners, (8, 8), interpolation=cv2.INTER_LINEAR)
    full = np.empty((3, canvas.side, canvas.side), np.float32)
    for plane, small in zip(full, cv2.split(smooth), strict=True):
        cv2.resize(small, (canvas.side, canvas.side), plane, interpolation=cv2.INTER_LINEAR)
    return full


def clothes(canvas: Canvas, shape: Shape, photo: Photo, image: Plane) -> None:
    """Paints shoulders and collar; a child's are narrower."""
    broad = (0.62 + 0.38 * (1 - shape.cues.childhood)) * (1.0 + 0.06 * shape.who.gender)
    y = shape.chin + 0.24 - 0.07 * shape.cues.childhood
    right = np.array(
        [[0.0, y + 0.1], [0.13, y + 0.075], [0.27, y - 0.01], [0.36, y - 0.02], [0.66, y + 0.06],
         [1.05, y + 0.2], [1.15, y + 0.7], [0.0, y + 0.7]]
    ) * np.array([broad, 1.0])  # fmt: skip
    points = np.concatenate([mirror(right[5:0:-1]), right[:6]])
    curve = np.concatenate([spline(points), [[1.3, 1.4], [-1.3, 1.4]]])
    canvas.paint(image, [curve], photo.cloth)
    collar = spline(points[2:9])
    canvas.paint(image, [collar], np.asarray(photo.cloth) * 0.7, 0.6, soft=0.006, line=0.02)


def glasses(canvas: Canvas, shape: Shape, photo: Photo, image: Plane) -> None:
    """Paints a frame about the eyes."""
    if not photo.glasses:
        return
    power = 0.5 if photo.glasses == 2 else 0.9
    t = np.linspace(0, 2 * np.pi, 25)
    c, s = np.cos(t), np.sin(t)
    x = 0.225 * shape.who.eye_gap + 0.155 * np.sign(c) * np.abs(c) ** power
    y = EYE + 0.015 + (0.105 + 0.02 * (photo.glasses == 1)) * np.sign(s) * np.abs(s) ** power
    rim = np.stack([x, y], axis=1)
    bridge = spline(np.array([[-0.075, EYE - 0.01], [0.0, EYE - 0.03], [0.075, EYE - 0.01]]))
    arm = np.array([[0.375, EYE - 0.02], [0.55, EYE - 0.01]])
    lines = shape.place([rim, mirror(rim), bridge, arm, mirror(arm)])
    tint = 0.10 + 0.25 * (photo.grain_at[0] % 97) / 97
    canvas.paint(image, lines, (tint, tint * 0.8, tint * 0.7), 0.85, line=0.02)


def develop(canvas: Canvas, image: Plane, photo: Photo, size: int) -> Picture:
    """Frames a drawing, adds what the camera adds, and makes it (size, size, 3) uint8 RGB."""
    picture = cv2.merge([image[0], image[1], image[2]])
    half = (canvas.side - 1) / 2
    scale = size / 2 * photo.zoom / canvas.unit
    turn = cv2.getRotationMatrix2D((half, half), photo.turn, scale)
    for axis, shift in enumerate(photo.shift):
        turn[axis, 2] += (size - 1) / 2 - half + shift * size / 2
    picture = cv2.warpAffine(
        picture, turn, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if photo.blur > 0.05:
        picture = cv2.GaussianBlur(picture, (0, 0), photo.blur * size / 128)
    gain = 255 * photo.exposure * photo.contrast
    mixing = np.full((3, 4), gain * (1 - photo.saturation) / 3)
    mixing[:, :3] += np.eye(3) * gain * photo.saturation
    mixing[:, 3] = 127.5 * (1 - photo.contrast) + 0.5
    picture = cv2.transform(picture, mixing)
    if photo.grain:
        down, right = photo.grain_at[0] % size, photo.grain_at[1] % size
        grain = noise(2 * size, 2 * size, 70)[down : down + size, right : right + size]
        grain = grain * np.float32(255 * photo.grain)
        picture = cv2.add(picture, cv2.merge([grain, grain, grain]))
    return np.asarray(np.clip(picture, 0, 255), np.uint8)
