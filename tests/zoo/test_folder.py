from __future__ import annotations

import json
import os

import pytest
import torch

import agekit
from agekit._loading import how_to_upgrade
from agekit.errors import ModelError
from agekit.tasks.estimator.build import load_estimator
from agekit.zoo import folder as files
from agekit.zoo.folder import read_config, save_model
from agekit.zoo.locate import locate


@pytest.fixture
def model(make_model):
    return make_model()


def change(model, **changes):
    """Changes keys of the configuration, `a__b` for b within a."""
    path = model / files.CONFIG
    config = json.loads(path.read_text())
    for key, value in changes.items():
        *outer, last = key.split("__")
        node = config
        for name in outer:
            node = node[name]
        node[last] = value
    path.write_text(json.dumps(config))


def refused(model):
    with pytest.raises(ModelError) as error:
        load_estimator(model)
    assert "\n" not in error.value.message
    assert len(error.value.message) < 900
    return error.value.message


def test_round_trip_gives_the_same_outputs(model, tmp_path):
    network, config = load_estimator(model)
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    original = agekit.build("ldl-reg-resnet10-tiny", ages=(10, 40), size=32).eval()
    original.correction = 1.5
    with torch.no_grad():
        one, two = original(images), network(images)
    for head in ("ldl", "reg"):
        torch.testing.assert_close(one[head], two[head])
    one, two = original.estimate(one), network.estimate(two)
    for field in ("age", "low", "high", "distribution"):
        torch.testing.assert_close(getattr(one, field), getattr(two, field))
    assert not network.training
    save_model(tmp_path / "again", network, config, {}, "")
    assert (tmp_path / "again" / files.CONFIG).read_text() == (model / files.CONFIG).read_text()


def test_a_model_folder_holds_four_plain_files(model):
    assert sorted(os.listdir(model)) == [
        "README.md",
        "config.json",
        "metrics.json",
        "model.safetensors",
    ]
    assert sorted(os.listdir(model.parent)) == ["model"]
    config = json.loads((model / "config.json").read_text())
    assert config["schema_version"] == 1
    assert config["backbone"] == {"type": "resnet10-tiny"}
    assert config["heads"] == {"ldl": {"type": "ldl"}, "reg": {"type": "regression"}}
    assert (config["ages"], config["rule"]) == ([10, 40], "expectation")
    assert config["interval"] == {"level": 0.9, "margin": 1.5, "calibrated_on": "val"}
    assert set(config["requires"]) == {"agekit-core", "agekit-ldl", "agekit-regression"}


def test_saving_replaces_the_whole_folder(model, make_model):
    (model / "left.txt").write_text("")
    make_model(ages=(0, 5))
    assert read_config(model).ages == (0, 5)
    assert not (model / "left.txt").exists()
    assert os.listdir(model.parent) == ["model"]


def test_pretrained_is_stored_as_false(make_model):
    recipe = "reg-timm/resnet10t"
    model = make_model(recipe, overrides=["backbone.pretrained=true"])
    stored = json.loads((model / "config.json").read_text())["backbone"]
    assert stored == {"type": "timm/resnet10t", "pretrained": False}


def test_a_config_that_asks_for_pretrained_weights_fetches_none(make_model, monkeypatch):
    model = make_model("reg-timm/resnet10t")
    change(model, backbone__pretrained=True)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    asked = []
    monkeypatch.setattr("timm.models._builder.load_pretrained", lambda *a, **k: asked.append(a))
    load_estimator(model)
    assert asked == []


def test_run_folders_and_model_folders_are_found(model):
    assert locate(model) == model
    assert locate(str(model.parent)) == model


