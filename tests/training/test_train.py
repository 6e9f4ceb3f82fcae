"""A run from beginning to end: what it leaves, what it prints, what can be done with it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from agekit_synthfaces import write_face
from PIL import Image

from tests.training.conftest import TINY, Train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves its run for the others."""
    return tmp_path_factory.mktemp("run") / "cen"


def test_train_leaves_a_whole_run(agekit: Train, run: Path) -> None:
    options = ("--epochs", 2, "--generations", 2, "--out", run, "--json")
    done = agekit("train", "cen-resnet10-tiny", *TINY, *options)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert set(answer) == {"run", "model", "generations", "metrics"}
    assert [g["generation"] for g in answer["generations"]] == [1, 2]
    assert answer["metrics"]["test"]["mae"] > 0
    assert "generation 2" in done.stderr
    for name in ("recipe.yaml", "run.json", "log.txt", "metrics.jsonl", "model/model.safetensors"):
        assert (run / name).is_file(), name
    for name in ("curves", "distributions", "estimated-vs-true"):
        with Image.open(run / "figures" / f"{name}.png") as figure:
            assert min(figure.size) > 200
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [(r["generation"], r["epoch"]) for r in records] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert set(records[0]["losses"]) == {"loss", "cross-entropy", "l1"}
    assert set(records[2]["losses"]) == {"loss", "evolved-ldl", "slack-l1"}
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    assert recipe["train"]["epochs"] == 2
    assert recipe["backbone"] == {"type": "resnet10-tiny"}
    info = json.loads((run / "run.json").read_text())
    assert info["protocol"] == "synthfaces:tiny"
    assert len(info["split_hash"]) == 16
    assert not list(run.rglob("*.pth")), "a finished generation needs no checkpoint"
    assert not [p for p in run.iterdir() if p.name.startswith("2")], "no folder of mmengine's"


def test_evaluate_repeats_the_metrics_of_training_and_tells_each_face(
    agekit: Train, run: Path, tmp_path: Path
) -> None:
    files = {name: tmp_path / name for name in ("faces.csv", "plot.png", "worst.png")}
    options = [
        word
        for name, path in zip(("csv", "plot", "worst"), files.values(), strict=True)
        for word in (f"--{name}", path)
    ]
    data = ("synthfaces", "--protocol", "tiny")
    words = (*data, "--json", "--abstain", "0.25", "--challenge", "25")
    done = agekit("evaluate", run, *words, *options)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    rows = list(csv.DictReader(files["faces.csv"].read_text().splitlines()))
    assert len(rows) == answer["n"] and rows[0]["split"] == "test"
    off = [abs(float(row["estimate"]) - float(row["age"])) for row in rows]
    assert sum(off) / len(off) == pytest.approx(answer["metrics"]["mae"], abs=0.01)
    assert answer["answered"]["n"] == round(0.75 * answer["n"])
    [check] = answer["challenge"]
    minors = [row for row in rows if 14 <= float(row["age"]) < 18]
    assert check["false_positive"]["n"] == len(minors)
    assert answer["remarks"] == [
        f"{len(minors)} faces of 14 to 17 years: shares of so few say little, see their intervals"
    ]
    assert answer["most_certain"][-1]["mae"] == pytest.approx(answer["metrics"]["mae"])
    for name in ("plot.png", "worst.png"):
        with Image.open(files[name]) as figure:
            assert figure.convert("L").getextrema()[0] < 100, "nothing is drawn"
    trained = json.loads((run / "model/metrics.json").read_text())["test"]
    assert answer["metrics"]["mae"] == pytest.approx(trained["mae"], abs=1e-4)
    assert {"mae", "bias", "ca3", "ca5", "ca7", "cs5", "coverage"} <= set(answer["metrics"])
    everything = agekit("evaluate", run, *data, "--split", "all", "--amp", "bf16")
    assert "480 faces" in everything.stdout
    assert "note: computed in bfloat16" in everything.stderr


def test_a_run_is_not_overwritten(agekit: Train, run: Path) -> None:
    done = agekit("train", "cen-resnet10-tiny", *TINY, "--out", run)
    assert done.returncode == 1
    assert "there is a run" in done.stderr
    assert "--resume" in done.stderr


