from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from agekit.errors import ModelError
from agekit.faces.mtcnn.candidates import nms, nms_of_smaller, shifted, squared
from agekit.faces.mtcnn.cascade import Cascade, rightward
from agekit.faces.mtcnn.engines import Networks, onnx_networks, torch_networks
from agekit.faces.mtcnn.networks import FILE, ONet, PNet, RNet, load_weights
from agekit.faces.mtcnn.pyramid import Pyramid

ENGINES = [onnx_networks, lambda: torch_networks("cpu")]


@pytest.mark.parametrize(
    ("make", "name", "parameters", "layers"),
    [
        (PNet, "pnet", 6_632, [280, 10, 1456, 16, 4640, 32, 132, 66]),
        (RNet, "rnet", 100_178, [784, 28, 12144, 48, 12352, 64, 73856, 128, 516, 258]),
        (
            ONet,
            "onet",
            389_040,
            [896, 32, 18496, 64, 36928, 64, 32896, 128, 295168, 256, 1028, 2570, 514],
        ),
    ],
)
def test_layers(
    make: Callable[[], nn.Module], name: str, parameters: int, layers: list[int]
) -> None:
    network = load_weights(make(), name)
    counts = [
        sum(p.numel() for p in m.parameters()) for m in network.modules() if not [*m.children()]
    ]
    assert [n for n in counts if n] == layers
    assert sum(layers) == parameters
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())


def ramp(side: int) -> NDArray[np.float32]:
    return np.linspace(-1, 1, 3 * side * side, dtype=np.float32).reshape(1, 3, side, side)


@pytest.mark.parametrize("engine", ENGINES)
def test_networks_say_what_they_say_in_facenet_pytorch(engine: Callable[[], Networks]) -> None:
    """Of one input each; the numbers are facenet-pytorch 2.6.0's."""
    networks = engine()
    face, box = networks.pnet(ramp(12))
    assert face.flatten().tolist() == pytest.approx([0.00154833], rel=1e-3)
    expected = [0.0360736, -0.0361589, 0.0255013, 0.1207716]
    assert box.flatten().tolist() == pytest.approx(expected, rel=1e-3)
    face, box = networks.rnet(ramp(24))
    assert face.tolist() == pytest.approx([0.000680676], rel=1e-3)
    expected = [-0.1463502, -0.2272584, 0.1520619, 0.3873844]
    assert box[0].tolist() == pytest.approx(expected, rel=1e-3)
    face, box, points = networks.onet(ramp(48))
    assert face.tolist() == pytest.approx([0.000141527], rel=1e-3)
    expected = [-0.0393639, -0.0749767, -0.0149431, 0.1166887]
    assert box[0].tolist() == pytest.approx(expected, rel=1e-3)
    x = [0.3630211, 0.6926099, 0.5165591, 0.3464047, 0.5852432]
    y = [0.2607576, 0.2935162, 0.5045620, 0.7357939, 0.7702506]
    assert points[0, :, 0].tolist() == pytest.approx(x, rel=1e-3)
    assert points[0, :, 1].tolist() == pytest.approx(y, rel=1e-3)


