from __future__ import annotations

import numpy as np
import pytest
from agekit_synthfaces import draw, person
from PIL import Image

from agekit.errors import ConfigError, DataError
from agekit.faces.align import DEFAULT_MARGIN, TEMPLATE, cut, frame, similarity

EYES = slice(0, 2)


def turned(points, degrees, scale=1.0, shift=(0.0, 0.0)):
    """Points turned about the origin (clockwise on the screen), scaled, shifted."""
    a = np.deg2rad(degrees)
    rotation = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return scale * points @ rotation.T + shift


def smooth(height, width):
    """A picture without detail finer than some ten pixels."""
    coarse = np.random.default_rng(3).integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def test_the_template_is_that_of_arcface_in_the_middle():
    assert TEMPLATE.shape == (5, 2)
    assert TEMPLATE[:, 0].mean() == pytest.approx(0.5)
    published = [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366]]
    assert TEMPLATE[:3] * 112 == pytest.approx(np.array(published), abs=0.03)


def test_a_margin_scales_about_the_centre():
    assert frame(0) == pytest.approx(TEMPLATE)
    assert frame(0.5) - 0.5 == pytest.approx((TEMPLATE - 0.5) / 2)
    assert frame(DEFAULT_MARGIN)[EYES, 0] == pytest.approx([0.3948, 0.6042], abs=1e-3)
    with pytest.raises(ConfigError, match="leaves nothing"):
        frame(-0.5)


def test_a_quarter_turn_by_hand():
    """(1, 0) goes to (3, 6) and (0, 1) to (1, 4), so that (0, 0) goes to (3, 4)."""
    points = np.array([[1.0, 0.0], [0.0, 1.0]])
    target = np.array([[3.0, 6.0], [1.0, 4.0]])
    assert similarity(points, target) == pytest.approx(np.array([[0, -2, 3], [2, 0, 4]]))


def test_rotation_scale_and_shift_are_recovered():
    there = turned(TEMPLATE, 25, 3.5, (40, -7))
    found = similarity(TEMPLATE, there)
    c, s = 3.5 * np.cos(np.deg2rad(25)), 3.5 * np.sin(np.deg2rad(25))
    assert found == pytest.approx(np.array([[c, -s, 40], [s, c, -7]]), abs=1e-12)


def test_points_that_do_not_fit_are_met_in_the_middle_and_never_mirrored():
    square = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    wide = square * [3, 1]
    assert similarity(square, wide) == pytest.approx(np.array([[2, 0, 0], [0, 2, 0]]))
    mirrored = TEMPLATE * [-1, 1]
    found = similarity(TEMPLATE, mirrored)
    assert np.linalg.det(found[:, :2]) > 0


def test_umeyama_gives_the_same():
    """Against the singular value decomposition of the paper, on noisy points."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 2))
    y = turned(x, 70, 0.4, (5, 6)) + 0.1 * rng.normal(size=(5, 2))
    xc, yc = x - x.mean(0), y - y.mean(0)
    u, d, vt = np.linalg.svd(yc.T @ xc / 5)
    sign = np.diag([1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    scale = np.trace(np.diag(d) @ sign) / (xc**2).sum(1).mean()
    rotation = scale * u @ sign @ vt
    expected = np.column_stack([rotation, y.mean(0) - rotation @ x.mean(0)])
    assert similarity(x, y) == pytest.approx(expected)


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.full((5, 2), np.nan)])
def test_points_that_make_no_face_are_refused(points):
    with pytest.raises(DataError, match="do not make a face"):
        cut(np.zeros((50, 50, 3), np.uint8), points, frame(0), 32)


def test_points_outside_of_the_image_are_refused():
    with pytest.raises(DataError, match="outside"):
        cut(np.zeros((50, 50, 3), np.uint8), TEMPLATE * 40 + 1e6, frame(0), 32)


def test_a_face_in_its_place_is_left_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert np.array_equal(cut(image, frame(0.2) * 64, frame(0.2), 64), image)


def test_a_shift_is_exact():
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    chip = cut(image, frame(0.2) * 64 + [31, 17], frame(0.2), 64)
    assert np.abs(chip.astype(int) - image[17:81, 31:95]).max() <= 1


def test_a_margin_shows_more_around_the_same_centre():
    image = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    points = frame(0) * 64 + 32
    assert np.abs(cut(image, points, frame(0.5), 128).astype(int) - image).max() <= 1


def test_a_face_turned_by_30_degrees_comes_back_upright():
    face = draw(person(0, 4), 40, 128)
    canvas = Image.new("RGB", (400, 300), "gray")
    canvas.paste(Image.fromarray(face), (130, 80))
    angle, centre = 30, np.array([200, 150])
    photo = np.asarray(canvas.rotate(angle, Image.Resampling.BICUBIC, fillcolor="gray"))
    upright = frame(0.25) * 128 + [130, 80]
    points = turned(upright - centre, -angle) + centre
    chip = cut(photo, points, frame(0.25), 128)
    assert np.abs(chip.astype(float) - face).mean() < 6
    assert np.abs(cut(photo, upright, frame(0.25), 128).astype(float) - face).mean() > 25


def test_scaling_down_does_not_alias():
    y, x = np.mgrid[:600, :600]
    board = np.repeat((((x + y) % 2) * 255).astype(np.uint8)[..., None], 3, 2)
    chip = cut(board, turned(frame(0) - 0.5, 12, 400) + 300, frame(0), 64)
    assert np.abs(chip.astype(int) - 127.5).max() <= 3


def test_scaling_up_and_down_agree_with_the_picture():
    image = smooth(320, 320)
    for size in (40, 160, 640):
        chip = cut(image, frame(0.25) * 320, frame(0.25), size)
        plain = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)
        assert np.abs(chip.astype(float) - np.asarray(plain)).mean() < 1


def test_beyond_its_edge_the_image_is_mirrored():
    image = smooth(96, 96)
    chip = cut(image, frame(0) * 64 + [-20, 0], frame(0), 64)
    assert np.abs(chip[:, :20].astype(int) - image[:64, 19::-1]).max() <= 1


def test_a_huge_margin_in_a_huge_picture_takes_no_more_memory_than_the_picture():
    image = np.zeros((3000, 3000, 3), np.uint8)
    chip = cut(image, frame(0) * 2900 + 50, frame(4), 64)
    assert chip.shape == (64, 64, 3) and not chip.any()


def test_the_same_photo_gives_the_same_chip():
    image = smooth(200, 300)
    points = turned(frame(0.1) - 0.5, 17, 90, (150, 100))
    assert np.array_equal(cut(image, points, frame(0), 112), cut(image, points, frame(0), 112))
