"""A small untrained model in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from agekit_testkit.models import write_untrained


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Writes the untrained model of a recipe and gives its folder."""

    def make(recipe="ldl-reg-resnet10-tiny", name="model", ages=(10, 40), overrides=()) -> Path:
        return write_untrained(tmp_path / name, recipe, ages, overrides)

    return make
