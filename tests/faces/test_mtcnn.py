from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
from agekit_synthfaces import draw, person
from numpy.typing import NDArray

from agekit.errors import ConfigError, DataError
from agekit.faces.base import Detection
from agekit.faces.mtcnn import detector
from agekit.faces.mtcnn.detector import Mtcnn
from agekit.faces.mtcnn.engines import torch_networks
from agekit.registry import DETECTORS

Image = NDArray[np.uint8]


@pytest.fixture(scope="module")
def mtcnn() -> Mtcnn:
    return Mtcnn("cpu")


def face(seed: int = 0, size: int = 160, age: float = 30) -> Image:
    return draw(person(0, seed), age, size)


def on_canvas(
    *placed: tuple[Image, int, int], width: int = 400, height: int = 300, grey: int = 128
) -> Image:
    canvas = np.full((height, width, 3), grey, np.uint8)
    for picture, x, y in placed:
        canvas[y : y + len(picture), x : x + picture.shape[1]] = picture
    return canvas


def apart(found: Detection, other: Detection) -> float:
    """Mean distance of the points, as a share of the distance of the eyes."""
    eyes = np.linalg.norm(found.points[0] - found.points[1])
    return float(np.linalg.norm(found.points - other.points, axis=1).mean() / eyes)


def moved(found: Detection, x: float, y: float, scale: float = 1) -> Detection:
    by = np.array([x, y], np.float32)
    box = found.box * np.float32(scale) + np.tile(by, 2)
    return Detection(box, found.score, found.points * np.float32(scale) + by)


def test_registered() -> None:
    assert DETECTORS.get("mtcnn") is Mtcnn


def test_finds_a_drawn_face_and_orders_its_points(mtcnn: Mtcnn) -> None:
    for seed, age in enumerate((3, 12, 30, 55, 80)):
        (found,) = mtcnn.detect([face(seed, age=age)])[0]
        (x0, y0, x1, y1), points = found.box, found.points
        assert found.box.dtype == points.dtype == np.float32
        assert points.shape == (5, 2)
        assert 0.7 < found.score <= 1
        assert 40 < x1 - x0 < 130
        assert ((points > (x0, y0)) & (points < (x1, y1))).all()
        left, right, nose, mouth_left, mouth_right = points
        assert left[0] < nose[0] < right[0]
        assert mouth_left[0] < nose[0] < mouth_right[0]
        assert max(left[1], right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])


def test_the_largest_face_comes_first(mtcnn: Mtcnn) -> None:
    picture = on_canvas((face(1, 100), 10, 150), (face(0, 220), 150, 40), grey=90)
    large, small = mtcnn.detect([picture])[0]
    assert large.area > 2 * small.area
    assert large.points[:, 0].min() > 150
    assert large.points[:, 0].max() < 370
    assert small.points[:, 0].max() < 110


def test_a_face_moves_with_its_place(mtcnn: Mtcnn) -> None:
    picture = face(2, 160)
    places = [(40, 40), (104, 104), (41, 43), (207, 90)]
    found = mtcnn.detect([on_canvas((picture, x, y)) for x, y in places])
    assert [len(f) for f in found] == [1] * 4
    for (x, y), (other,) in zip(places[1:], found[1:], strict=True):
        assert apart(other, moved(found[0][0], x - 40, y - 40)) < 0.04


@pytest.mark.parametrize("degrees", [-25, 20])
def test_a_face_turns_with_its_picture(mtcnn: Mtcnn, degrees: int) -> None:
    picture = on_canvas((face(2, 160), 120, 70))
    turn = cv2.getRotationMatrix2D((199.5, 149.5), degrees, 1)
    turned = cv2.warpAffine(picture, turn, (400, 300), borderValue=(128, 128, 128))
    (straight,), (found,) = mtcnn.detect([picture, turned])
    back = ((found.points - 0.5 - turn[:, 2]) @ turn[:, :2] + 0.5).astype(np.float32)
    assert apart(Detection(found.box, found.score, back), straight) < 0.04


