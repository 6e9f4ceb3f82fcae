from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from agekit.data.alignment import Alignment
from agekit.faces.align import frame
from agekit.faces.base import Detection, Detector
from agekit.faces.framing import LOOSE, measure_alignment


class Told(Detector):
    """Finds in the k-th chip what it is told, and in the others nothing."""

    def __init__(self, points: Sequence[NDArray[np.float64] | None], side: int) -> None:
        super().__init__()
        self.points = points
        self.side = side

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, min_face: float | None = None
    ) -> list[list[Detection]]:
        pad = (images[0].shape[0] - self.side) // 2
        box = np.array([0, 0, 1, 1], np.float32)
        return [
            [] if p is None else [Detection(box, 1.0, (p * self.side + pad).astype(np.float32))]
            for p in self.points
        ]


def measured(points: Sequence[NDArray[np.float64] | None], side: int = 100) -> Alignment:
    chips = [np.zeros((side, side, 3), np.uint8)] * len(points)
    return measure_alignment(Told(points, side), "told", chips).alignment


@pytest.mark.parametrize("margin", [-0.1, 0.0, 0.25])
def test_the_margin_that_chips_were_cut_with_is_found(margin: float) -> None:
    cut = measured([frame(margin)] * 6)
    assert cut.align == "five-points"
    assert cut.detector == "told"
    assert cut.margin == pytest.approx(margin, abs=0.01)
    assert cut.points is not None
    symmetric = np.array(cut.points)
    np.testing.assert_allclose(symmetric[0] + symmetric[1], [1, 2 * symmetric[0, 1]], atol=2e-4)


def test_a_few_faces_missed_or_misplaced_do_not_matter() -> None:
    points = [frame(0.2)] * 7 + [frame(0.2) + 0.3] + [None] * 4
    assert measured(points).margin == pytest.approx(0.2, abs=0.01)


def test_chips_that_differ_or_show_no_face_are_left_as_they_are() -> None:
    random = np.random.default_rng(0)
    loose = [frame(0.2) + random.uniform(-0.2, 0.2, 2) for _ in range(20)]
    assert measured(loose) == Alignment(detector="told")
    assert measured([None] * 7 + [frame(0.0)] * 6) == Alignment(detector="told")
    assert measure_alignment(Told([], 9), "told", []).alignment == Alignment(detector="told")


def test_how_far_faces_lie_apart_is_measured() -> None:
    steps = np.array([[-0.04, 0], [-0.03, 0], [0, 0], [0.03, 0], [0.04, 0]])
    apart = [frame(0.2) + step for step in steps]
    chips = [np.zeros((100, 100, 3), np.uint8)] * 5
    found = measure_alignment(Told(apart, 100), "told", chips)
    assert found.spread == pytest.approx(0.03, abs=1e-4) and found.spread > LOOSE
    assert measure_alignment(Told([frame(0.2)] * 5, 100), "told", chips).spread < LOOSE
