"""Every recipe trained through the command line beats guessing one age for all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agekit.data.split import load_faces

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def constant_guess() -> float:
    """The MAE on the test faces of always saying the median training age, years."""
    faces = load_faces("synthfaces", protocol="tiny")
    age = faces.table.age
    guess = np.median(age[faces.rows("train")])
    return float(np.abs(age[faces.rows("test")] - guess).mean())


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize(
    ("recipe", "size", "epochs", "overrides"),
    [
        ("or-resnet10-tiny", 32, 4, []),
        ("coral-resnet10-tiny", 32, 6, ["train.optimizer.lr=0.02"]),
        ("corn-resnet10-tiny", 32, 6, []),
        ("or-cnn", 60, 3, []),
        ("ranking-cnn", 35, 4, ["heads.ranking.width=0.0625"]),
    ],
)
def test_a_short_training_beats_the_constant_guess(
    recipe, size, epochs, overrides, constant_guess, cache, tmp_path
):
    settings = [f"data.size={size}", "train.batch_size=16", "train.amp=fp32", *overrides]
    command = [sys.executable, "-m", "agekit", "train", recipe, "synthfaces", "--json"]
    command += ["--protocol", "tiny", "--preset", "quick", "--epochs", str(epochs)]
    command += ["--device", "cpu", "--out", str(tmp_path / "run")]
    own = {k: v for k, v in os.environ.items() if not k.startswith("AGEKIT_")}
    done = subprocess.run(
        [*command, *(word for setting in settings for word in ("--set", setting))],
        env={**own, "AGEKIT_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["metrics"]["test"]["mae"] < constant_guess - 1