@pytest.mark.slow
def test_large_images_are_scaled_down_and_boxes_are_not(mtcnn: Mtcnn) -> None:
    small = on_canvas((face(0, 160), 100, 70))
    large = cv2.resize(small, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    ((picture,),) = detector._rounds([large], None)
    assert picture.pixels.shape == (1920, 2560, 3)
    assert picture.min_face == 48
    (at_first,), (found,) = mtcnn.detect([small, large])
    assert apart(found, moved(at_first, 0, 0, 8)) < 0.04


def test_a_batch_is_as_its_images_alone(mtcnn: Mtcnn) -> None:
    images = [face(i, size) for i, size in enumerate((160, 160, 96, 200, 160))]
    images += [
        on_canvas((face(6, 120), 30, 30), (face(7, 150), 200, 100)),
        np.full((50, 70, 3), 200, np.uint8),
        on_canvas((face(8, 90), 10, 10), width=150, height=120),
    ]
    together = mtcnn.detect(images)
    assert [len(f) for f in together] == [1, 1, 1, 1, 1, 2, 0, 1]
    for image, found in zip(images, together, strict=True):
        (alone,) = mtcnn.detect([image])
        assert len(alone) == len(found)
        for one, other in zip(alone, found, strict=True):
            np.testing.assert_allclose(one.box, other.box, atol=0.01)
            np.testing.assert_allclose(one.points, other.points, atol=0.01)
            assert one.score == pytest.approx(other.score, abs=1e-4)


def test_rounds_take_every_image_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "_PIXELS", 1500)
    images = [np.zeros((10 * (1 + i % 3), 20, 3), np.uint8) for i in range(20)]
    rounds = list(detector._rounds(images, None))
    assert len(rounds) > 3
    assert [picture.index for part in rounds for picture in part] == list(range(20))
    assert all(sum(p.pixels.size // 3 for p in part) <= 1500 + 600 for part in rounds)


def test_torch_is_imported_for_another_device_only() -> None:
    code = (
        "import sys, numpy as np\n"
        "from agekit.registry import DETECTORS\n"
        "DETECTORS.get('mtcnn')('cpu').detect([np.zeros((90, 90, 3), np.uint8)])\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_torch_finds_the_same(mtcnn: Mtcnn) -> None:
    picture = on_canvas((face(1, 100), 10, 150), (face(0, 220), 150, 40), grey=90)
    other = Mtcnn("cpu")
    other.cascade.networks = torch_networks("cpu")
    for one, same in zip(mtcnn.detect([picture])[0], other.detect([picture])[0], strict=True):
        np.testing.assert_allclose(one.points, same.points, atol=0.01)
        assert one.score == pytest.approx(same.score, abs=1e-5)


def test_tight_crops_have_their_face(mtcnn: Mtcnn) -> None:
    """A face cut off at forehead and chin: its box is larger than the picture."""
    (whole,) = mtcnn.detect([face(3, 200)])[0]
    x0, y0 = np.round(whole.points.min(axis=0) - 18).astype(int)
    x1, y1 = np.round(whole.points.max(axis=0) + 18).astype(int)
    (found,) = mtcnn.detect([face(3, 200)[y0:y1, x0:x1]])[0]
    assert found.box[1] < 0
    assert found.box[3] > y1 - y0
    assert apart(found, moved(whole, -x0, -y0)) < 0.1


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 400), (400, 1), (2, 3), (12, 12), (11, 900), (900, 20), (0, 5), (80, 60)]
)
def test_no_face_is_an_empty_list(mtcnn: Mtcnn, shape: tuple[int, int]) -> None:
    assert mtcnn.detect([np.full((*shape, 3), 128, np.uint8)]) == [[]]


def test_noise_and_nothing(mtcnn: Mtcnn) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (150, 200, 3), np.uint8)
    assert mtcnn.detect([noise, noise[:40]]) == [[], []]
    assert mtcnn.detect([]) == []


def test_any_layout_in_memory(mtcnn: Mtcnn) -> None:
    picture = face(4)
    (plain,) = mtcnn.detect([picture])[0]
    locked = picture.copy()
    locked.setflags(write=False)
    backwards = picture[:, ::-1].copy()[:, ::-1]
    columns = np.asfortranarray(picture)
    for (found,) in mtcnn.detect([locked, backwards, columns]):
        np.testing.assert_allclose(found.points, plain.points, atol=0.01)


def test_smaller_faces_are_left_out_when_told(mtcnn: Mtcnn) -> None:
    picture = on_canvas((face(0, 100), 100, 100))
    (found,) = mtcnn.detect([picture])[0]
    assert found.box[2] - found.box[0] < 80
    assert mtcnn.detect([picture], min_face=150) == [[]]
    assert len(mtcnn.detect([picture], min_face=25)[0]) == 1


@pytest.mark.parametrize("min_face", [0, -3, 11.9, float("nan")])
def test_too_small_a_smallest_face(mtcnn: Mtcnn, min_face: float) -> None:
    with pytest.raises(ConfigError, match="too small"):
        mtcnn.detect([face()], min_face=min_face)


@pytest.mark.parametrize(
    "image",
    [np.zeros((20, 20), np.uint8), np.zeros((20, 20, 4), np.uint8), np.zeros((20, 20, 3))],
)
def test_other_arrays_are_refused(mtcnn: Mtcnn, image: Image) -> None:
    with pytest.raises(DataError, match="image 1 is an array of"):
        mtcnn.detect([face(), image])
