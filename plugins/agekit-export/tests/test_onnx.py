from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from agekit_ager.build import build_ager, load_ager
from agekit_ager.config import AgerConfig
from agekit_ager.pairs import to_network, to_pixels
from agekit_synthfaces import draw, person
from PIL import Image
from torch import nn

import agekit
from agekit.data.alignment import Alignment
from agekit.errors import ConfigError, ModelError
from agekit.faces.align import TEMPLATE
from agekit.faces.base import Detection, Detector
from agekit.inference.face import Chip
from agekit.recipe import PartConfig, resolve
from agekit.registry import BACKBONES, DETECTORS, GENERATORS
from agekit.tasks.estimator.export import model_config
from agekit.tasks.estimator.graph import TOLERANCE, middle
from agekit.tasks.estimator.task import EstimatorTask
from agekit.tasks.generator import Generator
from agekit.zoo.config import ImageConfig
from agekit.zoo.folder import save_model

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from agekit_export.onnx import export_onnx  # noqa: E402

from agekit.onnx.program import OPSET  # noqa: E402
from agekit.zoo.graphs import find_exported  # noqa: E402

pytestmark = pytest.mark.slow

SIZE = 32
AGES = (10, 40)
FACE = Alignment(align="five-points", points=tuple((float(x), float(y)) for x, y in TEMPLATE))


