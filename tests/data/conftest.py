"""Small real images, and a cache of each test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WriteImage = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "agekit-cache"
    monkeypatch.setenv("AGEKIT_CACHE", str(home))
    monkeypatch.delenv("AGEKIT_DATA", raising=False)
    return home


@pytest.fixture
def write_image() -> WriteImage:
    def write(path: Path, seed: int = 0, size: tuple[int, int] = (40, 40)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR).save(path)
        return path

    return write
