"""A third kind of model from a plugin: trained, scored, published, pulled and asked by the core."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from agekit_gender.metrics import scores
from agekit_gender.model import GenderClassifier, build_classifier
from agekit_gender.trainer import GenderStep
from agekit_gender.training import with_gender
from agekit_synthfaces import write_face
from agekit_testkit import check_task
from agekit_testkit.hub import LoopbackHub

import agekit
from agekit.cli import main
from agekit.data.split import load_faces
from agekit.errors import ConfigError, DataError, ModelError
from agekit.plugin import load_attribute
from agekit.recipe import PartConfig, resolve
from agekit.zoo.add import entry_of
from agekit.zoo.folder import load_network, read_config
from agekit.zoo.index import find_model
from agekit.zoo.verify import verify

TRAIN = ["train", "gender-resnet10-tiny", "synthfaces", "--protocol", "synthfaces:tiny"]
SHORT = ["--preset", "quick", "--epochs", "1", "--set", "data.size=32", "--device", "cpu"]


def run(*words: object) -> int:
    """The exit status of a command."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of a training of one epoch, through the command line."""
    out = tmp_path_factory.mktemp("gender") / "run"
    assert run(*TRAIN, *SHORT, "--out", out) == 0
    return out / "model"


@pytest.fixture
def answer(capsys: pytest.CaptureFixture[str]) -> Any:
    def ask(*words: str) -> Any:
        capsys.readouterr()
        assert run(*words, "--json") == 0
        return json.loads(capsys.readouterr().out)

    return ask


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = run(*words)
    return code, capsys.readouterr().err


def test_the_task_is_one() -> None:
    check_task("gender")


