"""Exports that are smaller, give embeddings, or are timm's: through the command line."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import timm
import torch
from agekit_synthfaces import draw, person
from agekit_testkit.models import write_untrained
from PIL import Image

import agekit
from agekit.cli import main
from agekit.errors import ModelError
from agekit.tasks.estimator.build import load_estimator
from agekit.zoo.folder import save_model
from agekit.zoo.graphs import add_graphs, described_graphs, open_graph
from agekit.zoo.verify import verify

pytest.importorskip("onnxscript")
onnx = pytest.importorskip("onnx")

from agekit_export import onnx as exporting  # noqa: E402
from agekit_export.half import as_stored, half_graph, half_weights  # noqa: E402

from agekit.onnx.program import CheckedGraph, make_graph  # noqa: E402

pytestmark = pytest.mark.slow
FACES = np.stack([draw(person(1, k), 8.0 * k, 32, k) for k in range(9)])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model with weights in half precision, whose normalisations have seen faces."""
    folder = write_untrained(tmp_path_factory.mktemp("made") / "model", "ldl-reg-resnet10-tiny")
    network, config = load_estimator(folder)
    with torch.no_grad():
        network.train()(torch.randn(8, 3, 32, 32, generator=torch.manual_seed(1)))
    save_model(folder, network.eval().half(), config, {}, "")
    return folder


@pytest.fixture(scope="module")
def whole(model):
    """The graph and the card of the model with its embedding, and the bytes."""
    [(graph, card)] = described_graphs(model, embeddings=True)
    return graph, card, make_graph(graph, card).data


@pytest.fixture
def export(model, whole, tmp_path, monkeypatch, capsys):
    """Runs the command with the graph that was made before; gives its code and what it wrote."""
    graph, card, data = whole
    monkeypatch.setattr(exporting, "described_graphs", lambda *_, **__: [(graph, card)])
    monkeypatch.setattr("agekit.onnx.program.serialise", lambda *_: data)

    def run(*words):
        with pytest.raises(SystemExit) as done:
            main(["export", str(model), "--out", str(tmp_path / "out"), *map(str, words)])
        out, err = capsys.readouterr()
        return done.value.code, out, err

    return run


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "faces"
    place.mkdir()
    for k in range(44):
        Image.fromarray(draw(person(2, k), 2.0 * k, 40, k)).save(place / f"{k}.png")
    return place


def test_half_is_half_the_size_and_nearly_the_same(export, model, tmp_path):
    code, out, _ = export("--half", "--json")
    [file] = json.loads(out)["files"]
    assert (code, file["precision"], file["measured"]) == (0, "float16", None)
    path = tmp_path / "out" / "tiny-half.onnx"
    weights = (model / "model.safetensors").stat().st_size
    assert file["onnx"] == str(path) and file["size"] == path.stat().st_size < 1.05 * weights
    assert json.loads(path.with_suffix(".json").read_text())["precision"] == "float16"
    ours, theirs = agekit.load(path), agekit.load(model, "cpu", "torch")
    for one, other in zip(ours.predict(FACES, False), theirs.predict(FACES, False), strict=True):
        assert one.faces[0].age == pytest.approx(other.faces[0].age, abs=0.25)


def test_weights_in_half_precision_are_kept_as_they_are(model, whole, tmp_path, monkeypatch):
    """The numbers that the export made of normalisations stand beside them: no age moves."""
    graph, card, data = whole
    monkeypatch.setattr("agekit.zoo.graphs.described_graphs", lambda _: [(graph, card)])
    monkeypatch.setattr("agekit.onnx.program.serialise", lambda *_: data)
    folder = shutil.copytree(model, tmp_path / "model")
    assert add_graphs(folder, as_stored(folder)) == ["model.onnx"]
    _, told = open_graph(folder / "model.onnx")
    assert told.precision == "float16" and verify(folder, None) == []
    ours, theirs = agekit.load(folder, "cpu"), agekit.load(folder, "cpu", "torch")
    for one, other in zip(ours.predict(FACES, False), theirs.predict(FACES, False), strict=True):
        assert one.faces[0].age == pytest.approx(other.faces[0].age, abs=1e-3)
    rounded = half_graph(graph, card, CheckedGraph(data, {}), {})
    kept = half_graph(graph, card, CheckedGraph(data, {}), half_weights(folder))
    assert kept.differences["age"] < 1e-3 < 5 * rounded.differences["age"]


def test_what_cannot_be_halved_holds_single_precision(model, whole, tmp_path, monkeypatch, caplog):
    graph, card, data = whole
    monkeypatch.setattr(
        "agekit.zoo.graphs.described_graphs", lambda _: [(replace(graph, half=-1.0), card)]
    )
    monkeypatch.setattr("agekit.onnx.program.serialise", lambda *_: data)
    folder = shutil.copytree(model, tmp_path / "model")
    assert add_graphs(folder, as_stored(folder)) == ["model.onnx"]
    assert "the ONNX file holds single precision: tiny comes out too different" in caplog.text
    assert open_graph(folder / "model.onnx")[1].precision == "float32"


