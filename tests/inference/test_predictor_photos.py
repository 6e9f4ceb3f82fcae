from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from agekit_synthfaces import draw, person
from PIL import Image

import agekit
from agekit.errors import ConfigError, UnknownNameError
from agekit.faces.align import TEMPLATE, cut, frame
from agekit.faces.base import Detection, Detector
from agekit.inference import model as models
from agekit.registry import DETECTORS

SIZE = 32


class Marks(Detector):
    """Finds the pale squares that stand apart on a photo of another colour."""

    calls: list[int]

    def detect(self, images, *, min_face=None):
        self.calls.append(len(images))
        return [sorted(self._faces(image), key=lambda face: -face.area) for image in images]

    def _faces(self, image):
        other = (np.abs(image.astype(int) - image[0, 0]) > 0).any(2)
        edges = np.flatnonzero(np.diff(other.any(0).astype(int)))
        for x0, x1 in (edges.reshape(-1, 2) + 1).tolist():
            rows = np.flatnonzero(other[:, x0:x1].any(1))
            y0, side = int(rows[0]), x1 - x0
            box = np.array([x0, y0, x1, y0 + side], np.float32)
            yield Detection(box, 0.9, (TEMPLATE * side + [x0, y0]).astype(np.float32))


def photo(*sides, height=120):
    """A green canvas with a face of each side, from left to right, 10 pixels apart."""
    canvas = np.full((height, 20 + sum(sides) + 10 * len(sides), 3), (0, 90, 0), np.uint8)
    x = 10
    for k, side in enumerate(sides):
        canvas[8 + k : 8 + k + side, x : x + side] = draw(person(0, k), 20 + 10 * k, side) | 1
        x += side + 10
    return canvas


@pytest.fixture
def marks(monkeypatch):
    """The detector called mtcnn is `Marks`."""
    monkeypatch.setattr(Marks, "calls", [], raising=False)
    monkeypatch.setattr(DETECTORS, "get", {"mtcnn": Marks}.__getitem__)
    return Marks


@pytest.fixture
def load(make_model):
    """Loads a small model whose configuration says of faces what it is given."""
    folder = make_model()

    def load(**face):
        path = folder / "config.json"
        config = json.loads(path.read_text())
        path.write_text(json.dumps(config | {"face": face}))
        return agekit.load(folder, "cpu")

    return load


@pytest.fixture
def predictor(load, marks):
    return load(align="five-points", margin=0.1)


def close(one, two):
    assert one.age == pytest.approx(two.age, abs=1e-3)
    assert one.interval == pytest.approx(two.interval, abs=1e-3)
    assert one.p == pytest.approx(two.p, abs=1e-5)


def test_all_faces_the_largest_first_with_their_boxes(predictor):
    (found,) = predictor.predict(photo(40, 70, 55))
    assert found.error is None
    assert [face.box for face in found.faces] == [
        (60.0, 9.0, 130.0, 79.0),
        (140.0, 10.0, 195.0, 65.0),
        (10.0, 8.0, 50.0, 48.0),
    ]
    (largest,) = predictor.predict(photo(40, 70, 55), faces="largest")
    assert len(largest.faces) == 1
    close(largest.faces[0], found.faces[0])


@pytest.mark.parametrize("points", [None, frame(0.5).tolist()])
def test_faces_are_cut_as_the_model_says_and_estimated_as_chips(load, marks, points):
    predictor = load(align="five-points", margin=0.2, points=points)
    image = photo(90)
    found = predictor.predict(image)[0].faces[0]
    target = frame(0.2) if points is None else np.array(points)
    chip = cut(image, TEMPLATE * 90 + [10, 8], target, SIZE)
    close(predictor.predict(chip, detect=False)[0].faces[0], found)


def test_no_face_is_no_error(predictor):
    found = predictor.predict([np.full((50, 60, 3), 7, np.uint8), photo(50)])
    assert [(len(p.faces), p.error) for p in found] == [(0, None), (1, None)]
    assert found[0].to_dict() == {"path": "", "faces": [], "error": None}


