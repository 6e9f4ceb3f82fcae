"""The Hub's client of the release before: `make setup` puts it into a folder beside the other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENT = Path(sys.prefix) / "hub-1"
TESTS = [
    "tests/cli/test_zoo_hub.py",
    "tests/zoo/test_hub_attacks.py",
    "tests/zoo/test_hub_pull.py",
    "tests/zoo/test_hub_trouble.py",
    "plugins/agekit-publish/tests/test_hub_push.py",
]
CHOSEN = (
    "clients_own or pulls_what or pull_request or tags or two_processes "
    "or another_host or again_and_again or errors_of_the_hub"
)


@pytest.mark.slow
@pytest.mark.skipif(not CLIENT.is_dir(), reason="client 1.x is not installed: make setup")
def test_pushing_pulling_and_reading_with_client_1():
    environment = os.environ | {"PYTHONPATH": str(CLIENT)}
    version = "import huggingface_hub; print(huggingface_hub.__version__)"
    asked = subprocess.run(
        [sys.executable, "-c", version], env=environment, capture_output=True, text=True, check=True
    )
    assert asked.stdout.startswith("1.")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:xdist",
            "-p",
            "no:cacheprovider",
            *TESTS,
            "-k",
            CHOSEN,
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "passed" in done.stdout