def write(folder: Path, recipe: str, overrides=()) -> Path:
    """The folder of an untrained model."""
    plan = resolve(recipe, overrides=["data.size=32", *overrides]).recipe
    network = agekit.build(recipe, ages=AGES, size=SIZE)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    network.correction = 1.5
    interval = {"level": 0.8, "margin": network.correction, "calibrated_on": "val"}
    info = {"name": f"small {recipe}", "recipe": recipe, "dataset": "synthfaces"}
    save_model(folder, network, model_config(plan, network, info, interval, FACE), {}, "")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Distribution and number, cropped, the mirror image too."""
    wanted = ["data.crop_pct=0.8", "estimate.mirror=true", "estimate.rule=median"]
    return write(tmp_path_factory.mktemp("run") / "model", "ldl-reg-resnet10-tiny", wanted)


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    (one,) = export_onnx(model, tmp_path_factory.mktemp("out"))
    return one


@pytest.fixture(scope="module")
def number(tmp_path_factory):
    """Of a model of one number, without a distribution."""
    folder = tmp_path_factory.mktemp("number")
    write(folder, "reg-resnet10-tiny")
    return export_onnx(folder, folder / "model.onnx")[0]


def faces(count=5):
    return [draw(person(1, k), 12.0 * k, SIZE, k) for k in range(count)]


def test_the_middle_is_a_bilinear_enlargement():
    wanted = [[0.25, 0.75, 0, 0], [0, 0.75, 0.25, 0], [0, 0.25, 0.75, 0], [0, 0, 0.75, 0.25]]
    assert middle(4, 0.5).tolist() == wanted
    assert torch.equal(middle(7, 1), torch.eye(7))


@pytest.mark.slow
@pytest.mark.parametrize("which", ["exported", "number"])
def test_answers_are_those_of_torch(which, model, request):
    made = request.getfixturevalue(which)
    folder = model if which == "exported" else made.onnx.parent
    ours, theirs = agekit.load(made.onnx), agekit.load(folder, "cpu", "torch")
    for some in (faces(), faces(1)):
        pairs = zip(ours.predict(some, False), theirs.predict(some, False), strict=True)
        for one, other in ((a.faces[0], b.faces[0]) for a, b in pairs):
            assert one.age == pytest.approx(other.age, abs=1e-3)
            assert one.interval == pytest.approx(other.interval, abs=1e-2)
            assert (one.ages, one.box) == (other.ages, None)
            assert one.p == (None if other.p is None else pytest.approx(other.p, abs=1e-5))
    assert (one.p is None) == (which == "number")


def test_batches_of_any_size_give_the_same(exported):
    predictor = agekit.load(exported.onnx)
    together = predictor.predict(faces(), False)
    one_by_one = predictor.predict(faces(), False, batch_size=1)
    ages = [[answer.faces[0].age for answer in answers] for answers in (together, one_by_one)]
    assert ages[0] == pytest.approx(ages[1], abs=1e-3)


def test_the_card_is_in_the_file_and_beside_it(exported, model):
    data = exported.onnx.read_bytes()
    proto = onnx.load_model_from_string(data)
    inside = json.loads({p.key: p.value for p in proto.metadata_props}["agekit"])
    beside = json.loads(exported.card.read_text())
    file, checked = beside.pop("file"), beside.pop("checked")
    assert inside == beside
    assert exported.onnx.name == "small-ldl-reg-resnet10-tiny.onnx"
    assert file == {
        "name": exported.onnx.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": exported.size,
    }
    assert checked["largest_differences"] == exported.differences
    assert all(exported.differences[name] <= TOLERANCE[name] for name in exported.differences)
    weights = (model / "model.safetensors").read_bytes()
    assert beside["source"]["model.safetensors"] == hashlib.sha256(weights).hexdigest()
    assert (beside["size"], beside["ages"], beside["level"]) == (SIZE, list(AGES), 0.8)
    assert beside["face"]["align"] == "five-points"
    assert "synthfaces" in beside["licence"]
    assert [o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")] == [OPSET]
    shape = [d.dim_param or d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim]
    assert shape == ["faces", SIZE, SIZE, 3]


def test_the_file_tells_nothing_of_the_machine(exported):
    data = exported.onnx.read_bytes()
    for path in (
        Path(agekit.__file__).parent,
        Path(torch.__file__).parent,
        Path.home(),
        Path.cwd(),
    ):
        assert bytes(path) not in data
    assert not re.search(rb"[\w/]{8}\.py\b", data)


def test_a_run_folder_or_any_folder_that_holds_one(exported, number, model, tmp_path):
    assert find_exported(exported.onnx) == exported.onnx
    assert find_exported(exported.onnx.parent) == exported.onnx
    assert find_exported(str(number.onnx.parent)) == number.onnx
    with pytest.raises(ModelError, match="was not exported yet") as error:
        find_exported(model.parent)
    assert f"agekit export {model.parent}" in error.value.hint
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ModelError, match=r"several exported models: a\.onnx, b\.onnx"):
        find_exported(tmp_path)
    with pytest.raises(ModelError, match="there is no file"):
        find_exported(tmp_path / "c.onnx")
    with pytest.raises(ModelError, match="there is no model 'none'"):
        find_exported("none")


def test_photos_are_searched_for_faces(exported, monkeypatch):
    class Corner(Detector):
        """Finds one face, in the corner."""

        def detect(self, images, *, min_face=None):
            box = np.array([0, 0, SIZE, SIZE], np.float32)
            return [[Detection(box, 0.9, np.float32(TEMPLATE * SIZE))] for _ in images]

    monkeypatch.setattr(DETECTORS, "get", {"mtcnn": Corner}.__getitem__)
    photo = np.full((50, 60, 3), 90, np.uint8)
    photo[:SIZE, :SIZE] = faces()[2]
    predictor = agekit.load(exported.onnx)
    assert predictor.detects and not predictor.alignment_unknown
    ((face,),) = (answer.faces for answer in predictor.predict(photo))
    (alone,) = predictor.estimate([Chip(faces()[2])])
    assert face.box == (0, 0, SIZE, SIZE)
    assert face.age == pytest.approx(alone.age, abs=0.05)


def test_faces_of_photos_are_looked_for_without_torch(exported, monkeypatch):
    predictor = agekit.load(exported.onnx)
    monkeypatch.setitem(sys.modules, "torch", None)
    [answer] = predictor.predict(np.zeros((50, 50, 3), np.uint8))
    assert (answer.faces, answer.error) == ((), None)


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named(package, model, exported, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=f"{package} is not installed") as error:
        export_onnx(model, tmp_path / "new")
    assert error.value.hint == "pip install 'agekit[onnx]'"
    assert not (tmp_path / "new").exists()
    if package == "onnxruntime":
        with pytest.raises(ConfigError, match="onnxruntime is not installed"):
            agekit.load(exported.onnx)


def test_a_task_without_graphs_is_not_exported(model, tmp_path, monkeypatch):
    monkeypatch.setattr(EstimatorTask, "graphs", None)
    with pytest.raises(ConfigError, match="is an estimator, which is not exported as ONNX"):
        export_onnx(model, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_gpu_that_onnx_runtime_cannot_use(exported):
    if "CUDAExecutionProvider" in runtime.get_available_providers():
        pytest.skip("this ONNX Runtime can use a GPU")
    with pytest.raises(ConfigError, match="cannot compute on cuda:1"):
        agekit.load(exported.onnx, "cuda:1")


def with_metadata(source, path, text):
    proto = onnx.load_model_from_string(source.read_bytes())
    del proto.metadata_props[:]
    if text is not None:
        onnx.helper.set_model_props(proto, {"agekit": text})
    path.write_bytes(proto.SerializeToString())
    return path


def test_files_that_are_not_agekits_are_refused(exported, tmp_path):
    path = tmp_path / "x.onnx"
    path.write_bytes(exported.onnx.read_bytes()[:5000])
    with pytest.raises(ModelError, match="not a model that ONNX Runtime can run"):
        agekit.load(path)
    with pytest.raises(ModelError, match="was not exported by agekit"):
        agekit.load(with_metadata(exported.onnx, path, None))
    with pytest.raises(ModelError, match="its description is not valid"):
        agekit.load(with_metadata(exported.onnx, path, '{"format": 2}'))
    card = json.loads(exported.card.read_text())
    del card["file"], card["checked"]
    for change in ({"size": 64}, {"ages": [0, 40]}, {"ages": None}, {"outputs": {"age": ""}}):
        damaged = with_metadata(exported.onnx, path, json.dumps(card | change))
        with pytest.raises(ModelError, match="does not take and give what its description says"):
            agekit.load(damaged)


class Changing(nn.Module):
    """A backbone that is another one when it is exported."""

    def forward(self, images):
        return images.mean((2, 3)) + (1 if torch.compiler.is_exporting() else 0)


class Stubborn(nn.Module):
    """A backbone that looks at its numbers."""

    def forward(self, images):
        means = images.mean((2, 3))
        return means if means.sum() > 0 else -means


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "says"), [(Changing, "comes out different as ONNX"), (Stubborn, "be exported")]
)
def test_what_goes_wrong_leaves_nothing(backbone, says, tmp_path, monkeypatch):
    monkeypatch.setattr(BACKBONES, "get", lambda name: backbone)
    (tmp_path / "out").mkdir()
    plan = resolve("ldl-resnet10-tiny", overrides=["data.size=32"]).recipe
    network = agekit.build("ldl-resnet10-tiny", ages=AGES, size=SIZE)
    interval = {"level": 0.8, "margin": 1.0, "calibrated_on": "val"}
    config = model_config(plan, network, {"name": "odd"}, interval, Alignment())
    save_model(tmp_path / "model", network, config, {}, "")
    with pytest.raises(ModelError, match=says):
        export_onnx(tmp_path / "model", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_no_other_json_is_overwritten(model, number):
    before = (model / "config.json").read_bytes()
    with pytest.raises(ConfigError, match=r"config\.json is something else"):
        export_onnx(model, model / "config.onnx")
    assert (model / "config.json").read_bytes() == before
    assert not (model / "config.onnx").exists()


def test_no_other_model_is_overwritten(model, tmp_path):
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(b"mine")
    with pytest.raises(ConfigError, match=r"mine\.onnx is there, and mine\.json, .* is not"):
        export_onnx(model, mine)
    assert mine.read_bytes() == b"mine"


def test_other_endings_are_refused(model, tmp_path):
    with pytest.raises(ConfigError, match=r"an exported model ends in \.onnx"):
        export_onnx(model, tmp_path / "model.pt")
    with pytest.raises(ConfigError, match="has one file, not one a direction"):
        export_onnx(model, tmp_path, "old")


class Tint(Generator):
    """Mixes the colours."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, images):
        return torch.tanh(self.mix(images))