def test_figures_by_hand() -> None:
    female = np.array([0.9, 0.4, 0.2, 0.6, 0.7])
    gender = np.array([1, 1, 0, 0, 1], np.int8)
    found = scores(female, gender, np.array([5, 15, 12, 31, 38]))
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["recall"] == {"male": 0.5, "female": pytest.approx(2 / 3)}
    assert found["balanced_accuracy"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found["error"] == pytest.approx(1 - found["balanced_accuracy"])
    assert [(row["ages"], row["n"]) for row in found["by_age"]] == [
        ("0-9", 1),
        ("10-19", 2),
        ("30-39", 2),
    ]
    one = scores(female[gender == 1], gender[gender == 1], np.zeros(3))
    assert one["balanced_accuracy"] == one["recall"]["female"]


def test_both_genders_weigh_the_same() -> None:
    """Of three women and one man each logit's gradient is that of half a batch each."""
    step = GenderStep(
        build_classifier(PartConfig(type="resnet10-tiny"), 32, 0), torch.ones(4), None
    )
    step = GenderStep(step.network, torch.tensor([1.0, 1, 1, 0]), None)
    loss = step._loss(torch.zeros(4), torch.tensor([1.0, 1, 1, 0]))
    assert loss[:3].sum() == pytest.approx(float(loss[3]))


def test_a_face_and_its_mirror_image_are_told_alike() -> None:
    network: GenderClassifier = build_classifier(PartConfig(type="resnet10-tiny"), 32, 0).eval()
    images = torch.rand(2, 3, 32, 32)
    assert torch.allclose(network.female(images), network.female(images.flip(-1)), atol=1e-6)


def test_faces_of_unknown_gender_are_left_out() -> None:
    faces = load_faces("synthfaces", protocol="synthfaces:tiny")
    faces.table.gender[:3] = -1
    kept = with_gender(faces)
    assert (kept.codes[:3] == -1).all() and (kept.codes[3:] == faces.codes[3:]).all()
    faces.table.gender[:] = -1
    with pytest.raises(DataError, match="says the gender of none"):
        with_gender(faces)


@pytest.mark.slow
def test_it_is_trained_and_kept(model: Path) -> None:
    config = read_config(model)
    assert (config.task, config.network) == ("gender", "resnet10-tiny")
    assert "agekit-gender" in config.requires
    metrics = json.loads((model / "metrics.json").read_text())
    assert 0 <= metrics["test"]["balanced_accuracy"] <= 1
    card = (model / "README.md").read_text()
    assert "--with MODEL" in card and "balanced over the genders" in card


def test_it_is_scored(model: Path, answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer("evaluate", str(model), "synthfaces", "--protocol", "synthfaces:tiny")
    assert found["task"] == "gender" and set(found["metrics"]["recall"]) == {"male", "female"}
    words = ["evaluate", str(model), "synthfaces", "--protocol", "synthfaces:tiny"]
    code, err = told(capsys, *words, "--judge", "x")
    assert code == 1 and "is a gender classifier, which takes no judges" in err


@pytest.mark.slow
def test_it_is_shown_beside_the_age(
    model: Path, answer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = str(write_face(tmp_path / "photo.png", 30, size=256))
    [plain] = answer("predict", photo, "--device", "cpu")
    [found] = answer("predict", photo, "--with", str(model), "--device", "cpu")
    for face, before in zip(found["faces"], plain["faces"], strict=True):
        gender = face.pop("gender")
        assert face == before
        assert gender["label"] == max(gender["p"], key=gender["p"].get)
        assert sum(gender["p"].values()) == pytest.approx(1, abs=1e-3)
    [chip] = answer("predict", photo, "--with", str(model), "--no-detect", "--device", "cpu")
    assert chip["faces"][0]["gender"]["label"] in ("male", "female")
    run("predict", photo, "--with", model, "--no-detect", "--csv", "-", "--device", "cpu")
    head, row = capsys.readouterr().out.splitlines()
    assert head.split(",")[-1] == "gender" and row.split(",")[-1] in ("male", "female")


WITHOUT = """
import sys
from importlib import util
hidden, find_spec = {"torch", "torchvision", "timm", "mmengine"}, util.find_spec
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
util.find_spec = lambda name: None if name in hidden else find_spec(name)
from agekit.cli import main
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_the_bundled_model_needs_no_torch(tmp_path: Path) -> None:
    photo = write_face(tmp_path / "photo.png", 30, size=96)
    words = ["predict", str(photo), "--no-detect", "--json", "--with", "gender"]

    def ask(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT, *words, *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    done = ask()
    assert done.returncode == 0, done.stderr
    [answer] = json.loads(done.stdout)
    by_onnx, by_torch = (load_attribute("gender", "cpu", how) for how in ("onnx", "torch"))
    chips = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)
    assert np.allclose(by_onnx.run(chips)["female"], by_torch.run(chips)["female"], atol=1e-5)
    [prediction] = agekit.load(device="cpu").predict([photo], detect=False)
    assert answer["faces"][0]["age"] == pytest.approx(prediction.faces[0].age, abs=0.1)
    assert set(answer["faces"][0]["gender"]["p"]) == {"male", "female"}
    done = ask("--runtime", "torch")
    assert (done.returncode, done.stdout) == (1, "") and "needs torch" in done.stderr


def test_a_model_without_a_graph_runs_by_torch(model: Path) -> None:
    """Asked for ONNX Runtime, it says that it has to be exported."""
    assert not read_config(model).onnx_sha256
    chips = np.zeros((1, 32, 32, 3), np.uint8)
    [said] = load_attribute(str(model), "cpu").answer({"female": np.array([0.25])})
    assert said.value["label"] == "male" and said.value["p"] == {"male": 0.75, "female": 0.25}
    assert load_attribute(str(model), "cpu").run(chips)["female"].shape == (1,)
    with pytest.raises(ModelError, match="was not exported yet"):
        load_attribute(str(model), "cpu", "onnx")


@pytest.mark.parametrize(
    ("others", "says"),
    [
        (["--with", "estimator"], "is an estimator, which adds nothing to the answer about a face"),
        (["--with", "gendre"], "there is no model 'gendre'"),
        (["--with", "{model}", "--with", "{model}"], "two models say the gender of a face"),
        (["--model", "{model}"], "is a gender classifier, not an estimator"),
    ],
)
def test_what_cannot_say_it_is_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], others: list[str], says: str
) -> None:
    photo = str(write_face(tmp_path / "photo.png", 30))
    words = [word.format(model=model) for word in others]
    (tmp_path / "broken.png").write_bytes(b"no image")
    code, err = told(capsys, "predict", photo, str(tmp_path), "--device", "cpu", *words)
    assert code != 0 and says in err
    assert "broken.png" not in err and "licence" not in err, "refused before work begins"


def test_it_is_published_listed_and_pulled(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    index = tmp_path / "zoo"
    assert run("zoo", "add", model, "--name", "genders", "--out", index, "--default") == 0
    monkeypatch.setenv("AGEKIT_ZOO", str(index))
    listed = find_model("genders")
    assert listed is not None and verify(index / "genders", entry_of(listed)) == []
    with LoopbackHub() as hub:
        for name, value in (hub.env | {"AGEKIT_CACHE": str(tmp_path / "cache")}).items():
            monkeypatch.setenv(name, value)
        files = {path.name: path.read_bytes() for path in (index / "genders").iterdir()}
        commit = hub.put("org/genders", files)
        told = json.loads((index / "genders.json").read_text())
        told |= {"source": "hf-hub:org/genders", "revision": commit}
        (index / "genders.json").write_text(json.dumps(told))
        rows = {row["name"]: row for row in answer("zoo", "list", "--task", "gender")}
        assert rows["genders"]["task"] == "gender" and not rows["genders"]["cached"]
        assert run("zoo", "pull", "genders") == 0
        photo = str(write_face(tmp_path / "photo.png", 30))
        [found] = answer("predict", photo, "--with", "gender", "--no-detect", "--device", "cpu")
    assert found["faces"][0]["gender"]["label"] in ("male", "female")


def test_a_model_of_another_kind_is_no_start(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reg = ["train", "reg-resnet10-tiny", "synthfaces", "--init", str(model)]
    code, err = told(capsys, *reg, *SHORT, "--out", str(tmp_path / "run"))
    assert code == 1 and "is a gender classifier, not an estimator" in err
    assert not (tmp_path / "run").exists()


def test_the_weights_are_those_of_the_network(model: Path) -> None:
    network, config = load_network(model)
    assert sum(p.numel() for p in network.parameters()) == config.parameters
    assert resolve("gender-resnet10-tiny").recipe.network.type == config.network


def test_its_recipes_build_no_estimator() -> None:
    with pytest.raises(ConfigError, match="is a recipe of the kind 'gender', not of an estimator"):
        agekit.build("gender-resnet10-tiny")
