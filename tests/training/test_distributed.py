"""Two processes reach what one reaches, at the same global batch and from the same start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.conftest import TINY, Train

pytestmark = pytest.mark.slow

PLAIN = (
    *("--set", "train.optimizer.type=SGD", "--set", "train.optimizer.lr=0.001"),
    *("--set", "train.accumulate=2"),
)
"""SGD: AdamW divides by gradients near zero, and turns rounding into noise."""
OPTIONS = (*TINY, *PLAIN, "--epochs", "2", "--generations", "2", "--init", "cen-resnet10-tiny")


def losses(run: Path) -> list[float]:
    return [
        json.loads(line)["losses"]["loss"]
        for line in (run / "metrics.jsonl").read_text().splitlines()
    ]


def test_two_processes_reach_the_loss_of_one(
    agekit: Train, environment: dict[str, str], tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    alone = agekit("train", "cen-resnet10-tiny", *OPTIONS, "--out", one)
    assert alone.returncode == 0, alone.stderr
    launch = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "agekit"]
    both = subprocess.run(
        [sys.executable, "-m", *launch, "train", "cen-resnet10-tiny", *OPTIONS, "--out", str(two)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert both.returncode == 0, both.stderr
    # absolute errors have kinks: rounding may put a face on the other side of one, and its gradient
    # jumps. Statistics of half a batch, in place of the whole, would be off by a tenth.
    assert losses(two)[0] == pytest.approx(losses(one)[0], rel=1e-4)
    assert losses(two) == pytest.approx(losses(one), rel=5e-3)
    final = [
        json.loads((run / "model/metrics.json").read_text())["test"]["mae"] for run in (one, two)
    ]
    assert final[1] == pytest.approx(final[0], rel=1e-2)
    assert json.loads((two / "run.json").read_text())["processes"] == 2
