"""The ONNX files of model folders: made, checked, run by default, verified, published."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from agekit_publish.push import push_model
from agekit_synthfaces import draw, person
from agekit_testkit.hub import LoopbackHub
from agekit_testkit.models import write_untrained
from PIL import Image

import agekit
from agekit.errors import ConfigError, MissingLibraryError, ModelError
from agekit.inference import runtime as runtimes
from agekit.inference.runtime import choose_runtime
from agekit.onnx import program
from agekit.tasks.estimator.build import load_estimator
from agekit.zoo.add import entry_for
from agekit.zoo.folder import read_config, save_model
from agekit.zoo.graphs import add_graphs, carry_graphs
from agekit.zoo.hub.pull import pull
from agekit.zoo.verify import verify

pytest.importorskip("onnxscript")
pytestmark = pytest.mark.slow
FACES = [draw(person(1, k), 12.0 * k, 32, k) for k in range(9)]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = write_untrained(tmp_path_factory.mktemp("made") / "model", "ldl-reg-resnet10-tiny")
    assert add_graphs(folder) == ["model.onnx"]
    return folder


@pytest.fixture
def model(made, tmp_path) -> Path:
    return shutil.copytree(made, tmp_path / "run" / "model")


def ages(predictor, faces=FACES, **options):
    found = predictor.predict(faces, False, **options)
    return [one.faces[0].age for one in found]


def changed(folder, **keys):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | keys))


def test_it_is_what_runs_on_a_cpu(model):
    ours, theirs = agekit.load(model, "cpu"), agekit.load(model, "cpu", "torch")
    assert (ours.runtime, theirs.runtime) == ("onnx", "torch")
    assert type(ours) is type(theirs)
    for name in ("name", "face", "size", "level", "detects"):
        assert getattr(ours, name) == getattr(theirs, name)
    for one, other in zip(ours.predict(FACES, False), theirs.predict(FACES, False), strict=True):
        (a,), (b,) = one.faces, other.faces
        assert a.age == pytest.approx(b.age, abs=1e-3)
        assert a.interval == pytest.approx(b.interval, abs=1e-2)
        assert a.ages == b.ages and a.p == pytest.approx(b.p, abs=1e-5)


def test_threads_and_batches_give_the_same(model):
    predictor = agekit.load(model, "cpu")
    wanted = ages(predictor)
    with ThreadPoolExecutor(4) as pool:
        each = list(pool.map(lambda _: ages(predictor), range(8)))
    for found in (*each, ages(predictor, batch_size=1), ages(predictor, batch_size=4)):
        assert found == pytest.approx(wanted, abs=1e-4)


HIDDEN = """
import importlib.util, sys
hidden = ("torch", "torchvision", "timm", "mmengine", "matplotlib", "pyarrow", "onnx", "onnxscript")
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in (*hidden, "huggingface_hub"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in hidden else find_spec(name)
from agekit.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("named", [True, False])
def test_neither_torch_nor_a_plugin_is_needed(model, tmp_path, named):
    path = tmp_path / "face.png"
    Image.fromarray(draw(person(1, 4), 40, 120)).save(path)
    chosen = ["--model", str(model)] if named else ["--no-detect"]
    done = subprocess.run(
        [sys.executable, "-c", HIDDEN, "predict", str(path), "--json", *chosen],
        env={**os.environ, "AGEKIT_DISABLE_PLUGINS": "all"},
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    age = json.loads(done.stdout)[0]["faces"][0]["age"]
    with Image.open(path) as image:
        there = agekit.load(model if named else None, "cpu", "torch").predict(image, False)
    assert age == pytest.approx(there[0].faces[0].age, abs=0.01)


def test_a_damaged_or_missing_file_is_named_and_torch_goes_on(model):
    path = model / "model.onnx"
    whole = path.read_bytes()
    for damage in (whole[:-1], whole[:500] + b"\0" + whole[501:], b""):
        path.write_bytes(damage)
        with pytest.raises(ModelError, match=r"model\.onnx is damaged or of another") as error:
            agekit.load(model, "cpu")
        assert "--runtime torch" in error.value.hint
        assert [one.file for one in verify(model, None)] == ["model.onnx"]
    path.unlink()
    with pytest.raises(ModelError, match=r"cannot read .*model\.onnx"):
        agekit.load(model, "cpu")
    assert [one.file for one in verify(model, None)] == ["model.onnx"]
    assert agekit.load(model, "cpu", "torch").runtime == "torch"


def test_a_file_of_other_weights_is_refused(model):
    changed(model, weights_sha256="0" * 64)
    with pytest.raises(ModelError, match="was made of other weights"):
        agekit.load(model, "cpu")


def test_a_file_that_is_not_listed_is_no_part_of_the_model(model):
    changed(model, onnx_sha256={})
    assert agekit.load(model, "cpu").runtime == "torch"
    assert "model.onnx" not in entry_for(model, "local:x", check=False).files
    for name in ("../model.onnx", "other.onnx", "model.pkl", "model-.onnx", "model.onnx\n"):
        changed(model, onnx_sha256={name: "0" * 64})
        with pytest.raises(ModelError, match="is not a valid model configuration: onnx_sha256"):
            read_config(model)


def test_new_weights_do_away_with_the_old_file(model):
    network, config = load_estimator(model)
    save_model(model, network, config, {}, "", keep=True)
    assert not (model / "model.onnx").exists()
    assert read_config(model).onnx_sha256 == {}


def test_the_runtime_that_is_chosen(model, monkeypatch):
    config = read_config(model)
    bare = config.model_copy(update={"onnx_sha256": {}})
    for gpu in (True, False):
        monkeypatch.setattr(runtimes, "has_gpu", lambda gpu=gpu: gpu)
        assert choose_runtime(config, "auto", "auto") == ("torch" if gpu else "onnx")
        assert choose_runtime(config, "auto", "cpu") == "onnx"
        assert choose_runtime(config, "auto", "cuda:1") == "torch"
        assert choose_runtime(bare, "auto", "cpu") == "torch"
        assert choose_runtime(config, "torch", "cpu") == "torch"
        assert choose_runtime(config, "onnx", "cuda") == "onnx"
    with pytest.raises(ConfigError, match="there is no runtime 'tensorrt'"):
        agekit.load(model, runtime="tensorrt")
    with pytest.raises(ConfigError, match="torch cannot run"):
        agekit.load(model / "model.onnx", runtime="torch")


def test_without_torch_a_model_without_the_file_says_so(model, monkeypatch):
    changed(model, onnx_sha256={})
    monkeypatch.setattr("agekit.extras.find_spec", lambda name: None)
    with pytest.raises(MissingLibraryError, match="tiny, which carries no ONNX file, needs torch"):
        agekit.load(model, "cpu")


def test_an_entry_knows_it_and_what_it_makes_of_the_fixed_input(model):
    entry = entry_for(model, "local:x")
    assert entry.files["model.onnx"].size == (model / "model.onnx").stat().st_size
    assert set(entry.check.onnx) == {f"model.onnx: {name}" for name in ("age", "low", "high")}
    assert entry.check.onnx["model.onnx: age"] == pytest.approx(
        entry.check.outputs["age"], abs=1e-3
    )
    assert verify(model, entry) == []
    entry.check.onnx["model.onnx: low"][2] += 0.5
    [problem] = verify(model, entry)
    assert problem.file == "model.onnx" and "differs by 0.5" in problem.text


def test_a_model_that_cannot_have_it_is_whole_without(made, model, monkeypatch, caplog):
    network, config = load_estimator(made)
    save_model(model, network, config, {}, "")
    carry_graphs(model)
    assert (caplog.text, read_config(model).onnx_sha256) == ("", {}), "AGEKIT_ONNX is 0"
    monkeypatch.setenv("AGEKIT_ONNX", "1")

    def fail(*arguments, **options):
        raise ModelError("it cannot be exported: a reason")

    monkeypatch.setattr(program, "serialise", fail)
    carry_graphs(model)
    assert "carries no ONNX file and runs by torch alone: it cannot be exported" in caplog.text
    assert read_config(model).onnx_sha256 == {}
    assert not (model / "model.onnx").exists()
    monkeypatch.setattr(program, "serialise", lambda *_: (made / "model.onnx").read_bytes())
    carry_graphs(model)
    assert agekit.load(model, "cpu").runtime == "onnx"


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
def test_it_is_pushed_and_pulled(made, tmp_path, monkeypatch):
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AGEKIT_ONNX", "1")
    monkeypatch.setattr(program, "serialise", lambda *_: (made / "model.onnx").read_bytes())
    model = shutil.copytree(made, tmp_path / "model")
    (model / "model.onnx").unlink()
    changed(model, onnx_sha256={})
    before = (model / "config.json").read_bytes()
    with LoopbackHub() as hub:
        for name, value in hub.env.items():
            monkeypatch.setenv(name, value)
        pushed = push_model(model, "org/tiny")
        assert {"model.onnx", "model.safetensors"} <= hub.commit("org/tiny").files.keys()
        assert (model / "config.json").read_bytes() == before
        assert "model.onnx" in pushed.entry.files
        folder = pull("org/tiny", None, None).folder
        assert {"model.onnx", "config.json"} <= {path.name for path in folder.iterdir()}
        assert agekit.load("hf-hub:org/tiny", "cpu").runtime == "onnx"
        named = pull("org/tiny", pushed.commit, pushed.entry.files, local_dir=tmp_path / "copy")
        assert np.isfinite(ages(agekit.load(named.folder, "cpu"))).all()
