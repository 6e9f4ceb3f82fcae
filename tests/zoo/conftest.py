"""A small untrained model in a folder, and a Hub to pull from and push to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from agekit_testkit.hub import LoopbackHub
from agekit_testkit.models import write_untrained
from safetensors.numpy import save_file

from agekit.zoo.entry import FileRecord
from tests.zoo.pulling import CONFIG, REPO, WEIGHTS, records


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
    """Writes the untrained model of a recipe and gives its folder."""

    def make(recipe="ldl-reg-resnet10-tiny", name="model", ages=(10, 40), overrides=()) -> Path:
        return write_untrained(tmp_path / name, recipe, ages, overrides)

    return make


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of a model whose weights are noise."""
    folder = tmp_path / "model"
    folder.mkdir()
    weights = np.random.RandomState(0).rand(100, 300).astype(np.float32)
    save_file({"weight": weights}, folder / WEIGHTS)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "README.md").write_text("---\ntags: [face]\n---\n# small\n")
    return folder


@pytest.fixture
def commit(hub: LoopbackHub, model: Path) -> str:
    """The commit by which it lies on the Hub."""
    return hub.put(REPO, model)


@pytest.fixture
def files(model: Path) -> dict[str, FileRecord]:
    """What an index says of its files."""
    return records(model)