def test_good_bad_and_empty_photos_keep_their_places(predictor, tmp_path):
    paths = [tmp_path / name for name in ("two.png", "none.png", "bad.png", "one.png")]
    for path, sides in zip(paths, [(40, 60), (), (50,), (50,)], strict=True):
        Image.fromarray(photo(*sides)).save(path)
    paths[2].write_bytes(paths[2].read_bytes()[:90])
    found = predictor.predict(paths)
    assert [p.path for p in found] == [str(path) for path in paths]
    assert [len(p.faces) for p in found] == [2, 0, 0, 1]
    assert [p.error is None for p in found] == [True, True, False, True]
    close(found[3].faces[0], predictor.predict(paths[3])[0].faces[0])
    assert predictor.predict(paths[2])[0].faces == ()


def test_more_faces_than_a_batch(predictor):
    image = photo(*[30] * 9)
    few = predictor.predict([image, photo(), image], batch_size=4)
    many = predictor.predict([image, photo(), image])
    assert [len(p.faces) for p in few] == [9, 0, 9]
    for one, two in zip(few, many, strict=True):
        for face, same in zip(one.faces, two.faces, strict=True):
            close(face, same)


def test_large_photos_are_looked_at_in_small_groups(predictor, marks, monkeypatch):
    predictor.predict([photo(50)] * 5)
    monkeypatch.setattr(models, "GROUP_PIXELS", 2 * photo(50)[..., 0].size)
    predictor.predict([photo(50)] * 5)
    assert marks.calls == [5, 2, 2, 1]


def test_photos_are_answered_before_all_are_read(predictor):
    asked = 0

    def ask():
        nonlocal asked
        while True:
            asked += 1
            yield photo(30)

    stream = predictor.stream(ask(), batch_size=2)
    assert len(next(stream).faces) == 1
    assert asked < 20
    stream.close()


def test_exif_orientation_is_honoured_and_boxes_are_upright(predictor, tmp_path):
    upright = photo(40, 60)
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(upright).transpose(Image.Transpose.ROTATE_90)
    stored.save(tmp_path / "turned.png", exif=exif)
    turned, plain = predictor.predict([tmp_path / "turned.png", upright])
    assert turned.faces[0].box == plain.faces[0].box
    close(turned.faces[0], plain.faces[0])


def test_boxes_and_points_beyond_the_photo(load, marks, monkeypatch):
    def detect(self, images, *, min_face=None):
        good = np.array(TEMPLATE * 60 - 10, np.float32)
        boxes = [np.array(b, np.float32) for b in ([-10, -10, 50, 50], [0, 0, 9, 9])]
        away = Detection(boxes[1], 1.0, good * 0 + 5)
        return [[away, Detection(boxes[0], 1.0, good)] for _ in images]

    monkeypatch.setattr(Marks, "detect", detect)
    predictor = load(align="five-points")
    for faces in ("all", "largest"):
        (found,) = predictor.predict(photo(60), faces=faces)
        assert [face.box for face in found.faces] == [(0.0, 0.0, 50.0, 50.0)]


@pytest.mark.parametrize(
    ("face", "detect", "boxes"),
    [
        ({}, None, False),
        ({}, True, True),
        ({"align": "five-points"}, None, True),
        ({"align": "five-points"}, False, False),
    ],
)
def test_whether_to_detect(load, marks, face, detect, boxes):
    predictor = load(**face)
    assert predictor.detects is (face != {})
    (found,) = predictor.predict(photo(60), detect=detect)
    assert (found.faces[0].box is not None) is boxes
    assert bool(marks.calls) is boxes


def test_chips_need_no_detector(load, monkeypatch):
    monkeypatch.delitem(sys.modules, "agekit.inference.finder", raising=False)
    predictor = load(detector="nowhere")
    assert len(predictor.predict(photo(60))) == 1
    assert "agekit.inference.finder" not in sys.modules
    with pytest.raises(UnknownNameError, match="no detector named 'nowhere'"):
        predictor.predict(photo(60), detect=True)


@pytest.mark.parametrize("wrong", [{"faces": "both"}, {"batch_size": 0}])
def test_wrong_arguments(predictor, wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        predictor.stream(photo(60), **wrong)
