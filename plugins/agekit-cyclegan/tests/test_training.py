"""Agers trained through the real command line: what a run leaves, resume, frozen blocks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tests import warm

pytestmark = pytest.mark.slow

TINY = (
    *("synthfaces", "--protocol", "tiny", "--domains", "20-29,50-69", "--preset", "quick"),
    *("--set", "data.size=16", "--set", "data.load_size=18", "--set", "generator.width=4"),
    *("--set", "evolver.discriminator_width=4", "--set", "evolver.discriminator_layers=1"),
    *("--set", "train.batch_size=8", "--set", "train.amp=fp32", "--epochs", "3"),
    *("--set", "data.sample.test=0.1"),
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def environment(cache: Path) -> dict[str, str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("AGEKIT_")}
    quick = {"OMP_NUM_THREADS": "1", "AGEKIT_ONNX": "0"}
    return {**own, **quick, "AGEKIT_CACHE": str(cache), "COLUMNS": "200"}


@pytest.fixture
def agekit(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return warm.run(*arguments, env=environment)

    return run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole") / "run"


def test_a_run_leaves_both_directions_and_its_figures(agekit, whole: Path) -> None:
    done = agekit("train", "cyclegan", *TINY, "--out", whole, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert set(answer["metrics"]["test"]) == {"cycle_young", "cycle_old"}
    records = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2, 3]
    assert records[0]["lr"] == pytest.approx(0.0003)
    assert records[1]["lr"] == pytest.approx(0.0003 * 2 / 3)
    assert records[2]["lr"] == pytest.approx(0.0003 / 3)
    wanted = {"cycle_a", "cycle_b", "gan_a2b", "gan_b2a", "identity_a", "identity_b", "disc_a"}
    assert wanted < set(records[0]["losses"])
    for name in ("losses", "faces-old", "faces-young"):
        with Image.open(whole / "figures" / f"{name}.png") as figure:
            assert min(figure.size) > 200
    weights = load_file(whole / "model/model.safetensors")
    assert {key.split(".")[0] for key in weights} == {"old", "young"}
    config = json.loads((whole / "model/config.json").read_text())
    assert config["task"] == "ager"
    assert config["domains"] == {"young": "ages 20-29", "old": "ages 50-69"}
    counts, told = config["trained"]["faces"], (whole / "log.txt").read_text()
    assert counts["young test"] == round((counts["young train"] + counts["young test"]) / 10)
    assert "drawn at random, 0.1 of them to test on, in place of the protocol's split" in told
    assert "drawn at random" in config["trained"]["data"]["split"]


def test_a_killed_run_ends_bit_identical(
    agekit, environment: dict[str, str], whole: Path, tmp_path: Path
) -> None:
    run = tmp_path / "killed"
    arguments = ["train", "cyclegan", *TINY, "--out", str(run)]
    for epochs, command in ((1, arguments), (2, ["train", "--resume", str(run)])):
        process = warm.start(*command, env=environment, start_new_session=True)
        metrics = run / "metrics.jsonl"
        end = time.monotonic() + 200
        while time.monotonic() < end and process.poll() is None:
            if metrics.exists() and len(metrics.read_text().splitlines()) >= epochs:
                break
            time.sleep(0.005)
        assert process.poll() is None, "it ended before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    done = agekit("train", "--resume", run)
    assert done.returncode == 0, done.stderr
    mine = load_file(run / "model/model.safetensors")
    theirs = load_file(whole / "model/model.safetensors")
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[key], theirs[key]) for key in theirs)


def test_frozen_blocks_stay_and_get_no_optimiser_state(agekit, whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "tuned"
    frozen = ("--set", "evolver.freeze_blocks=4", "--init", whole, "--epochs", 1)
    done = agekit("train", "cyclegan", *TINY, *frozen, "--out", run)
    assert done.returncode == 0, done.stderr
    before = load_file(whole / "model/model.safetensors")
    after = load_file(run / "model/model.safetensors")
    kept = [k for k in before if int(k.split(".")[2]) <= 13]
    moved = [k for k in before if k not in kept and k.endswith("weight")]
    assert len(kept) == 2 * (6 + 4 * 4)
    assert all(torch.equal(before[key], after[key]) for key in kept)
    assert moved
    assert not any(torch.equal(before[key], after[key]) for key in moved)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--domains", "20-29,98-99"), "the old domain (ages 98-99) has 0 faces"),
        (("--set", "data.sample.per_domain=5000"), "too few to draw 5,000 and test on 0.1"),
        (("--where", "gender=x"), "no gender 'x'"),
        (("--set", "evolver.type=single"), "evolver"),
        (("--set", "generator.type=resnet18"), "no generator named 'resnet18'"),
        (("--set", "evolver.lambda_identity=-1"), "lambda_identity: must not be negative"),
        (("--init", "/nowhere"), "/nowhere"),
        (("--set", "data.size=30"), "data.size: Input should be a multiple of 4"),
    ],
)
def test_mistakes_are_told(agekit, tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    done = agekit("train", "cyclegan", *TINY, *options, "--out", tmp_path / "run")
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run/run.json").exists()


def test_a_dataset_without_domains_asks_for_them(agekit, tmp_path: Path) -> None:
    done = agekit("train", "cyclegan", "synthfaces", "--preset", "quick", "--out", tmp_path / "run")
    assert done.returncode == 1
    assert "--domains 20-29,50-69" in done.stderr


def test_a_finished_run_goes_on_by_the_schedule_of_the_longer_one(
    agekit, whole: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    done = agekit("train", "--resume", run, "--epochs", 4)
    assert done.returncode == 0, done.stderr
    assert "from 3 to 4 epochs" in done.stdout
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert (last["epoch"], last["lr"]) == (4, pytest.approx(0.0003 / 3))
