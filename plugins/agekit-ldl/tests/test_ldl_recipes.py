"""The recipes of the label-distribution family: names, terms, presets, and that they learn."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from agekit.cli import agekit
from agekit.data.split import load_faces
from agekit.errors import ConfigError
from agekit.recipe import resolve
from agekit.registry import BACKBONES, RECIPES
from agekit.tasks.estimator.metrics import mae

OPEN = ("dex", "dldl", "dldl-v2", "mean-variance", "posterior", "sord", "unimodal")
TERMS = {
    "dex": [("cross-entropy", "ldl", 1.0, {})],
    "dldl": [("gaussian-ldl", "ldl", 1.0, {"sigma": 2.0})],
    "dldl-v2": [("gaussian-ldl", "ldl", 1.0, {"sigma": 2.0}), ("expectation-l1", "ldl", 1, {})],
    "mean-variance": [
        ("cross-entropy", "ldl", 1.0, {}),
        ("mean", "ldl", 0.2, {}),
        ("variance", "ldl", 0.05, {}),
    ],
    "posterior": [
        ("age-comparison", "posterior", 1.0, {"gap": 3}),
        ("posterior-cross-entropy", "posterior", 1.0, {"sigma": 2.0}),
    ],
    "sord": [("sord", "ldl", 1.0, {"phi": "absolute"})],
    "unimodal": [("concentration", "ldl", 1.0, {}), ("unimodal", "ldl", 1000, {})],
}


def raw(name):
    return yaml.safe_load(RECIPES.path(name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", OPEN)
def test_the_terms_of_the_paper(name):
    terms = [dict(term) for term in resolve(f"{name}-resnet18").recipe.evolver.arguments["losses"]]
    found = [(t.pop("type"), t.pop("head"), t.pop("weight", 1.0), t) for t in terms]
    assert found == TERMS[name]


@pytest.mark.parametrize("name", OPEN)
def test_quick_differs_from_ldl_in_the_method_alone(name):
    mine, other = raw(name)["presets"]["quick"], raw("ldl")["presets"]["quick"]
    assert mine["train"] == other["train"]
    assert mine["data"] == other["data"]
    rule = "expectation" if name == "dex" else "median"
    assert mine["estimate"] == {"rule": rule, "mirror": True}


@pytest.mark.parametrize("name", [name for name in OPEN if name != "dldl-v2"])
def test_trained_as_ldl_is(name):
    assert raw(name)["train"] == raw("ldl")["train"]
    assert raw(name)["presets"]["finetune"] == raw("ldl")["presets"]["finetune"]
    assert resolve(f"{name}-resnet18").recipe.estimate.rule == "expectation"


@pytest.mark.parametrize("network", ["tinyagenet", "thinagenet"])
def test_dldl_v2_on_its_own_networks(network):
    recipe = resolve(f"dldl-v2-{network}").recipe
    assert recipe.backbone.type == network
    train = recipe.train
    assert (train.epochs, train.batch_size) == (60, 128)
    assert (train.optimizer.type, train.optimizer.lr) == ("Adam", 0.001)
    assert (train.schedule.type, train.schedule.every, train.schedule.factor) == ("step", 30, 0.1)
    assert recipe.data.size == 224


def test_dex_on_its_own_network_and_on_any():
    fixed = resolve("dex-vgg16").recipe
    assert fixed.backbone.model_dump() == {"type": "timm/vgg16", "pretrained": True}
    assert fixed.estimate.rule == "expectation"
    again = resolve("dex-vgg16", overrides=["backbone.pretrained=false"]).recipe
    assert again.backbone.arguments == {"pretrained": False}
    assert resolve("dex-timm/vgg16").recipe.train.optimizer.lr == 0.01


def test_no_recipe_on_a_backbone_has_another_recipes_name():
    combined = {f"{r}-{b}" for r in RECIPES.names() for b in BACKBONES.names()}
    assert not combined & set(RECIPES.names())


def test_a_wrong_argument_is_found_before_anything_is_loaded():
    with pytest.raises(ConfigError, match="phi must be Literal"):
        resolve("sord-resnet18", overrides=["evolver.losses.0.phi=cubic"])


@pytest.fixture(scope="module")
def constant_guess():
    """The test MAE of always answering the median training age."""
    faces = load_faces("synthfaces", protocol="tiny")
    truth = faces.table.age[faces.rows("test")]
    guess = np.median(faces.table.age[faces.rows("train")])
    return mae(np.full(len(truth), guess), truth)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.heavy
@pytest.mark.parametrize("name", [*(f"{n}-resnet10-tiny" for n in OPEN), "dldl-v2-tinyagenet"])
def test_a_short_training_beats_the_constant_guess(
    name, constant_guess, cache, tmp_path, monkeypatch
):
    monkeypatch.setenv("AGEKIT_CACHE", str(cache))
    arguments = ["train", name, "synthfaces", "--protocol", "tiny", "--preset", "quick"]
    arguments += ["--epochs", "8", "--set", "data.size=32", "--set", "train.batch_size=32"]
    arguments += ["--device", "cpu", "--set", "train.amp=fp32", "--out", str(tmp_path / "run")]
    if name.startswith("unimodal"):
        arguments += ["--set", "evolver.losses.1.weight=10"]
    result = CliRunner().invoke(agekit, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    score = json.loads(result.stdout)["metrics"]["test"]["mae"]
    assert score < constant_guess - 1