def test_int8_is_calibrated_and_measured(export, model, folder, tmp_path, caplog):
    code, out, err = export("--int8", "--calibrate", folder)
    assert code == 0, err
    assert "calibrated on 22 faces of" in caplog.text and "measured on 22 more" in caplog.text
    assert "x the time; on 22 faces ages move by" in out and "error" not in out
    path = tmp_path / "out" / "tiny-int8.onnx"
    assert path.stat().st_size < 0.7 * (model / "model.safetensors").stat().st_size
    measured = json.loads(path.with_suffix(".json").read_text())["measured"]
    assert measured["mean"] <= measured["most"] and measured["mae"] is None
    assert agekit.load(path).predict(FACES, False)[0].faces[0].age > 0


def test_the_error_is_told_where_ages_are_known(export, tmp_path, monkeypatch):
    root = tmp_path / "data"
    root.mkdir()
    lines = ["path,age,split"]
    for k in range(60):
        Image.fromarray(draw(person(2, k), 10 + k % 30, 40, k)).save(root / f"{k}.png")
        lines.append(f"{k}.png,{10 + k % 30},{'train' if k < 30 else 'test'}")
    (root / "faces.csv").write_text("\n".join(lines))
    code, out, err = export("--int8", "--calibrate", "csv", "--root", root, "--json")
    assert code == 0, err
    [file] = json.loads(out)["files"]
    assert file["measured"]["faces"] == 30
    assert file["measured"]["mae"] == pytest.approx(file["measured"]["mae_whole"], abs=2)


def test_embeddings_are_the_pooled_features(export, whole, model, tmp_path):
    assert export("--embeddings")[0] == 0
    session = onnxruntime.InferenceSession(whole[2], providers=["CPUExecutionProvider"])
    network, config = load_estimator(model)
    mean, std = (torch.tensor(one).view(3, 1, 1) for one in (config.image.mean, config.image.std))
    images = (torch.from_numpy(FACES).permute(0, 3, 1, 2) / 255 - mean) / std
    with torch.no_grad():
        wanted = network.backbone(images).numpy()
    [found] = session.run(["embedding"], {"pixels": FACES})
    assert found.shape == wanted.shape
    assert found == pytest.approx(wanted, abs=1e-4)
    answers = agekit.load(tmp_path / "out" / "tiny.onnx").predict(FACES, False)
    assert answers[3].faces[0].p is not None


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--half", "--int8", "--calibrate", "x"], 2, "two precisions"),
        (["--int8"], 2, "give --calibrate"),
        (["--calibrate", "x"], 2, "leave out --calibrate"),
        (["--half", "--root", "x"], 2, "leave out --root"),
        (["--format", "timm", "--half"], 2, "leave out --half"),
        (["--int8", "--calibrate", "utkfaces"], 1, "no dataset named 'utkfaces'"),
        (["--format", "timm"], 1, "is no model of timm's"),
    ],
)
def test_what_does_not_go_together(export, tmp_path, words, code, says):
    found, out, err = export(*words)
    assert (found, out) == (code, "") and says in err
    assert not (tmp_path / "out").exists()


def test_too_few_faces(export, folder, tmp_path):
    for k in range(10, 44):
        (folder / f"{k}.png").unlink()
    code, _, err = export("--int8", "--calibrate", folder)
    assert code == 1 and "there are too few faces in" in err
    assert not (tmp_path / "out").exists()


def test_what_moves_too_far_is_not_written(export, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "MOST_YEARS", 0.0)
    code, _, err = export("--int8", "--calibrate", folder)
    assert code == 1 and "comes out too different in int8" in err
    assert not (tmp_path / "out").exists()


def test_weights_too_large_for_half(whole):
    graph, card, data = whole
    model = onnx.load_model_from_string(data)
    weight = max(model.graph.initializer, key=lambda one: np.prod(one.dims))
    large = np.full(tuple(weight.dims), 1e8, np.float32)
    weight.CopyFrom(onnx.numpy_helper.from_array(large, weight.name))
    with pytest.raises(ModelError, match="too large for half precision"):
        half_graph(graph, card, CheckedGraph(model.SerializeToString(), {}), {})


@pytest.mark.parametrize(
    ("half", "tolerance", "fits"), [(0.0, 1, False), (None, 0, False), (None, 1, True)]
)
def test_what_half_precision_may_change(whole, half, tolerance, fits):
    graph, card, data = whole
    graph = replace(graph, half=half, unit="of a kind", tolerance={"age": tolerance})
    with nullcontext() if fits else pytest.raises(ModelError, match=r"age by .* of a kind"):
        small = half_graph(graph, card, CheckedGraph(data, {}), {})
        assert len(small.data) < 0.55 * len(data)


def test_a_backbone_for_timm(tmp_path, capsys):
    folder = write_untrained(tmp_path / "model", "reg-resnet18", overrides=["data.crop_pct=0.9"])
    out = tmp_path / "backbone"
    with pytest.raises(SystemExit) as done:
        main(["export", str(folder), "--format", "timm", "--out", str(out), "--json"])
    [file] = json.loads(capsys.readouterr().out)["files"]
    assert (done.value.code, file["architecture"], file["features"]) == (0, "resnet18", 512)
    made = timm.create_model(f"local-dir:{out}", pretrained=True).eval()
    shown = timm.data.resolve_model_data_config(made)
    assert (shown["input_size"], shown["crop_pct"]) == ([3, 32, 32], 0.9)
    network, _ = load_estimator(folder)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(made(images), network.backbone(images.contiguous()))
    with pytest.raises(SystemExit):
        main(["export", str(folder), "--format", "timm", "--out", str(out)])
    assert "is there already" in capsys.readouterr().err