def test_a_finished_run_resumes_to_the_same(agekit: Train, run: Path) -> None:
    before = (run / "model/model.safetensors").read_bytes()
    info = json.loads((run / "run.json").read_text())
    assert "random crops" not in (run / "log.txt").read_text()
    del info["crops"]  # as those have it that were begun when crops were cut to the image
    (run / "run.json").write_text(json.dumps(info))
    (run / "hashes.json").unlink()  # nor have they that
    done = agekit("train", "--resume", run)
    assert done.returncode == 0, done.stderr
    assert (run / "model/model.safetensors").read_bytes() == before
    told = (run / "log.txt").read_text()
    assert "begun when random crops were cut" in told
    assert "faces are in no split of synthfaces:tiny" in told


def test_init_starts_from_the_weights(agekit: Train, run: Path, tmp_path: Path) -> None:
    """With the heads made anew where the ages differ, and a lower error from the first epoch."""
    scratch = json.loads((run / "metrics.jsonl").read_text().splitlines()[0])
    options = ("--epochs", 1, "--init", run, "--set", "train.optimizer.lr=0.0001")
    done = agekit("train", "ldl-reg-resnet10-tiny", *TINY, *options, "--out", tmp_path / "b")
    assert done.returncode == 0, done.stderr
    warm = json.loads((tmp_path / "b/metrics.jsonl").read_text().splitlines()[0])
    assert warm["losses"]["loss"] < scratch["losses"]["loss"]
    assert json.loads((tmp_path / "b/run.json").read_text())["init"] == str(run)
    other = agekit("train", "reg-resnet18-tiny", *TINY, "--epochs", 1, "--init", run)
    assert other.returncode == 1
    assert "resnet10-tiny" in other.stderr


@pytest.mark.parametrize("recipe", ["reg", "ldl-reg"])
def test_one_head_and_two_train_and_predict(agekit: Train, recipe: str, tmp_path: Path) -> None:
    options = (*TINY, "--epochs", 1, "--out", tmp_path / "r")
    done = agekit("train", f"{recipe}-resnet10-tiny", *options, AGEKIT_ONNX="1")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "r/model/model.onnx").is_file()
    face = write_face(tmp_path / "face.png", 40, size=160)
    predicted = agekit("predict", face, "--model", tmp_path / "r", "--json", "--distribution")
    (answer,) = json.loads(predicted.stdout)
    (found,) = answer["faces"]
    assert found["box"] is not None
    assert found["interval"][0] <= found["age"] <= found["interval"][1]
    assert (found["distribution"] is None) == (recipe == "reg")


def test_options_of_training(agekit: Train, tmp_path: Path) -> None:
    """EMA, clipping, a schedule, online outputs, inherited weights, a timm backbone, a copy."""
    recipe = tmp_path / "mine.yaml"
    assert agekit("recipe", "copy", "cen-timm/resnet10t", recipe).returncode == 0
    settings = (
        *("--set", "train.ema=0.9", "--set", "train.clip_norm=1"),
        *("--set", "train.schedule={type: step, every: 1}", "--set", "estimate.rule=median"),
        *("--set", "evolver.outputs=online", "--set", "evolver.start=ancestor"),
    )
    options = ("--epochs", 2, "--generations", 2, "--out", tmp_path / "run")
    done = agekit("train", recipe, *TINY, *settings, *options)
    assert done.returncode == 0, done.stderr
    rates = [
        json.loads(line)["lr"] for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    ]
    assert rates[0] > rates[1]
    assert not (tmp_path / "run/generation-1/outputs.safetensors").exists()


def test_a_non_finite_loss_stops_and_keeps_the_last_checkpoint(
    agekit: Train, tmp_path: Path
) -> None:
    bad = ("--set", "train.optimizer={type: SGD, lr: 1.0e+30}", "--set", "train.schedule.type=step")
    bad += ("--set", "train.schedule.every=1", "--epochs", "3")
    done = agekit("train", "reg-resnet10-tiny", *TINY, *bad, "--out", tmp_path / "r")
    assert done.returncode == 1
    assert "not finite in generation 1, epoch" in done.stderr
    assert "hint: lower train.optimizer.lr" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_told_and_leaves_nothing_half_written(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """The operating system itself refuses files above 2 MB, as a full disk refuses them."""
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000)); "
        "from agekit.cli import main; main(sys.argv[1:])"
    )
    run = tmp_path / "run"
    arguments = ["train", "reg-resnet10-tiny", *TINY, "--epochs", "1", "--out", str(run)]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    assert "checkpoint.pth" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((run / "generation-1").glob("*"))
