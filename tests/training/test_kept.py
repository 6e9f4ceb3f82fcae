"""Which epoch and generation a run keeps, on which faces it calibrates, and that it says both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from agekit.data.split import load_faces
from agekit.errors import DataError, TrainingError
from agekit.tasks.estimator.faces import HOLDOUT, EstimatorFaces
from agekit.tasks.estimator.recipe import EstimatorDataConfig
from agekit.training.runner import WatchedMetric
from tests.training.conftest import Here

pytestmark = pytest.mark.slow

Small = tuple[object, ...]
CEN = ("train", "cen-resnet10-tiny")


def scripted(monkeypatch: pytest.MonkeyPatch, errors: list[float]) -> None:
    """Validation errors that come as they are written, epoch by epoch."""
    coming = iter(errors)
    monkeypatch.setattr(
        WatchedMetric, "compute_metrics", lambda self, results: {"mae": next(coming)}
    )


def test_the_best_epoch_is_kept_over_a_stop(
    here: Here, small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the same as in a run that ends there, with averaged weights too."""
    options = ("--set", "train.ema=0.5", "--set", "train.schedule.type=constant")
    two, run = tmp_path / "two", tmp_path / "run"
    reg = ("train", "reg-resnet10-tiny", *small, *options)
    scripted(monkeypatch, [9.0, 5.0])
    assert here(*reg, "--epochs", 2, "--out", two)[0] == 0
    scripted(monkeypatch, [9.0, 5.0, 7.0, float("nan")])
    best = ("--set", "train.keep=best", "--epochs", 4, "--out", run)
    code, _, err = here(*reg, *best)
    assert code == 1
    assert "the validation error is not finite in generation 1, epoch 4" in err
    folder = run / "generation-1"
    assert f"the last good checkpoint is kept: {folder / 'checkpoint.pth'}" in err
    assert torch.load(folder / "checkpoint.pth", weights_only=True)["epoch"] == 3
    assert [path.name for path in folder.glob("best-*")] == ["best-2.pth"]
    scripted(monkeypatch, [6.0])
    code, out, err = here("train", "--resume", run)
    assert code == 0, err
    assert "kept epoch 2 of 4, the best on val (MAE 5.00)" in out
    mine, theirs = (load_file(r / "model/model.safetensors") for r in (run, two))
    assert all(torch.equal(mine[key], theirs[key]) for key in theirs)
    kept = {"by": "best", "epoch": 2, "epochs": 4}
    assert json.loads((folder / "metrics.json").read_text())["kept"] == kept
    config = json.loads((run / "model/config.json").read_text())
    assert config["trained"]["kept"]["of"] == kept
    assert "those of the best on the validation split" in (run / "model/README.md").read_text()

    (folder / "best-2.pth").unlink()
    code, _, err = here("train", "--resume", run, "--epochs", 5)
    assert code == 1 and "best-2.pth" in err and "missing" in err


def test_the_last_epoch_is_kept_and_the_best_one_told(
    here: Here, small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [5.0, 9.0])
    reg = ("train", "reg-resnet10-tiny", *small, "--epochs", 2)
    code, out, _ = here(*reg, "--out", tmp_path / "run")
    assert code == 0
    assert "kept epoch 2 of 2, the last; the best on val was 1 (MAE 5.00)" in out
    assert not list((tmp_path / "run").rglob("best-*"))


