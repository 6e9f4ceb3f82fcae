"""The checks of a face detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agekit.errors import MissingLibraryError, UnknownNameError
from agekit.faces.base import Detection, Detector
from agekit.registry import DATASETS
from agekit_testkit.checks.subject import Part, Subject

__all__ = ["check_detector"]

Images = Sequence[NDArray[np.uint8]]
_APART = 1.0
"""Pixels by which a face may move with the images beside it."""


def check_detector(
    part: Part, *, images: Images | None = None, faces: int = 1, device: str = "cpu"
) -> None:
    """Checks that a detector keeps its contract: images to boxes, scores and five points.

    Args:
        part: its registry name, or the class.
        images: RGB, (H, W, 3) uint8, to find faces in; else two of the dataset ``synthfaces``.
        faces: how many faces it must find in each of them, at least.
        device: where to run it.

    Raises:
        AssertionError: saying what is wrong.
        ConfigError: there are no images to show it.
    """
    subject = Subject("detector", part)
    detector: Detector = subject.build(device)
    subject.require(
        not {"_device", "device"}.isdisjoint(vars(detector)),
        "it does not pass device to Detector.__init__",
    )
    shown = list(images) if images is not None else _drawn_photos()
    blank = [np.full((h, w, 3), 127, np.uint8) for h, w in ((40, 60), (1, 1), (90, 7))]
    kept = [image.copy() for image in shown]
    with subject.doing("looking at no image"):
        subject.require(detector.detect([]) == [], "of no image it does not give an empty list")
    with subject.doing("looking at images of several sizes"):
        together = detector.detect([*shown, *blank])
        alone = [detector.detect([image])[0] for image in shown]
        again = [detector.detect([image])[0] for image in shown]
    subject.require(
        len(together) == len(shown) + len(blank), "it does not give one list for each image"
    )
    subject.require(
        all(np.array_equal(a, b) for a, b in zip(shown, kept, strict=True)),
        "it changes the images it looks at",
    )
    for found in together:
        _check_found(subject, found)
    for found, other, same in zip(together, alone, again, strict=False):
        subject.require(len(found) >= faces, f"it finds {len(found)} faces where {faces} are")
        subject.require(_alike(other, same, 0), "it finds other faces the second time")
        subject.require(
            _alike(found, other, _APART), "what it finds in an image depends on the others"
        )
    with subject.doing("looking for large faces only"):
        none = detector.detect(shown, min_face=float(10 * max(map(max, (i.shape for i in shown)))))
    subject.require(not any(none), "it finds faces that are smaller than min_face")


def _drawn_photos() -> list[NDArray[np.uint8]]:
    """Two grey photos with a grown-up of the dataset `synthfaces` each."""
    try:
        table = DATASETS.get("synthfaces")().read()
    except UnknownNameError as error:
        raise MissingLibraryError(
            "there is no face to show a detector: the dataset 'synthfaces' is not installed",
            "install agekit-synthfaces, or give check_detector images of your own",
        ) from error
    photos = []
    for row in np.flatnonzero((table.age > 25) & (table.age < 45))[:2]:
        picture = np.full((220, 260, 3), 150, np.uint8)
        picture[30:190, 40:200] = table.images.decode(int(row), 160)
        photos.append(picture)
    return photos


def _check_found(subject: Subject, found: Sequence[Detection]) -> None:
    for face in found:
        good = (
            face.box.shape == (4,)
            and face.points.shape == (5, 2)
            and face.box.dtype == face.points.dtype == np.float32
        )
        subject.require(good, "a box is not (4,) float32, or its points are not (5, 2) float32")
        x0, y0, x1, y1 = map(float, face.box)
        subject.require(x0 < x1 and y0 < y1, f"a box is {x0:g} {y0:g} {x1:g} {y1:g}: x0 y0 x1 y1")
        subject.require(bool(np.isfinite(face.points).all()), "a point is not finite")
        subject.require(0 <= face.score <= 1, f"a score is {face.score:g}, not from 0 to 1")
        left, right, _, mouth_left, mouth_right = face.points
        subject.require(
            bool(left[0] < right[0] and mouth_left[0] < mouth_right[0]),
            "the points are not in order: eye, eye, nose, mouth, mouth, the image's left first",
        )
    areas = [face.area for face in found]
    subject.require(areas == sorted(areas, reverse=True), "the largest face does not come first")


def _alike(found: Sequence[Detection], other: Sequence[Detection], pixels: float) -> bool:
    return len(found) == len(other) and all(
        np.abs(a.box - b.box).max() <= pixels and np.abs(a.points - b.points).max() <= pixels
        for a, b in zip(found, other, strict=True)
    )
