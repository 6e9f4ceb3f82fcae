"""Small suites, run through the real command line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from tests import warm

HEAD = """
name: small
description: for a test
preset: quick
seeds: [0]
backbones: [resnet10-tiny]
protocols: [{dataset: synthfaces, protocol: tiny}]
"""
SET = "{data.size: 32, train.batch_size: 32, train.amp: fp32}"
Start = Callable[..., warm.Process | Popen[str]]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of decoded faces for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def write_suite(tmp_path: Path) -> Callable[[str], Path]:
    """Writes ``small.yaml`` with these rows under the head that all have; gives its path."""

    def write(rows: str, head: str = HEAD) -> Path:
        path = tmp_path / "small.yaml"
        path.write_text(f"{head}rows:\n{rows}".replace("SET", SET), encoding="utf-8")
        return path

    return write


@pytest.fixture
def start_bench(cache: Path, tmp_path: Path) -> Start:
    """Starts ``agekit bench ...`` in a process of its own."""

    def start(*arguments: object, **more: str) -> warm.Process | Popen[str]:
        left_out = ("AGEKIT_", "PYTHONDONTWRITEBYTECODE")
        own = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
        own |= {"AGEKIT_CACHE": str(cache), "OMP_NUM_THREADS": "1", "COLUMNS": "200", **more}
        return warm.start("bench", *arguments, env=own, cwd=tmp_path)

    return start


@pytest.fixture
def run_bench(start_bench: Start) -> Callable[..., tuple[int, Any, str]]:
    """Runs ``agekit bench ... --json``; gives exit code, answer and stderr."""

    def run(*arguments: object, **more: str) -> tuple[int, Any, str]:
        process = start_bench(*arguments, "--json", **more)
        out, err = process.communicate(timeout=1800)
        return process.returncode, json.loads(out) if out.strip() else None, err

    return run
