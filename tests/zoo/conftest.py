"""A small untrained model in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import agekit
from agekit.data.derived import FaceCut
from agekit.recipe import resolve
from agekit.training.publish import model_config
from agekit.zoo.card import model_card
from agekit.zoo.folder import save_model

ROW = {"n": 9, "mae": 3.25, "bias": -0.5, "ca5": 0.5, "cs5": 0.625, "coverage": 0.9}
TEST = {
    **ROW,
    "by_age": [{"ages": "10-19", "n": 9, "mae": 3.25, "bias": -0.5}],
    "by_gender": {"female": {"n": 4, "mae": 2.5}},
}
METRICS = {"generations": [{"generation": 1, "metrics": {"test": TEST}}], "test": TEST}
INFO = {"name": "tiny", "recipe": "ldl-reg-resnet10-tiny", "seed": 3, "protocol": "none:all"}


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Writes the untrained model of a recipe and gives its folder."""

    def make(recipe="ldl-reg-resnet10-tiny", name="model", ages=(10, 40), overrides=()) -> Path:
        resolved = resolve(recipe, overrides=["data.size=32", *overrides])
        network = agekit.build(recipe, ages=ages, size=32)
        network.margin = 1.5
        interval = {"level": 0.9, "margin": network.margin, "calibrated_on": "val"}
        config = model_config(resolved.recipe, network, INFO, interval, FaceCut())
        folder = tmp_path / name
        save_model(folder, network.eval(), config, METRICS, model_card(config, METRICS))
        return folder

    return make
