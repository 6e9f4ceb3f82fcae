from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from agekit.registry import RECIPES

HERE = Path(__file__).parent
ALL = ("speed", "estimator", "ager", "judged", "exported", "cell")
BUDGET = {"estimator": 300, "ager": 2100}
"""Operations that a training step may hand to the GPU: each costs the host some microseconds."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pretence(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which torch believes in a GPU."""
    if sys.platform != "linux" or not shutil.which("gcc") or torch.version.cuda is None:
        pytest.skip("a GPU is rehearsed on Linux, with gcc and a CUDA build of torch")
    folder = tmp_path_factory.mktemp("cuda")
    for source, target in (("cudart.c", "cudart.so"), ("cuda.c", "libcuda.so.1")):
        command = ["gcc", "-shared", "-fPIC", "-w", "-o", folder / target, HERE / source]
        subprocess.run(command, check=True)
    return {
        **os.environ,
        "FAKE_GPUS": "1",
        "LD_PRELOAD": str(folder / "cudart.so"),
        "LD_LIBRARY_PATH": str(folder),
        "AGEKIT_CACHE": str(folder / "cache"),
        "CUDA_MODULE_LOADING": "LAZY",
    }


def run(environment: dict[str, str], folder: Path, *cases: str, **told: str) -> dict[str, Any]:
    """The reports of cases that ran in a process of their own."""
    done = subprocess.run(
        [sys.executable, HERE / "run.py", folder, *cases],
        env=environment | told,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    reports: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return reports


def sound(report: dict[str, Any]) -> None:
    """No operation on two devices, and no training step that waits for the host."""
    assert report["mismatches"] == {}
    assert [told for told in (*report["waits"], *report["copies"]) if "in a step" in told] == []


def right(reports: dict[str, Any]) -> None:
    """The answers of `ALL`."""
    answer = reports["estimator"]["answer"]
    assert answer["mae"][0] == pytest.approx(answer["mae"][1], abs=0.01)
    assert answer["faces"] == 1
    assert reports["ager"]["answer"] == 1
    assert set(reports["speed"]["answer"]) == {None}
    on_gpu, on_cpu = reports["judged"]["answer"]
    assert on_gpu == pytest.approx(on_cpu, abs=0.01)
    code, said = reports["exported"]["answer"]
    assert code == 1 and "this ONNX Runtime cannot compute on cuda:0" in said
    cell, _ = reports["cell"]["answer"]
    assert cell["state"] == "done"


def test_everything_on_one_gpu(pretence: dict[str, str], tmp_path: Path) -> None:
    reports = run(pretence, tmp_path, *ALL)
    for name, most in BUDGET.items():
        sound(reports[name])
        assert 0 < reports[name]["operations_a_step"] <= most
    right(reports)
    _, cell = reports["cell"]["answer"]
    sound(cell)
    assert cell["steps"] == 6 and cell["operations_a_step"] <= BUDGET["estimator"]


def test_faces_that_do_not_fit_the_gpu_stream(pretence: dict[str, str], tmp_path: Path) -> None:
    report = run(pretence, tmp_path, "begun", FAKE_FREE="1000")["begun"]
    sound(report)
    assert report["steps"] == 6


def test_a_run_of_eight_gpus_goes_on_with_one(pretence: dict[str, str], tmp_path: Path) -> None:
    eight = run(pretence, tmp_path, "begun", FAKE_GPUS="8")["begun"]
    sound(eight)
    one = run(pretence, tmp_path, "gone_on")["gone_on"]
    assert one["steps"] == 6
    sound(one)


def weights_are_fetched(name: str) -> bool:
    chain = [data for _, data in RECIPES.chain(name)]
    return any((data.get("backbone") or {}).get("pretrained") for data in chain)


LARGE = ["ranking-cnn"]
"""A network for every threshold: memory that the pretence would not give back to the others."""
OTHERS = [name for name in RECIPES.names() if not weights_are_fetched(name) and name not in LARGE]
RECIPE_NAMES = [*(OTHERS[k::4] for k in range(4)), LARGE]


@pytest.mark.heavy
@pytest.mark.parametrize("names", RECIPE_NAMES, ids=range(5))
def test_every_recipe_trains(pretence: dict[str, str], tmp_path: Path, names: list[str]) -> None:
    """All whose weights need not be fetched; a few at once, since torch takes long to import."""
    reports = run(pretence, tmp_path, *names)
    assert {name: report["error"] for name, report in reports.items() if report["error"]} == {}
    for report in reports.values():
        sound(report)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_same_on_a_real_gpu(tmp_path: Path) -> None:
    reports = run(dict(os.environ), tmp_path, *ALL)
    right(reports)