def test_the_best_generation_is_the_model(here: Here, small: Small, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = ("--generations", 3, "--epochs", 1, "--set", "train.keep_generation=best")
    code, out, err = here(*CEN, *small, *options, "--out", run, "--json")
    assert code == 0, err
    answer = json.loads(out)
    errors = [g["metrics"]["val"]["mae"] for g in answer["generations"]]
    best = int(np.argmin(errors)) + 1
    assert f"the model is generation {best} of 3, the best on val (MAE {min(errors):.2f})" in err
    assert answer["metrics"]["val"]["mae"] == min(errors)
    mine = load_file(run / "model/model.safetensors")
    theirs = load_file(run / f"generation-{best}/model.safetensors")
    assert all(torch.equal(mine[key], theirs[key]) for key in theirs)
    config = json.loads((run / "model/config.json").read_text())
    own = json.loads((run / f"generation-{best}/metrics.json").read_text())["interval"]
    assert config["interval"] == own
    assert config["trained"]["kept"]["generation"] == best


@pytest.mark.parametrize("key", ["keep", "keep_generation"])
def test_the_best_needs_a_validation_split(
    here: Here, small: Small, tmp_path: Path, key: str
) -> None:
    lone = tmp_path / "split.csv"
    lone.write_text("path,split\n" + "".join(f"{i}.png,train\n" for i in range(24)))
    words = [lone if word == "column" else word for word in small]
    options = ("--set", f"train.{key}=best", "--out", tmp_path / "run")
    code, _, err = here("train", "reg-resnet10-tiny", *words, *options)
    assert code == 1 and "is chosen on the validation split, which" in err
    assert not (tmp_path / "run").exists()
    ager = ("train", "cyclegan", "synthfaces", "--set", f"train.{key}=best")
    code, _, err = here(*ager)
    assert code == 1 and f"train.{key}: an ager is watched on no validation split" in err


def test_intervals_of_training_faces_are_named_so(here: Here, small: Small, tmp_path: Path) -> None:
    lone = tmp_path / "split.csv"
    lone.write_text("path,split\n" + "".join(f"{i}.png,train\n" for i in range(24)))
    words = [lone if word == "column" else word for word in small]
    reg = ("train", "reg-resnet10-tiny", *words, "--epochs", 1)
    code, out, err = here(*reg, "--out", tmp_path / "train")
    assert code == 0, err
    assert "intervals are calibrated on training faces, and will hold fewer" in out
    card = (tmp_path / "train/model/README.md").read_text()
    assert "**The intervals were calibrated on faces it was trained on: they hold fewer" in card
    held = ("--set", "estimate.holdout=0.3", "--out", tmp_path / "held")
    code, out, err = here(*reg, *held)
    assert code == 0, err
    assert "calibrated on training faces" not in out and ", holdout " in out
    config = json.loads((tmp_path / "held/model/config.json").read_text())
    assert config["interval"]["calibrated_on"] == HOLDOUT
    assert config["trained"]["faces"]["train"] + config["trained"]["faces"][HOLDOUT] == 24
    assert "hold fewer" not in (tmp_path / "held/model/README.md").read_text()


def test_what_is_held_out_depends_on_the_content_alone(chips: Path, cache: Path) -> None:
    faces = load_faces("csv", chips, "column")
    cpu = torch.device("cpu")

    def held(faces: Any, share: float) -> set[bytes]:
        data = EstimatorFaces(faces, EstimatorDataConfig(size=32), cpu, holdout=share)
        assert data.ages == (24, 66), "as if nothing was held out"
        keys = faces.table.content_keys()
        assert not set(data.rows("train")) & set(data.rows(HOLDOUT))
        return {keys[row].tobytes() for row in data.rows(HOLDOUT)}

    a, b = held(faces, 0.3), held(faces, 0.5)
    assert a < b, "a larger share holds the smaller one"
    with pytest.raises(DataError, match="choose another"):
        held(faces, 1e-9)


def test_errors_that_are_no_numbers_stop_a_run_without_a_validation_split(
    here: Here, small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "agekit.tasks.estimator.trainer.conformal_correction", lambda *_: float("nan")
    )
    code, _, err = here(
        "train", "reg-resnet10-tiny", *small, "--epochs", 1, "--out", tmp_path / "r"
    )
    assert code == 1 and "the error (interval) is not finite after generation 1" in err
    assert (tmp_path / "r/generation-1/checkpoint.pth").exists()
    assert not (tmp_path / "r/generation-1/metrics.json").exists()
    assert not (tmp_path / "r/model").exists()
    assert TrainingError.__name__ not in err
