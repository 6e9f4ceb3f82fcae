"""Faces that lie on their side, and faces that another detector found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agekit_synthfaces import draw, person
from agekit_testkit.models import write_untrained

import agekit
from agekit.data.alignment import Alignment
from agekit.errors import ConfigError
from agekit.faces.align import TEMPLATE
from agekit.faces.base import Detection, Detector
from agekit.inference.finder import FaceFinder
from agekit.inference.given import given_faces
from agekit.registry import DETECTORS

SIDE = 60
SQUARES = ((20, 10), (100, 15))
"""Upper left corners of the faces of `PHOTO`."""
PHOTO = np.zeros((110, 180, 3), np.uint8)
for _k, (_x, _y) in enumerate(SQUARES):
    _size = SIDE - 20 * _k
    PHOTO[_y : _y + _size, _x : _x + _size] = draw(person(0, _k), 30, _size) | 1
    PHOTO[_y, _x] = 255
BOXES = [[20, 10, 80, 70], [100, 15, 140, 55]]
POINTS = [(TEMPLATE * (x1 - x0) + [x0, y0]).tolist() for x0, y0, x1, _ in BOXES]


class Upright(Detector):
    """Finds the squares whose white corner is the upper left one; doubts those of `doubtful`."""

    sure = 0.9
    doubtful = 0.0

    def detect(self, images, *, min_face=None):
        return [sorted(self._faces(image), key=lambda face: -face.area) for image in images]

    def _faces(self, image):
        lit = image.any(2)
        for y, x in zip(*np.nonzero((image == 255).all(2)), strict=True):
            right, down = (line.argmin() or len(line) for line in (lit[y, x:], lit[y:, x]))
            if right == down and right in (40, 60):
                box = np.array([x, y, x + right, y + down], np.float32)
                yield Detection(box, 0.95, (TEMPLATE * right + [x, y]).astype(np.float32))
            elif self.doubtful and right + down > 30:
                box = np.array([x, y, x + 9, y + 9], np.float32)
                points = (TEMPLATE * 9 + [x, y]).astype(np.float32)
                yield Detection(box, self.doubtful, points)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_untrained(tmp_path_factory.mktemp("model"), "ldl-reg-resnet10-tiny", (10, 40), ())


@pytest.fixture
def predictor(model, monkeypatch):
    monkeypatch.setattr(DETECTORS, "get", {"mtcnn": Upright}.__getitem__)
    made = agekit.load(model, "cpu")
    made.face = Alignment(align="five-points", margin=0.1)
    return made


def close(one, two):
    assert one.age == pytest.approx(two.age, abs=0.05)
    assert one.interval == pytest.approx(two.interval, abs=0.05)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("doubtful", [0.0, 0.8])
def test_faces_on_their_side_are_found_where_they_are(predictor, monkeypatch, turns, doubtful):
    monkeypatch.setattr(Upright, "doubtful", doubtful)
    (straight,) = predictor.predict(PHOTO)
    (turned,) = predictor.predict(np.rot90(PHOTO, turns))
    assert [face.upright for face in turned.faces] == [turns == 0] * 2
    assert turned.faces[0].score == pytest.approx(0.95)
    for face, same in zip(turned.faces, straight.faces, strict=True):
        close(face, same)
        mask = np.zeros(PHOTO.shape[:2])
        x0, y0, x1, y1 = map(round, same.box)
        mask[y0:y1, x0:x1] = 1
        rows, columns = np.nonzero(np.rot90(mask, turns))
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert face.box == pytest.approx(box)
        x, y = np.array(face.points).T
        assert box[0] < x.min() and x.max() < box[2] and box[1] < y.min() and y.max() < box[3]


def test_a_doubtful_upright_face_stays_where_no_turn_has_a_sure_one(predictor, monkeypatch):
    monkeypatch.setattr(Upright, "doubtful", 0.8)
    monkeypatch.setattr(Upright, "sure", 0.99)
    small = np.zeros((50, 50, 3), np.uint8)
    small[5:25, 5:30] = 90
    small[5, 5] = 255
    (found,) = predictor.predict(small)
    assert [(face.upright, face.box) for face in found.faces] == [(True, (5, 5, 14, 14))]


@pytest.mark.parametrize(
    "given", [{"boxes": BOXES}, {"points": POINTS}, {"boxes": BOXES, "points": POINTS}]
)
def test_given_faces_are_answered_as_found_ones_in_their_order(predictor, given):
    (found,) = predictor.predict(PHOTO)
    swapped = {name: value[::-1] for name, value in given.items()}
    (taken,) = predictor.predict(PHOTO, **swapped)
    for face, same in zip(taken.faces, found.faces[::-1], strict=True):
        assert face.box == pytest.approx(same.box, abs=1e-4)
        assert np.array(face.points) == pytest.approx(np.array(same.points), abs=1e-4)
        close(face, same)
    (largest,) = predictor.predict(PHOTO, faces="largest", **swapped)
    assert [face.box for face in largest.faces] == [taken.faces[1].box]


def test_a_box_without_a_face_is_cut_as_faces_lie_in_boxes(predictor):
    (found,) = predictor.predict(PHOTO, boxes=[150, 70, 170, 100])
    assert [(face.box, face.points, face.upright) for face in found.faces] == [
        ((150, 70, 170, 100), None, None)
    ]


def test_lists_of_images_have_lists_of_faces(predictor):
    images = [PHOTO, PHOTO, PHOTO]
    for boxes in ([BOXES, None, BOXES[:1]], [np.array(BOXES), [], torch.tensor(BOXES[0])]):
        found = predictor.predict(images, boxes=boxes)
        assert [len(one.faces) for one in found] == [2, 0, 1]
    found = predictor.predict(iter(images), points=[POINTS, None, POINTS[1]], batch_size=1)
    assert [len(one.faces) for one in found] == [2, 0, 1]
    for many in (iter(images), images):
        with pytest.raises(ConfigError, match="not as many"):
            predictor.predict(many, boxes=[BOXES] * 2)


def test_faces_outside_of_their_image_are_an_error_of_that_image(predictor):
    away = [[200, 10, 260, 70]]
    found = predictor.predict([PHOTO, PHOTO], boxes=[[*BOXES, *away], BOXES])
    assert "face 2 of those given lies outside of its 180 x 110 pixels" in found[0].error
    assert [len(one.faces) for one in found] == [0, 2]


def test_points_need_no_detector(predictor, monkeypatch):
    monkeypatch.delattr(FaceFinder, "detector")
    assert len(predictor.predict(PHOTO, points=POINTS)[0].faces) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"boxes": [[1, 2, 3]]},
        {"boxes": "0 0 9 9"},
        {"boxes": [["a", "b", "c", "d"]]},
        {"boxes": {"x0": 1}},
        {"boxes": [[0, 0, np.nan, 9]]},
        {"boxes": [[9, 9, 3, 3]]},
        {"boxes": [[0, 0, 5, 0]]},
        {"boxes": np.zeros((1, 1, 1, 4))},
        {"boxes": [BOXES[0], [0, 0, 1, 1]]},
        {"boxes": np.array(BOXES) / 180},
        {"points": BOXES},
        {"points": np.zeros((1, 5, 2))},
        {"points": [[[1, 2]] * 4]},
        {"points": np.array(POINTS) / 180},
        {"points": np.array(POINTS)[:, [1, 0, 2, 4, 3]]},
        {"boxes": BOXES, "points": POINTS[:1]},
        {"boxes": BOXES, "detect": False},
    ],
)
def test_wrong_boxes_and_points_are_refused_at_once(predictor, wrong):
    with pytest.raises(ConfigError):
        predictor.stream(PHOTO, **wrong)


@pytest.mark.parametrize("turn", [0, 30, 90, 180, 250])
def test_points_may_be_turned_and_of_a_profile(turn):
    profile = (TEMPLATE - TEMPLATE.mean(0)) * [-0.05, 1]
    for points in (TEMPLATE - TEMPLATE.mean(0), profile):
        angle = np.deg2rad(turn)
        back = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        assert len(given_faces(None, [50 + 40 * points @ back], [PHOTO], False)[0].boxes) == 1


def test_what_lists_of_faces_must_be():
    for wrong in (3, "abcd", {0: BOXES}, torch.zeros(2, 3)):
        with pytest.raises(ConfigError) as refused:
            given_faces(wrong, None, [PHOTO, PHOTO], False)
        assert "boxes are (K, 4)" in refused.value.hint