@pytest.fixture
def ager(tmp_path, monkeypatch):
    monkeypatch.setattr(GENERATORS, "get", lambda name: Tint)
    network = build_ager(PartConfig(type="tint"), seed=0)
    config = AgerConfig(
        name="tint",
        generator=PartConfig(type="tint"),
        image=ImageConfig(size=SIZE, mean=(0.5,) * 3, std=(0.5,) * 3),
        domains={"young": "young", "old": "old"},
        parameters=1,
    )
    save_model(tmp_path / "ager", network, config, {}, "")
    return tmp_path / "ager"


@pytest.mark.slow
def test_both_directions_of_an_ager(ager, tmp_path):
    made = export_onnx(ager, tmp_path / "out")
    assert [file.onnx.name for file in made] == ["tint-old.onnx", "tint-young.onnx"]
    network, _ = load_ager(ager)
    pixels = np.stack(faces(3))
    for file in made:
        session = runtime.InferenceSession(file.onnx, providers=["CPUExecutionProvider"])
        (aged,) = session.run(["aged"], {"pixels": pixels})
        with torch.no_grad():
            wanted = to_pixels(network(to_network(torch.from_numpy(pixels)), file.to)).numpy()
        assert aged.dtype == np.uint8
        assert np.abs(aged.astype(int) - wanted).max() <= 1
        assert json.loads(file.card.read_text())["to"] == file.to
    with pytest.raises(ModelError, match="is an ager, not an estimator"):
        agekit.load(made[0].onnx)


@pytest.mark.slow
def test_one_direction_of_an_ager(ager, tmp_path):
    with pytest.raises(ConfigError, match="an ager makes two files"):
        export_onnx(ager, tmp_path / "one.onnx")
    (file,) = export_onnx(ager, tmp_path / "one.onnx", "young")
    assert (file.onnx, file.to) == (tmp_path / "one.onnx", "young")


def test_images_in_files(exported, tmp_path):
    path = tmp_path / "face.png"
    Image.fromarray(faces()[1]).save(path)
    (tmp_path / "bad.png").write_bytes(b"no image")
    answers = agekit.load(exported.onnx).predict([path, tmp_path / "bad.png"], False)
    (alone,) = agekit.load(exported.onnx).estimate([Chip(faces()[1])])
    assert answers[0].faces[0].age == pytest.approx(alone.age, abs=1e-4)
    assert "not an image" in answers[1].error
