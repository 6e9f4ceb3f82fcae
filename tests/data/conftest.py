"""A cache of each test's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "agekit-cache"
    monkeypatch.setenv("AGEKIT_CACHE", str(home))
    monkeypatch.delenv("AGEKIT_DATA", raising=False)
    return home