def test_no_model_and_an_unfinished_run(tmp_path):
    with pytest.raises(ModelError, match=r"there is no model '.*none'"):
        locate(tmp_path / "none")
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ModelError, match="it is not finished") as error:
        locate(tmp_path)
    assert "--resume" in error.value.hint


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"code": "os.system"}, "code: there is no such key"),
        ({"image__code": 1}, "image.code: there is no such key"),
        ({"schema_version": 2}, "schema_version: Input should be 1"),
        ({"task": "ager"}, "heads: there is no such key"),
        ({"task": "judge"}, "nothing installed here makes models of the task 'judge'"),
        ({"task": "agers"}, "did you mean 'ager'?"),
        ({"ages": [0, 1_000_000]}, "ages.1: Input should be less than or equal to 150"),
        ({"ages": [-1, 50]}, "ages.0: "),
        ({"ages": [40, 10]}, "the label ages 40-10 are not usable"),
        ({"ages": [10, 40.5]}, "ages.1: "),
        ({"ages": [10]}, "ages.1: is missing"),
        ({"image__size": 100_000}, "image.size: Input should be less than or equal to 1024"),
        ({"image__std": [0, 1, 1]}, "image.std.0: Input should be greater than 0"),
        ({"image__mean": [float("nan"), 0, 0]}, "image.mean.0: Input should be a finite number"),
        ({"interval__margin": float("inf")}, "interval.margin: Input should be a finite number"),
        ({"interval__level": 1.0}, "interval.level: Input should be less than 1"),
        ({"rule": "mode"}, "rule: Input should be 'expectation' or 'median'"),
        ({"heads": {}}, "heads: Dictionary should have at least 1 item"),
        ({"heads": {"a.b": {"type": "ldl"}}}, "a head's name is letters, digits"),
        ({"heads__ldl__type": "torch.nn:Linear"}, "no head named 'torch.nn:Linear'"),
        ({"heads__ldl__no_such": 3}, "no_such"),
        ({"backbone__type": "os:system"}, "no backbone named 'os:system'"),
        ({"backbone__type": "agekit.tasks.estimator.resnet:resnet18"}, "no backbone named"),
        ({"backbone__type": "timm/hf-hub:nobody/nothing"}, "timm has no model 'hf-hub:"),
        ({"backbone__type": "timm/local-dir:/tmp"}, "timm has no model 'local-dir:"),
        (
            {"backbone": {"type": "timm/resnet10t", "checkpoint_path": "weights.pth"}},
            "does not take checkpoint_path",
        ),
        ({"backbone__type": "resnet18"}, "do not fit"),
        ({"ages": [10, 90]}, "do not fit"),
        ({"heads": {"ldl": {"type": "ldl"}}}, "do not fit"),
    ],
)
def test_configurations_that_are_refused(model, changes, says):
    change(model, **changes)
    assert says in refused(model)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"name": "\\ud800"}'])
def test_configurations_that_are_no_configuration(model, text):
    (model / files.CONFIG).write_text(text)
    assert "is not a valid model configuration" in refused(model)


def test_a_configuration_in_another_encoding(model):
    (model / files.CONFIG).write_bytes(b"\xff\xfe\x00")
    assert "cannot read" in refused(model)


@pytest.mark.parametrize("keep", [0, 4, 100, 1_000_000])
def test_truncated_weights(model, keep):
    path = model / files.WEIGHTS
    path.write_bytes(path.read_bytes()[:keep])
    assert "cannot read the weights" in refused(model)


def test_a_flipped_bit_of_the_weights(model):
    path = model / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"damaged or of another model: their SHA-256 is"):
        load_estimator(model)


def test_a_configuration_without_the_hash_of_its_weights(model):
    config = json.loads((model / "config.json").read_text())
    assert len(config.pop("weights_sha256")) == 64
    (model / "config.json").write_text(json.dumps(config))
    load_estimator(model)


def test_weights_that_are_a_pickle(model):
    torch.save({"a": torch.zeros(1)}, model / files.WEIGHTS)
    assert "cannot read the weights" in refused(model)


@pytest.mark.parametrize("name", [files.CONFIG, files.WEIGHTS])
def test_missing_files(model, name):
    (model / name).unlink()
    assert name in refused(model)


def test_a_newer_configuration_says_to_upgrade(model):
    change(model, schema_version=2)
    with pytest.raises(ModelError) as error:
        load_estimator(model)
    assert how_to_upgrade("agekit-core") in error.value.hint