def test_both_engines_say_the_same_of_any_number_of_any_size() -> None:
    random = np.random.default_rng(0)
    onnx, other = onnx_networks(), torch_networks("cpu")
    for shape in ((1, 3, 12, 12), (2, 3, 13, 57), (1, 3, 90, 31)):
        images = random.uniform(-1, 1, shape).astype(np.float32)
        for mine, theirs in zip(onnx.pnet(images), other.pnet(images), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-5)
    for n in (0, 1, 7):
        images = random.uniform(-1, 1, (n, 3, 48, 48)).astype(np.float32)
        for mine, theirs in zip(onnx.onet(images), other.onet(images), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_damaged_and_missing_weights_are_told(tmp_path: Path) -> None:
    data = bytearray(FILE.read_bytes())
    data[-5] ^= 1
    (tmp_path / "flipped").write_bytes(data)
    with pytest.raises(ModelError, match=r"flipped are damaged: sha256 .* instead of"):
        load_weights(RNet(), "rnet", tmp_path / "flipped")
    with pytest.raises(ModelError, match=r"gone cannot be read: No such file"):
        load_weights(PNet(), "pnet", tmp_path / "gone")


def boxes(*rows: tuple[float, float, float, float]) -> NDArray[np.float32]:
    return np.array(rows, np.float32)


def scores(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def test_shifted_and_squared() -> None:
    one = boxes((10, 20, 30, 60))
    assert shifted(one, boxes((0.1, -0.1, 0, 0.5))).tolist() == [[12, 16, 30, 80]]
    assert squared(one).tolist() == [[0, 20, 40, 60]]


def test_nms_counts_exactly_one_half_as_allowed() -> None:
    """Windows of 12 four pixels apart share 8 x 12 of 16 x 12; two apart, 10 of 14."""
    rows = boxes((0, 0, 12, 12), (4, 0, 16, 12), (2, 0, 14, 12))
    for far in (0, 3_001):
        assert nms(rows + far, scores(0.9, 0.8, 0.7), 0.5).tolist() == [0, 1]
    assert nms(rows[:0], scores(), 0.5).tolist() == []


def test_nms_of_smaller_drops_a_box_inside_another() -> None:
    rows = boxes((0, 0, 100, 100), (40, 40, 60, 60), (90, 90, 110, 110))
    assert nms(rows, scores(0.8, 0.9, 0.7), 0.7).tolist() == [1, 0, 2]
    assert nms_of_smaller(rows, scores(0.8, 0.9, 0.7), 0.7).tolist() == [1, 2]
    assert nms_of_smaller(rows[:0], scores(), 0.7).tolist() == []


def crop(
    pyramid: Pyramid, centre: tuple[float, float], side: float, along: tuple[float, float], to: int
) -> NDArray[np.float32]:
    told = (np.array([value], np.float32) for value in (centre, side, along))
    return pyramid.crops(*told, to)[0]


def test_crops_are_cut_to_the_fraction_of_a_pixel() -> None:
    """Of a slope along x: the mean of each pixel's stretch; grey outside."""
    columns = np.arange(200, dtype=np.uint8)
    pyramid = Pyramid(np.broadcast_to(columns[None, :, None], (160, 200, 3)))
    for x, side in ((10.25, 24.0), (20.5, 60.0), (31.0, 120.0)):
        cut = crop(pyramid, (x + side / 2, 20 + side / 2), side, (1, 0), 24)
        step = side / 24
        expected = (x + step * (np.arange(24) + 0.5) - 0.5 - 127.5) / 128
        assert np.abs(cut[0, 12] - expected).max() < 0.25 * step / 128
    assert (crop(pyramid, (-12, 12), 24, (1, 0), 24)[:, :, :23] == 0).all()
    assert (crop(pyramid, (198, 48), 96, (1, 0), 24)[:, :, 14:] == 0).all()
    assert (crop(pyramid, (900, 900), 96, (1, 0), 24) == 0).all()


def test_turned_crops() -> None:
    """Turned by a quarter, the crop is the plain one turned; by an eighth, a slope stays one."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    pyramid = Pyramid(pixels)
    plain = crop(pyramid, (32, 30), 48, (1, 0), 24)
    down = crop(pyramid, (32, 30), 48, (0, 1), 24)
    np.testing.assert_allclose(down, np.rot90(plain, axes=(1, 2)), atol=1e-5)
    columns = np.broadcast_to(np.arange(100, dtype=np.uint8)[None, :, None], (100, 100, 3))
    cut = crop(Pyramid(columns), (50, 50), 24, (0.5**0.5, 0.5**0.5), 24)
    at = (np.arange(24) - 11.5) * 0.5**0.5
    expected = (49.5 + at[None, :] - at[:, None] - 127.5) / 128
    np.testing.assert_allclose(cut[0], expected, atol=0.1 / 128)


def test_pictures_longer_than_opencv_can_warp() -> None:
    picture = np.full((30, 40_000, 3), 127, np.uint8)
    picture[:, 39_000:] = 255
    cut = crop(Pyramid(picture), (39_000, 15), 24, (1, 0), 24)
    assert cut[0, 12, 0] < 0 and cut[0, 12, -1] > 0.99


def test_upright() -> None:
    straight = np.array([[0, 0], [2, 0], [1, 1], [0, 2], [2, 2]], np.float32)
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]], np.float32)
    both = rightward(np.stack([straight, straight @ turn]))
    np.testing.assert_allclose(both, [[1, 0], [0.8, 0.6]], atol=1e-6)


def test_levels_say_their_exact_scale() -> None:
    pyramid = Pyramid(np.zeros((301, 203, 3), np.uint8))
    for scale in (0.6, 0.3, 0.11):
        level, (x, y) = pyramid.scaled(scale)
        assert x == pytest.approx(level.shape[1] / 203, rel=0.05)
        assert y == pytest.approx(level.shape[0] / 301, rel=0.05)
        assert (x, y) == pytest.approx((scale, scale), rel=0.03)


def test_scales_reach_faces_larger_than_the_picture() -> None:
    cascade = Cascade(onnx_networks())
    scales = cascade.scales((100, 300), 20)
    assert scales[0] == 12 / 20
    assert [b / a for a, b in pairwise(scales)] == pytest.approx([0.709] * (len(scales) - 1))
    assert 160 * 0.709 < 12 / scales[-1] <= 160
    assert cascade.scales((1, 500), 20) == []
