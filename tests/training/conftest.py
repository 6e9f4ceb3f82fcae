"""Small real trainings through the real command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

TINY = (
    *("synthfaces", "--protocol", "tiny", "--preset", "quick"),
    *("--set", "data.size=32", "--set", "train.batch_size=32", "--set", "train.amp=fp32"),
)
Train = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of decoded faces for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def environment(cache: Path) -> dict[str, str]:
    """What the processes under test run in."""
    left_out = ("AGEKIT_", "PYTHONDONTWRITEBYTECODE")
    own = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    return {**own, "AGEKIT_CACHE": str(cache), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


@pytest.fixture
def agekit(environment: dict[str, str], tmp_path: Path) -> Train:
    """Runs ``agekit ...`` in an empty folder, in a process of its own."""

    def run(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "agekit", *map(str, arguments)],
            env={**environment, **more},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run
