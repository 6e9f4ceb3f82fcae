"""A few of the damages of `tests.damage`, which tries them by the hundred."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.damage import damage_models, damage_runs


@pytest.mark.slow
def test_damaged_runs_are_told_or_end_alike(tmp_path: Path, cache: Path, monkeypatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(cache))
    tally = damage_runs(tmp_path, 12, seed=1)
    assert tally.bad == []
    assert tally.counts["an error for people"] > 6


@pytest.mark.slow
@pytest.mark.parametrize("file", ["metrics.json", "config.json"])
def test_damaged_models_are_told(tmp_path: Path, cache: Path, monkeypatch, file: str) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(cache))
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (64, 64), "gray").save(tmp_path / "photos" / "a.png")
    assert damage_models(tmp_path, 6, file, seed=1).bad == []
