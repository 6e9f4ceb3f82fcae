from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SUITE = """
name: huge
description: for a test
preset: quick
seeds: [0]
protocols: [{dataset: synthfaces, protocol: tiny}]
rows:
  - {label: long, recipe: reg-resnet10-tiny, set: {train.epochs: 1000000000}}
  - {label: longest, recipe: reg-resnet10-tiny, set: {train.epochs: 1000000000000000}}
"""


@pytest.mark.slow
def test_times_beyond_all_sense_are_told_in_years(run_agekit: Callable, tmp_path: Path) -> None:
    (tmp_path / "huge.yaml").write_text(SUITE)
    done = run_agekit("bench", "list", "huge.yaml", COLUMNS="200", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 0, done.stderr
    long, longest, total = done.stdout.splitlines()[2:]
    assert long.split()[-1] == "years" and longest.endswith("over a million years")
    assert total.endswith("over a million years.")


def test_epochs_beyond_all_sense_are_refused(run_agekit: Callable) -> None:
    done = run_agekit("bench", "list", "methods", "--epochs", "9" * 320)
    assert done.returncode == 2 and "is not in the range 1<=x<=1000000" in done.stderr


def test_a_home_folder_that_is_not_known_is_told(run_agekit: Callable) -> None:
    done = run_agekit("bench", "list", AGEKIT_SUITES="~nobody-of-that-name/x")
    assert done.returncode == 1
    assert "~nobody-of-that-name/x: the home folder" in done.stderr
