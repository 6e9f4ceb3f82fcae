"""The bands, the colours and the exposure of faces."""

from __future__ import annotations

import pytest
import torch
from agekit_prototypes.bands import blur, eyes, mouth, normalise, split, to_rgb, to_ycc
from agekit_prototypes.network import PrototypeAger

SIZE = 48


def test_colours_come_back(noise):
    ycc = to_ycc(torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1))
    assert ycc.flatten().tolist() == pytest.approx([0.299, -0.168736, 0.5])
    x = noise(2)
    torch.testing.assert_close(to_rgb(to_ycc(x)), x)


def test_bands_add_up_to_the_picture_and_a_flat_one_has_none(noise):
    x = noise(1)
    bands = split(x, 14.0)
    assert len(bands) == 5
    torch.testing.assert_close(sum(bands), x)
    for band in split(torch.full((1, 1, 9, 9), 0.4), 14.0)[:-1]:
        assert band.abs().max() < 1e-6


def test_a_blur_spreads_a_point_by_its_deviation():
    x = torch.zeros(1, 1, 41, 41)
    x[..., 20, 20] = 1
    rows = blur(x, 3.0)[0, 0].sum(0)
    ticks = torch.arange(41) - 20.0
    assert float((rows * ticks**2).sum()) == pytest.approx(9.0, rel=0.03)


def test_exposure_and_contrast_are_taken_and_told(noise):
    x = to_ycc(noise(1) * 0.5 + 0.5)
    plain, scale = normalise(x, torch.ones(1, 1, SIZE, SIZE))
    brighter, _ = normalise(
        x * torch.tensor([1.3, 1, 1])[:, None, None] + 0.1, torch.ones(1, 1, SIZE, SIZE)
    )
    torch.testing.assert_close(plain, brighter, atol=1e-5, rtol=1e-4)
    assert plain.mean((2, 3)).abs().max() < 1e-6
    assert float(plain[:, 0].std()) == pytest.approx(0.15, rel=1e-3)
    assert scale[0, 1:].flatten().tolist() == [1, 1]


def test_the_eyes_are_where_their_points_lie_and_neither_brow_nor_nose():
    points = PrototypeAger().points
    there = eyes(points, 96)
    (x, y), (nose_x, nose_y) = points[0] * 96, points[2] * 96
    assert there[int(y), int(x)] == there[int(y), 95 - int(x)] == 1
    assert there[int(y) - 8, int(x)] == there[int(nose_y), int(nose_x)] == 0


def test_the_mouth_is_where_its_corners_lie_and_neither_nose_nor_chin():
    points = PrototypeAger().points
    there = mouth(points, 96)
    (x, y), (nose_x, nose_y) = points[3:].mean(0) * 96, points[2] * 96
    assert there[int(y), int(x)] == 1 and there[int(y), int(96 * points[3, 0])] > 0.3
    assert there[int(nose_y), int(nose_x)] == there[int(2 * y - nose_y), int(x)] == 0
