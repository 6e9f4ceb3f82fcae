"""Exported agers at work in a process that cannot find torch."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from agekit_ager import load_aging
from agekit_export.onnx import export_onnx
from agekit_synthfaces import draw, person
from agekit_testkit.shades import write_ager, write_parts
from PIL import Image

import agekit
from agekit.errors import ConfigError, ModelError
from agekit.zoo.graphs import add_graphs

WITHOUT = """
import sys
hidden = {"torch", "torchvision", "timm", "mmengine", "matplotlib", "pyarrow"}
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in hidden else find_spec(name)
from agekit.cli import main
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_an_exported_ager_needs_no_torch(write_plugin, tmp_path, monkeypatch):
    write_parts(write_plugin)
    monkeypatch.chdir(tmp_path)
    export_onnx(write_ager(tmp_path / "ager", 7, -14), tmp_path)
    Image.fromarray(np.full((16, 16, 3), 60, np.uint8)).save("a.png")

    def age(*arguments):
        command = [sys.executable, "-c", WITHOUT, "age", "a.png", "--json", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    done = age("--model", "shade-young.onnx", "--to", "young")
    assert done.returncode == 0, done.stderr
    [answer] = json.loads(done.stdout)
    assert (np.asarray(Image.open(answer["output"])) == 60 - 28).all()
    assert "needs torch" not in done.stderr, "nor does the judge"
    for arguments, says in (
        (("--model", "shade-young.onnx"), "shade goes to young alone"),
        (("--model", "ager", "--no-judge"), "carries no ONNX file, needs torch"),
        (("--model", "shade-old.onnx", "--to", "65"), "knows no ages"),
    ):
        done = age(*arguments)
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert says in done.stderr and "Traceback" not in done.stderr

    add_graphs(tmp_path / "ager")
    done = age("--model", "ager", "--no-judge")
    assert done.returncode == 0, done.stderr
    assert (np.asarray(Image.open("aged/a-old.png")) == 60 + 14).all()
    by_onnx, by_torch = load_aging("ager", "cpu"), load_aging("ager", "cpu", "torch")
    assert (by_onnx.runtime, by_torch.runtime) == ("onnx", "torch")
    face = np.asarray(Image.open("a.png"))
    both = [one.age(face, to)[0].after for one in (by_onnx, by_torch) for to in ("old", "young")]
    assert (both[0] == both[2]).all() and (both[1] == both[3]).all()
    with pytest.raises(ConfigError, match="torch cannot run"):
        load_aging("shade-old.onnx", runtime="torch")
    with pytest.raises(ModelError, match="there is no file"):
        load_aging("none.onnx")


@pytest.mark.slow
def test_the_default_ager_and_its_judge_need_no_torch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(draw(person(0, 1), 30, 128)).save("face.png")
    command = [sys.executable, "-c", WITHOUT, "age", "face.png", "--to", "65", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    [answer] = json.loads(done.stdout)
    assert answer["after"] > answer["before"] + 15
    [face] = agekit.load().predict(answer["output"])[0].faces
    assert answer["after"] == pytest.approx(face.age, abs=0.01), "as a prediction says"
    assert load_aging(device="cpu").age("face.png", 65)[0].faces[0].after == face.age
