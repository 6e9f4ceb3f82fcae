from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agekit_synthfaces.dataset import SynthFaces
from numpy.typing import NDArray
from PIL import Image

from agekit.data.files import Files
from agekit.faces.align import beyond, frame, known_points, zoom
from agekit.faces.framing import Reframed

WIDE, TIGHT = frame(0.5), frame(-0.1)


def write_dots(path: Path, width: int, height: int) -> Path:
    """White dots on black where the points of a wide frame lie in the middle square."""
    side = min(width, height)
    at = WIDE * side + np.array([width - side, height - side]) / 2
    y, x = np.mgrid[:height, :width] + 0.5
    near = [np.hypot(x - px, y - py) < side / 60 for px, py in at]
    Image.fromarray(np.repeat(np.any(near, 0)[..., None] * np.uint8(255), 3, 2)).save(path)
    return path


def dots(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The centres of the dots of the eyes, as shares of the side."""
    bright = pixels[..., 0] > 128
    upper = bright[: int(len(bright) * TIGHT[:2, 1].mean() + len(bright) * 0.08)]
    left, right = upper[:, : len(bright) // 2], upper[:, len(bright) // 2 :]
    centres = [np.argwhere(part).mean(0)[::-1] + 0.5 for part in (left, right)]
    return np.array([centres[0], centres[1] + [len(bright) // 2, 0]]) / len(bright)


@pytest.mark.parametrize(("width", "height"), [(300, 300), (420, 300), (300, 500)])
def test_points_come_to_lie_where_they_are_wanted(tmp_path: Path, width: int, height: int) -> None:
    path = write_dots(tmp_path / "a.png", width, height)
    images = Reframed(Files(tmp_path, [path.name]), WIDE, TIGHT)
    np.testing.assert_allclose(dots(images.decode(0, 128)), TIGHT[:2], atol=0.01)
    assert images.name(0) == "a.png"


def test_pixels_beside_the_middle_square_are_used(tmp_path: Path) -> None:
    picture = np.full((100, 300, 3), 200, np.uint8)
    picture[:, 100:200] = 60
    Image.fromarray(picture).save(tmp_path / "a.png")
    seen = Reframed(Files(tmp_path, ["a.png"]), TIGHT, WIDE).decode(0, 60)
    assert (seen[30, [2, -3]] > 180).all(), "not mirrored: there are pixels"
    assert (seen[[2, -3], 30] == 60).all()


def test_keys_are_of_image_and_map() -> None:
    source = SynthFaces().read().images.take(np.arange(4))
    keys = [Reframed(source, *way).digests() for way in ((WIDE, TIGHT), (TIGHT, WIDE))]
    assert len({key.tobytes() for one in (source.digests(), *keys) for key in one}) == 12
    taken = Reframed(source, WIDE, TIGHT).take(np.array([2, 0]))
    np.testing.assert_array_equal(taken.digests(), keys[0][[2, 0]])


def test_drawings_are_reframed_too() -> None:
    source = SynthFaces().read().images.take(np.arange(1))
    known = known_points(SynthFaces.alignment)
    assert known is not None
    seen = Reframed(source, known, known).decode(0, 128)
    assert np.abs(seen.astype(int) - source.decode(0, 128)).mean() < 1
    closer = Reframed(source, known, TIGHT).decode(0, 64)
    assert closer.shape == (64, 64, 3)


def test_zoom_and_what_lies_beyond() -> None:
    assert zoom(WIDE, TIGHT) == pytest.approx(2 / 0.8)
    assert beyond(WIDE, TIGHT) == 0
    assert beyond(TIGHT, WIDE) == pytest.approx(1 - 0.4**2, abs=0.02)
