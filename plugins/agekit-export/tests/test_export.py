from __future__ import annotations

import json
import subprocess
import sys

import pytest
from agekit_synthfaces import draw, person
from PIL import Image

import agekit as api
from agekit.cli import main
from agekit.data.alignment import Alignment
from agekit.recipe import resolve
from agekit.tasks.estimator.export import model_config
from agekit.zoo.folder import save_model

pytestmark = pytest.mark.slow

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)

RECIPE = "ldl-resnet10-tiny"
PROBE = """
import sys
from agekit.cli import main
try:
    main(sys.argv[1:])
finally:
    heavy = {"torch", "timm", "mmengine", "torchvision", "matplotlib"} & set(sys.modules)
    print(*sorted(heavy), file=sys.stderr)
"""


def agekit(capsys, *arguments):
    """Runs the command line in this process; gives its code and both outputs."""
    with pytest.raises(SystemExit) as done:
        main(list(map(str, arguments)))
    return done.value.code, *capsys.readouterr()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with an untrained model."""
    plan = resolve(RECIPE, overrides=["data.size=32"]).recipe
    network = api.build(RECIPE, ages=(10, 40), size=32)
    interval = {"level": 0.9, "margin": 0.0, "calibrated_on": "val"}
    config = model_config(plan, network, {"name": "tiny"}, interval, Alignment())
    folder = tmp_path_factory.mktemp("run")
    save_model(folder / "model", network, config, {}, "")
    return folder


@pytest.fixture(scope="module")
def exported(run):
    """The model, exported into its own folder."""
    with pytest.raises(SystemExit) as done:
        main(["export", str(run), "--format", "onnx", "--out", str(run / "model" / "tiny.onnx")])
    assert done.value.code == 0
    return run / "model" / "tiny.onnx"


@pytest.fixture
def face(tmp_path):
    path = tmp_path / "face.png"
    Image.fromarray(draw(person(2, 0), 30, 48)).save(path)
    return path


def test_the_answer_for_people_and_in_json(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, _ = agekit(capsys, "export", run)
    assert code == 0
    first, second = out.splitlines()
    assert first.startswith("tiny.onnx: ") and "years from torch" in first
    assert second == "tiny.json: how to use it"
    code, out, _ = agekit(capsys, "export", run, "--out", tmp_path / "there", "--json")
    answer = json.loads(out)
    assert (code, answer["format"], answer["opset"]) == (0, "onnx", 18)
    (file,) = answer["files"]
    assert file["onnx"] == str(tmp_path / "there" / "tiny.onnx")
    assert file["differences"]["age"] <= 1e-3
    assert file["to"] is None


@pytest.mark.parametrize("how", ["the file", "its folder", "photos"])
def test_predicting_imports_no_torch(how, exported, run, face, capsys):
    chosen = ["--model", run, "--runtime", "onnx"] if how == "its folder" else ["--model", exported]
    detect = "--detect" if how == "photos" else "--no-detect"
    arguments = [
        str(word) for word in ("predict", face, detect, *chosen, "--json", "--distribution")
    ]
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "")
    _, out, _ = agekit(
        *(capsys, "predict", face, detect, "--model", run),
        *("--device", "cpu", "--json", "--distribution"),
    )
    (ours,), (theirs,) = (json.loads(text)[0]["faces"] for text in (done.stdout, out))
    assert set(ours) == set(theirs)
    assert ours["age"] == pytest.approx(theirs["age"], abs=0.02)
    assert ours["distribution"]["ages"] == theirs["distribution"]["ages"]


def test_plots_and_tables_are_the_same_commands(exported, face, tmp_path, capsys):
    plot = tmp_path / "plot.png"
    code, out, _ = agekit(
        capsys, "predict", face, "--model", exported, "--csv", "-", "--plot", plot
    )
    assert (code, len(out.splitlines())) == (0, 2)
    assert plot.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["predict", "a.png", "--model", "no.onnx"], 1, "there is no file 'no.onnx'"),
        (["predict", "a.png", "--model", "x.onnx", "--runtime", "torch"], 2, "leave it out"),
        (["predict", "a.png", "--model", "none", "--runtime", "onnx"], 1, "no model 'none'"),
        (["export", "none"], 1, "there is no model 'none'"),
        (["export", "none", "--format", "tflite"], 2, "'tflite' is not one of 'onnx', 'timm'"),
        (["export"], 2, "Missing argument 'MODEL'"),
    ],
)
def test_mistakes_are_told_in_plain_words(arguments, code, says, capsys):
    found, out, err = agekit(capsys, *arguments)
    assert (found, out) == (code, "")
    assert says in err
