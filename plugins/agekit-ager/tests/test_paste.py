from __future__ import annotations

import cv2
import numpy as np
import pytest
from agekit_ager.paste import OUTER, CutFace, paste
from agekit_synthfaces import draw, person

from agekit.faces.align import cut, frame, similarity

SIZE = 64


def texture(height, width, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def points_at(middle, side, turn=0.0):
    """The five points of a face whose standard frame has this side, degrees clockwise."""
    angle = np.deg2rad(turn)
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (frame(0.0) - 0.5) * side @ spin.T + middle


def cut_face(photo, points, change=0.0, margin=0.25, size=SIZE):
    target = frame(margin)
    chip = cut(photo, points, target, size)
    return CutFace(chip, chip.astype(np.float32) + change, similarity(points, target * size))


def radius(face, height, width):
    """Of every pixel: 0 in the middle of the chip, 1 at its edges."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    at = np.stack([x, y], -1) @ face.there[:, :2].T + face.there[:, 2]
    return np.abs(2 * at / face.chip.shape[0] - 1).max(-1)


@pytest.mark.parametrize("side", [20, 60, 150])
@pytest.mark.parametrize("turn", [0.0, 30.0, 180.0])
def test_nothing_changed_nothing_moves(side, turn):
    photo = texture(200, 240)
    for margin in (0.0, 0.4):
        face = cut_face(photo, points_at([100, 90], side, turn), margin=margin)
        np.testing.assert_array_equal(paste(photo, [face]), photo)


@pytest.mark.parametrize("side", [24, 60, 150])
@pytest.mark.parametrize("turn", [0.0, -40.0])
def test_the_change_fades_to_nothing_at_the_edge_of_the_chip(side, turn):
    photo = np.clip(texture(200, 240), 0, 200).astype(np.uint8)
    face = cut_face(photo, points_at([110, 95], side, turn), change=30)
    out = paste(photo, [face]).astype(int) - photo
    r = radius(face, 200, 240)
    assert not out[r >= OUTER].any()
    assert (abs(out[r < 0.5] - 30) <= 1).all()
    assert (out >= 0).all()
    assert out.max() <= 31
    steps = np.abs(np.diff(out[:, :, 0], axis=1))
    widest = 30 * 1.5 / (0.27 * 0.5 * side * 1.5) * 1.5 + 2
    assert steps.max() <= widest


def test_the_photo_itself_is_left_alone():
    photo = texture(120, 120)
    before = photo.copy()
    out = paste(photo, [cut_face(photo, points_at([60, 60], 50), change=20)])
    assert (out != photo).any()
    np.testing.assert_array_equal(photo, before)
    np.testing.assert_array_equal(paste(photo, []), photo)


def test_a_face_at_the_border_of_the_photo():
    photo = np.clip(texture(120, 160), 0, 200).astype(np.uint8)
    for middle in ([2, 3], [158, 105], [80, 1]):
        out = paste(photo, [cut_face(photo, points_at(middle, 60), change=40)])
        assert out.shape == photo.shape
        x, y = middle
        assert abs(int(out[y, x, 0]) - int(photo[y, x, 0]) - 40) <= 1


def test_overlapping_faces_share_and_do_not_add_up():
    photo = np.full((160, 200, 3), 100, np.uint8)
    faces = [cut_face(photo, points_at([x, 80], 60), change=40) for x in (80, 110)]
    out = paste(photo, faces)
    assert out.max() <= 141
    assert out[80, 95, 0] >= 138
    np.testing.assert_allclose(out, paste(photo, faces[::-1]), atol=1)


def test_a_large_face_is_done_in_strips_alike(monkeypatch):
    photo = texture(300, 300)
    face = cut_face(photo, points_at([150, 150], 150, 20), change=25)
    whole = paste(photo, [face])
    monkeypatch.setattr("agekit_ager.paste.STRIP_PIXELS", 1000)
    np.testing.assert_array_equal(paste(photo, [face]), whole)


def test_detail_finer_than_the_chip_stays_where_nothing_moved_and_goes_where_hair_went():
    young, old = (draw(person(0, 5), age, 512, None) for age in (25, 68))
    points, target, size = points_at([256, 270], 190), frame(0.25), 96
    there = similarity(points, target * size)
    chips = [cut(photo, points, target, size) for photo in (young, old)]
    out = paste(young, [CutFace(chips[0], chips[1].astype(np.float32), there)])
    face = CutFace(chips[0], chips[1].astype(np.float32), there)
    middle = radius(face, 512, 512) < 0.6

    def far(one, other):
        return float(np.sqrt(((one.astype(float) - other)[middle] ** 2).mean()))

    back = np.linalg.inv(np.vstack([there, [0, 0, 1]]))[:2]
    back[:, 2] += back[:, :2] @ [0.5, 0.5] - 0.5
    blurred = cv2.warpAffine(chips[1], back, (512, 512), flags=cv2.INTER_CUBIC)
    coarse = cv2.warpAffine(chips[0], back, (512, 512), flags=cv2.INTER_CUBIC)
    added = young.astype(float) + blurred - coarse
    assert far(out, old) < far(blurred, old)
    assert far(out, old) < far(added, old)
    assert far(out, old) < 0.5 * far(young, old)


@pytest.mark.parametrize("scale", [1.0, 2.5, 4.0])
def test_detail_of_the_photo_moves_with_the_face(scale):
    side = round(64 * scale)
    draws = np.random.default_rng(0)
    photo = np.repeat(draws.integers(60, 200, (side, side, 1)), 3, 2).astype(np.uint8)
    there = np.array([[1 / scale, 0, 0], [0, 1 / scale, 0]])
    chip = cv2.resize(photo, (64, 64), interpolation=cv2.INTER_AREA)
    aged = chip.astype(np.float32)
    aged[20:44, 20:44] = chip[22:46, 20:44]
    moved = np.zeros((64, 64, 2), np.float32)
    moved[20:44, 20:44, 1] = 2
    part = slice(round(26 * scale), round(38 * scale))
    off = round(2 * scale)
    wanted = photo[part.start + off : part.stop + off, part].astype(int)
    told, untold = (
        np.abs(paste(photo, [CutFace(chip, aged, there, by)])[part, part] - wanted).mean()
        for by in (moved, None)
    )
    assert told < 4
    assert scale == 1 or told < untold / 4


def test_a_face_that_does_not_move_is_pasted_as_if_nobody_said_so():
    draws = np.random.default_rng(0)
    photo = draws.integers(0, 256, (150, 120, 3)).astype(np.uint8)
    there = np.array([[0.5, 0.1, 3], [-0.1, 0.5, 2]])
    chip = draws.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    aged = np.clip(chip + 9.0, 0, 255).astype(np.float32)
    one, other = (
        paste(photo, [CutFace(chip, aged, there, by)])
        for by in (None, np.zeros((64, 64, 2), np.float32))
    )
    assert np.abs(one.astype(int) - other).max() <= 1
