"""A small untrained model in a folder, and a Hub to push to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from agekit_testkit.hub import LoopbackHub
from agekit_testkit.models import write_untrained


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A Hub that this process's client speaks to, with caches of its own."""
    with LoopbackHub() as hub:
        for name, value in (hub.env | {"AGEKIT_CACHE": str(tmp_path / "cache")}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("agekit.zoo.hub.client._WAITS", (0.0, 0.0))
        yield hub


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Writes an untrained model and gives its folder."""

    def make(recipe: str = "ldl-reg-resnet10-tiny", name: str = "model") -> Path:
        return write_untrained(tmp_path / name, recipe)

    return make
