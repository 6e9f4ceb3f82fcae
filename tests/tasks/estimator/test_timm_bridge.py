"""timm's networks: their weights, how these take images, and repositories of the Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from agekit_testkit.hub import LoopbackHub
from safetensors.torch import load_file, save_file

from agekit.errors import UnknownNameError
from agekit.recipe import PartConfig, resolve
from agekit.tasks.estimator.build import without_pretrained
from agekit.tasks.estimator.timm_bridge import own_images, timm_backbone
from agekit.tasks.estimator.training import EstimatorTraining

NAME = "reg-timm/hf-hub:me/tiny"
OPTIONS = (
    *("synthfaces", "--protocol", "tiny", "--preset", "quick", "--epochs", "1"),
    *("--set", "data.size=32", "--set", "train.batch_size=32"),
)


@pytest.mark.parametrize(
    ("model", "size", "mean"),
    [("test_resnet", 160, 0.5), ("vit_small_patch14_dinov2.lvd142m", 518, 0.485)],
)
def test_weights_say_how_they_take_images(model, size, mean):
    own = own_images(PartConfig(type=f"timm/{model}", pretrained=True))
    assert (own["size"], own["mean"][0]) == (size, mean)
    assert own_images(PartConfig(type=f"timm/{model}")) == {}


@pytest.mark.parametrize(
    ("recipe", "overrides", "adopted"),
    [
        ("reg-timm/test_resnet", ["backbone.pretrained=true"], {"size", "mean", "std"}),
        ("reg-timm/test_resnet", ["backbone.pretrained=true", "data.size=64"], {"mean", "std"}),
        ("dex-vgg16", [], set()),
        ("reg-timm/test_resnet", [], set()),
        ("reg-resnet10-tiny", [], set()),
    ],
)
def test_images_are_taken_as_the_weights_do_where_nobody_says_otherwise(recipe, overrides, adopted):
    resolved = resolve(recipe, preset="quick", overrides=overrides)
    own, notes = EstimatorTraining().first_weights(resolved.recipe, resolved.said)
    assert own.keys() == adopted
    scratch = not any("pretrained" in word for word in overrides) and recipe != "dex-vgg16"
    assert notes[0].startswith("from scratch") == scratch
    assert any("images as its weights take them" in note for note in notes) == bool(adopted)
    changed = resolved.with_changes({"data": own})
    assert resolved.was(json.loads(changed.recipe.model_dump_json()))


def test_a_models_configuration_fetches_nothing():
    part = without_pretrained(PartConfig(type="timm/hf-hub:me/tiny"))
    with pytest.raises(UnknownNameError, match="timm has no model 'hf-hub:me/tiny' without"):
        timm_backbone("hf-hub:me/tiny", **part.arguments)


@pytest.fixture
def hub(tmp_path: Path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    with torch.random.fork_rng():
        torch.manual_seed(4)
        network = timm.create_model("test_resnet", num_classes=3)
    shown = {"input_size": [3, 96, 96], "mean": [0.4, 0.4, 0.4], "std": [0.2, 0.2, 0.2]}
    config = {
        "architecture": "test_resnet",
        "num_classes": 3,
        "pretrained_cfg": {**shown, "num_classes": 3, "first_conv": "conv1.0", "classifier": "fc"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    with LoopbackHub() as hub:
        hub.put("me/bare", folder)
        (folder / "config.json").write_text(json.dumps(config | {"architecture": "test_resnot"}))
        hub.put("me/odd", folder)
        (folder / "config.json").write_text(json.dumps(config))
        save_file(network.state_dict(), folder / "model.safetensors")
        hub.put("me/tiny", folder)
        yield hub, folder


def python(hub: LoopbackHub, *words: str, cwd: Path, **more: str):
    own = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment = own | hub.env | {"OMP_NUM_THREADS": "1", "COLUMNS": "300"} | more
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True)


@pytest.mark.slow
def test_a_repository_of_the_hub_is_a_backbone(hub, tmp_path):
    hub, folder = hub
    cache = {"AGEKIT_CACHE": str(tmp_path / "cache")}
    words = ("-m", "agekit", "train", NAME, *OPTIONS, "--out", tmp_path / "run")
    done = python(hub, *words, cwd=tmp_path, **cache)
    assert done.returncode == 0, done.stderr
    assert "timm/hf-hub:me/tiny begins with its pretrained weights" in done.stdout
    assert "images as its weights take them: mean" in done.stdout
    assert "images not as its weights take them, as set: size 32, not 96" in done.stdout
    config = json.loads((tmp_path / "run/model/config.json").read_text())
    assert config["backbone"] == {"type": "timm/test_resnet", "pretrained": False}
    assert config["image"]["mean"] == [0.4, 0.4, 0.4]
    theirs = load_file(folder / "model.safetensors")
    mine = load_file(tmp_path / "run/model/model.safetensors")
    name = "conv1.0.weight"
    change = (mine[f"backbone.{name}"] - theirs[name]).abs().max()
    assert 0 < change < 0.2 * theirs[name].abs().max()


TRIED = """
import sys
from agekit.errors import AgekitError
from agekit.tasks.estimator.timm_bridge import timm_backbone
for name in sys.argv[1:]:
    try:
        timm_backbone(name)
    except AgekitError as error:
        print(error.message)
"""


@pytest.mark.slow
def test_what_the_hub_does_not_give_is_told(hub, tmp_path):
    names = ("hf-hub:me/none", "hf-hub:me/bare", "hf-hub:me/odd", "hf-hub:../../etc", "local-dir:.")
    told = python(hub[0], "-c", TRIED, *names, cwd=tmp_path).stdout.splitlines()
    assert len(told) == len(names)
    for line, says in zip(
        told,
        (
            "timm/hf-hub:me/none cannot be read from the Hub: RepositoryNotFoundError",
            "timm/hf-hub:me/bare has no model.safetensors",
            "timm has no model 'test_resnot'; did you mean 'test_resnet'",
            "timm/hf-hub:../../etc is no repository of the Hub",
            "timm has no model 'local-dir:",
        ),
        strict=True,
    ):
        assert says in line
    offline = python(hub[0], "-c", TRIED, "hf-hub:me/tiny", cwd=tmp_path, HF_HUB_OFFLINE="1")
    assert "cannot be read from the Hub: LocalEntryNotFoundError" in offline.stdout
