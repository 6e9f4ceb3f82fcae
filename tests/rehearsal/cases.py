"""What is rehearsed: each case works through the command line, on the device it is given."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from agekit_synthfaces import draw, person
from agekit_testkit.checks.recipe import with_network
from PIL import Image

from agekit.cli import main
from agekit.recipe import resolve
from agekit.registry import TASKS
from agekit.task import Task

__all__ = ["CASES", "recipe"]

CHILD = Path(__file__).parent / "child"
Case = Callable[[Path, str], Any]
CASES: dict[str, Case] = {}
_OPEN_PARTS = (
    *("--generations", "1", "--set", "train.accumulate=2"),
    *("--set", "train.optimizer={type: Lion, lr: 0.0003, layer_decay: 0.8}"),
    "--set",
    "data.augments=[{type: colour, hue: 0.1}, {type: grey}, {type: blur, p: 1.0}, {type: jpeg}, "
    "{type: rotation, shift: 0.1}, {type: erasing}, {type: mixup}]",
)
_TINY = ("--set", "data.size=32", "--set", "train.batch_size=16")


def _case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


@_case
def estimator(folder: Path, device: str) -> Any:
    """Two generations, validated, saved, published; then a photo and the test faces."""
    root = _faces(folder)
    _train(folder, device, "--generations", "2")
    run = folder / "run"
    scored = _agekit("evaluate", run, "csv", "--root", root, "--device", device)
    on_cpu = _agekit("evaluate", run, "csv", "--root", root, "--device", "cpu")
    photo = folder / "photo.png"
    Image.fromarray(np.pad(draw(person(0, 3), 40, 160), ((40, 40), (40, 40), (0, 0)))).save(photo)
    looked = _agekit("predict", photo, "--model", run, "--detect", "--device", device)
    return {
        "mae": [scored["metrics"]["mae"], on_cpu["metrics"]["mae"]],
        "faces": len(looked[0]["faces"]),
    }


@_case
def begun(folder: Path, device: str) -> Any:
    """A run of two epochs with every augmentation, to be gone on with elsewhere."""
    _faces(folder)
    return _train(folder, device, *_OPEN_PARTS)["metrics"]["val"]["mae"]


@_case
def gone_on(folder: Path, device: str) -> Any:
    """The run that `begun` left, for two more epochs."""
    return _agekit("train", "--resume", folder / "run", "--epochs", "4", "--device", device)["run"]


@_case
def ager(folder: Path, device: str) -> Any:
    """Two epochs of a small CycleGAN, a photo aged by it, and its evaluation with a judge."""
    root = _faces(folder)
    run = folder / "ager"
    small = ("generator.width=8", "evolver.discriminator_width=8", "data.size=32", "train.epochs=2")
    settings = [word for setting in (*small, "data.load_size=36") for word in ("--set", setting)]
    domains = ("--domains", "10-39,40-69")
    _agekit(
        *("train", "cyclegan", "csv", "--root", root, "--preset", "quick", *settings, *domains),
        *("--device", device, "--out", run),
    )
    chip = root / "5.png"
    aged = _agekit(
        *("age", chip, "--no-detect", "--model", run, "--device", device, "--out", folder / "aged")
    )
    return len(aged)


@_case
def judged(folder: Path, device: str) -> Any:
    """What `ager` trained, judged by what `estimator` trained: years, and the distance of KID."""
    words = ("evaluate", folder / "ager", "csv", "--root", folder / "faces", "--split", "all")
    judge = ("--judge", folder / "run", "--domains", "10-39,40-69")
    found = [_agekit(*words, *judge, "--device", where)["metrics"] for where in (device, "cpu")]
    judge_name = next(iter(found[0]["old"]["judges"]))
    return [
        [one["old"]["judges"][judge_name]["mae"], one["old"][f"kid_{judge_name}"]["value"]]
        for one in found
    ]


@_case
def exported(folder: Path, device: str) -> Any:
    """What `estimator` trained, by ONNX Runtime: refused where it has no provider for the GPU."""
    _agekit("export", folder / "run", "--format", "onnx", "--out", folder / "onnx")
    [file] = (folder / "onnx").glob("*.onnx")
    said = StringIO()
    with pytest.raises(SystemExit) as ended, redirect_stderr(said):
        main(["predict", str(folder / "photo.png"), "--model", str(file), "--device", device])
    return [ended.value.code, said.getvalue()]


@_case
def cell(folder: Path, device: str) -> Any:
    """A cell of a suite, which trains and is scored in a process of its own."""
    suite = folder / "suite.yaml"
    suite.write_text(
        "name: one\ndescription: a cell\npreset: quick\nseeds: [0]\nbackbones: [resnet10-tiny]\n"
        "protocols: [{dataset: csv}]\n"
        "rows: [{label: LDL, recipe: ldl, set: {data.size: 32, train.batch_size: 16}}]\n"
    )
    report = folder / "cell.json"
    with pytest.MonkeyPatch.context() as patch:
        if "FAKE_GPUS" in os.environ:
            patch.setenv("PYTHONPATH", str(CHILD))
        patch.setenv("REHEARSAL_REPORT", str(report))
        root = f"csv={_faces(folder)}"
        words = ("--epochs", "2", "--root", root, "--device", device, "--out", folder / "bench")
        [found] = _agekit("bench", "run", suite, *words)["cells"]
    return [found, json.loads(report.read_text()) if report.exists() else None]


def recipe(name: str, folder: Path, device: str) -> Any:
    """Two epochs of an installed recipe; those of CycleGAN with small networks."""
    root = _faces(folder)
    whole, own = with_network(name)
    asked = resolve(whole).recipe
    task: Task = TASKS.get(asked.kind)
    small = ["--set", "train.batch_size=16", *(task.brief(asked) if task.brief else ())]
    if not own or asked.kind == "ager":  # a network of a recipe's own may take one size alone
        small += ["--set", "data.size=32"]
    if name == "ranking-cnn":  # the pretence computes on a CPU, which has no pooling in bfloat16
        small += ["--set", "train.amp=fp32"]
    if asked.evolver.type == "cyclegan":
        small += ["--set", "generator.width=4", "--set", "evolver.discriminator_width=4"]
    if getattr(asked.data, "sample", None):  # it asks for more faces than are drawn
        small += ["--set", "data.sample=null"]
    answer = _agekit(
        *("train", whole, "csv", "--root", root, "--epochs", "2", *small),
        *("--device", device, "--out", folder / name),
    )
    return [one["generation"] for one in answer["generations"]]


@_case
def speed(folder: Path, device: str) -> Any:
    """Throughput and memory of training and of inference."""
    answer = _agekit(
        *("bench", "speed", "reg-resnet10-tiny", "--preset", "quick", "--size", "32"),
        *("--batch-sizes", "2", "--seconds", "0.2", "--device", device),
    )
    return [row["error"] for row in answer["measurements"]]


def _train(folder: Path, device: str, *more: str) -> Any:
    return _agekit(
        *("train", "cen-resnet10-tiny", "csv", "--root", folder / "faces", "--preset", "quick"),
        *("--epochs", "2", *(more or ("--generations", "1")), *_TINY),
        *("--device", device, "--out", folder / "run"),
    )


def _agekit(*words: object) -> Any:
    """The JSON answer of a command."""
    out = StringIO()
    try:
        with redirect_stdout(out):
            main([*map(str, words), "--json"])
    except SystemExit as done:
        assert done.code in (0, None), (words, out.getvalue())
    return json.loads(out.getvalue())


def _faces(folder: Path) -> Path:
    """Drawn faces with their ages and splits."""
    root = folder / "faces"
    root.mkdir(exist_ok=True)
    lines = ["path,age,gender,split"]
    for i in range(72):
        age = 10 + i % 60
        Image.fromarray(draw(person(0, i), age, 48)).save(root / f"{i}.png")
        lines.append(
            f"{i}.png,{age},{'mf'[i % 2]},{'train' if i < 48 else 'val' if i < 60 else 'test'}"
        )
    (root / "faces.csv").write_text("\n".join(lines) + "\n")
    return root
