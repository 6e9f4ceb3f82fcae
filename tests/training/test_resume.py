"""A run killed with SIGKILL, at any moment of any generation, ends as if it had not been."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests import warm
from tests.training.conftest import TINY, Train

pytestmark = pytest.mark.slow

EPOCHS, GENERATIONS = 3, 2
OPTIONS = ("--epochs", str(EPOCHS), "--generations", str(GENERATIONS), "--set", "train.ema=0.9")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the run that nobody kills."""
    return tmp_path_factory.mktemp("whole") / "run"


def lines(run: Path) -> int:
    """Finished epochs."""
    metrics = run / "metrics.jsonl"
    return len(metrics.read_text().splitlines()) if metrics.exists() else 0


def kill_when(arguments: list[str], environment: dict[str, str], ready: Callable[[], bool]) -> None:
    """Starts ``agekit`` and kills it, and all it started, as soon as `ready` says so."""
    process = warm.start(*arguments, env=environment, start_new_session=True)
    end = time.monotonic() + 120
    while not ready() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    assert process.poll() is None, "it ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def same_weights(run: Path, uninterrupted: Path) -> None:
    """Two runs of two generations have ended with the same weights."""
    for name in ("generation-1", "generation-2", "model"):
        mine = load_file(run / name / "model.safetensors")
        theirs = load_file(uninterrupted / name / "model.safetensors")
        assert mine.keys() == theirs.keys()
        for key, value in theirs.items():
            assert torch.equal(mine[key], value), f"{name}: {key}"


def test_killed_runs_end_bit_identical(
    agekit: Train, environment: dict[str, str], uninterrupted: Path, tmp_path: Path
) -> None:
    arguments = ["train", "cen-resnet10-tiny", *TINY, *OPTIONS]
    whole = agekit(*arguments, "--out", uninterrupted)
    assert whole.returncode == 0, whole.stderr

    run = tmp_path / "killed"
    kill_when([*arguments, "--out", str(run)], environment, lambda: lines(run) >= 1)
    resume = ["train", "--resume", str(run)]
    kill_when(resume, environment, lambda: (run / "generation-1/model.safetensors").exists())
    kill_when(resume, environment, lambda: lines(run) >= EPOCHS + 1)
    kill_when(resume, environment, lambda: lines(run) >= EPOCHS + 2)
    done = agekit(*resume)
    assert done.returncode == 0, done.stderr

    assert lines(run) == lines(uninterrupted) == EPOCHS * GENERATIONS
    same_weights(run, uninterrupted)
    hidden = {p.name for p in run.rglob(".*")}
    assert hidden == {".lock"}, "nothing half-written is left"


def test_changed_data_and_damaged_checkpoints_are_told(
    agekit: Train, environment: dict[str, str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    arguments = ["train", "reg-resnet10-tiny", *TINY, "--epochs", "50", "--out", str(run)]
    checkpoint = run / "generation-1/checkpoint.pth"
    kill_when(arguments, environment, checkpoint.exists)
    saved = torch.load(checkpoint, weights_only=True)  # loads without unpickling
    assert saved["epoch"] >= 1
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    done = agekit("train", "--resume", run)
    assert done.returncode == 1
    assert "checkpoint.pth cannot be read" in done.stderr
    info = run / "run.json"
    info.write_text(info.read_text().replace('"split_hash": "', '"split_hash": "0'))
    changed = agekit("train", "--resume", run)
    assert changed.returncode == 1
    assert "changed since this run began" in changed.stderr


def test_two_processes_do_not_train_into_one_folder(
    agekit: Train, environment: dict[str, str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    arguments = ["train", "reg-resnet10-tiny", *TINY, "--epochs", "500", "--out", str(run)]
    first = warm.start(*arguments, env=environment)
    try:
        end = time.monotonic() + 120
        while lines(run) < 1 and time.monotonic() < end:
            time.sleep(0.05)
        second = agekit("train", "--resume", run)
        assert second.returncode == 1
        assert "another process is training" in second.stderr
        first.send_signal(signal.SIGINT)
        assert first.wait(60) == 130
        assert (run / "generation-1/checkpoint.pth").exists()
    finally:
        first.kill()
        first.wait()


OPEN_PARTS = (
    "train.optimizer={type: Lion, lr: 0.0003, weight_decay: 0.1, layer_decay: 0.7}",
    "train.schedule={type: polynomial, power: 0.9, warmup_epochs: 0.5}",
    "train.accumulate=3",
    "train.ema=0.9",
    "data.augments=[{type: colour}, {type: erasing, p: 0.5}, {type: mixup, alpha: 0.4}]",
)
"""Eleven steps an epoch, so that its last update is of two batches."""


def test_parts_of_others_go_on_exactly_too(
    agekit: Train, environment: dict[str, str], tmp_path: Path
) -> None:
    """An optimizer of timm's, layers' own rates, updates of three batches, mixed faces."""
    options = [word for one in OPEN_PARTS for word in ("--set", one)]
    arguments = ["train", "cen-resnet10-tiny", *TINY, "--epochs", "2", "--generations", "2"]
    arguments += options
    whole = agekit(*arguments, "--out", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    assert "6 learning rates, 5.04e-05 for the first layer to 0.0003 for the heads" in whole.stdout
    assert "Warning" not in whole.stdout + whole.stderr
    run = tmp_path / "killed"
    kill_when([*arguments, "--out", str(run)], environment, lambda: lines(run) >= 3)
    done = agekit("train", "--resume", run)
    assert done.returncode == 0, done.stderr
    same_weights(run, tmp_path / "whole")
