from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from agekit.errors import ConfigError
from agekit.recipe import resolve
from agekit.recipe.merge import assigned
from agekit.registry import RECIPES

SHIPPED = [
    (name, preset)
    for name in RECIPES.names()
    for preset in (None, *(RECIPES.get(name).get("presets") or {}))
]
ALL_WRONG = """
import sys
from agekit.errors import ConfigError
from agekit.recipe import resolve
from agekit.recipe.merge import assigned
try:
    resolve(
        "cen-resnet81",
        dataset="synthface",
        preset="quik",
        overrides=[
            "train.epoch=3",
            "train.batch_size=big",
            "data.agument.flip=0",
            "evolver.offspring.0.alfa=1",
            "evolver.ancestor.1.weight=heavy",
            "evolver.ancestor.0.head=lld",
            "heads.ldl.temperture=2",
        ],
    )
except ConfigError as error:
    print(*error.mistakes, sep="\\n")
print(*sys.modules, file=sys.stderr)
"""


@pytest.fixture
def recipe_file(tmp_path):
    """Writes the recipe `reg` on ResNet10-Tiny, changed, to a file."""

    def write(**changes):
        recipe = {**RECIPES.get("reg"), "backbone": "resnet10-tiny", **changes}
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump({k: v for k, v in recipe.items() if v is not None}))
        return str(path)

    return write


@pytest.mark.parametrize(("name", "preset"), SHIPPED)
def test_every_shipped_recipe_resolves_with_each_preset(name, preset, tmp_path):
    ager = name.startswith(("cyclegan", "prototypes", "reaging"))
    resolved = resolve(f"{name}-{'resnet-6blocks' if ager else 'resnet10-tiny'}", preset=preset)
    chosen = resolved.recipe.generator if ager else resolved.recipe.backbone
    assert chosen.type in ("resnet10-tiny", "resnet-6blocks")
    path = tmp_path / "again.yaml"
    path.write_text(resolved.to_yaml())
    assert resolve(str(path)).recipe == resolved.recipe


def test_what_a_preset_says_of_a_part_is_of_that_part_alone():
    own = resolve("ssrnet", preset="quick").recipe.backbone
    assert own.arguments == {"size": 64, "bins": [3, 3, 3], "momentum": 0.1}
    other = resolve("ssrnet-resnet10-tiny", preset="quick").recipe
    assert (other.backbone.type, other.backbone.arguments) == ("resnet10-tiny", {})
    assert other.train.epochs == 20
    chosen = resolve("cyclegan-resnet-9blocks", preset="quick").recipe.generator
    assert (chosen.type, chosen.arguments) == ("resnet-9blocks", {})
    assert resolve("cyclegan-resnet-6blocks", preset="quick").recipe.generator.arguments == {
        "width": 24
    }


def test_what_is_null_can_be_reached_into():
    assert resolve("cyclegan").recipe.data.sample is None
    sample = resolve("cyclegan", overrides=["data.sample.test=0.1"]).recipe.data.sample
    assert (sample.per_domain, sample.test, sample.seed) == (None, 0.1, 0)
    with pytest.raises(ConfigError, match=r"data\.sample\.tests"):
        resolve("cyclegan", overrides=["data.sample.tests=0.1"])


def test_every_recipe_file_of_the_workspace_is_registered():
    registered = {RECIPES.path(name).resolve() for name in RECIPES.names()}
    root = Path(__file__).resolve().parents[2]
    files = {path.resolve() for path in root.glob("plugins/*/src/**/recipes/*.yaml")}
    assert files
    assert files <= registered


@pytest.mark.parametrize("name", ["cen", "ldl-reg", "ldl", "reg"])
def test_the_papers_training(name):
    train = resolve(f"{name}-resnet18").recipe.train
    assert (train.epochs, train.batch_size) == (160, 128)
    optimizer = train.optimizer.model_dump(exclude_none=True)
    assert optimizer == {"type": "SGD", "lr": 0.01, "momentum": 0.9, "weight_decay": 1e-4}
    schedule = train.schedule
    assert (schedule.type, schedule.every, schedule.factor) == ("step", 40, 0.1)
    data = resolve(f"{name}-resnet18").recipe.data
    assert data.size == 224
    assert data.augment.model_dump() == {
        "crop_scale": (0.8, 1.0),
        "crop_ratio": (0.8, 1.25),
        "flip": 0.5,
    }


@pytest.mark.parametrize("name", ["cen", "ldl-reg", "ldl", "reg"])
def test_finetune_is_the_papers_second_stage(name):
    whole = resolve(f"{name}-resnet18").recipe
    tuned = resolve(f"{name}-resnet18", preset="finetune").recipe
    assert tuned.train.optimizer.lr == 0.001
    assert tuned.train.optimizer.momentum == 0.9
    slower = whole.train.optimizer.model_copy(update={"lr": 0.001})
    assert tuned == whole.model_copy(
        update={"train": whole.train.model_copy(update={"optimizer": slower})}
    )


def test_the_papers_terms():
    evolver = resolve("cen-resnet18").recipe.evolver.arguments
    assert evolver == {
        "generations": 3,
        "ancestor": [
            {"type": "cross-entropy", "head": "ldl"},
            {"type": "l1", "head": "reg", "weight": 4},
        ],
        "offspring": [
            {"type": "evolved-ldl", "head": "ldl", "alpha": 0.5, "tau": 2},
            {"type": "slack-l1", "head": "reg", "weight": 4},
        ],
    }


def test_every_mistake_at_once_with_the_nearest_names_and_nothing_heavy_imported():
    done = subprocess.run(
        [sys.executable, "-c", ALL_WRONG], env={**os.environ}, capture_output=True, text=True
    )
    mistakes = done.stdout.splitlines()
    for expected in (
        "no dataset named 'synthface'; did you mean 'synthfaces'",
        "no preset 'quik'; did you mean 'quick'?",
        "no backbone named 'resnet81'; did you mean 'resnet18'",
        "train.epoch: there is no such key; did you mean 'epochs'?",
        "train.batch_size: Input should be a valid integer (got 'big')",
        "--set data.agument.flip: there is no key 'agument'; did you mean 'augment'?",
        "evolver.offspring.0: loss 'evolved-ldl' has no argument 'alfa'; did you mean 'alpha'?",
        "evolver.ancestor.1.weight: must be a number (got 'heavy')",
        "evolver.ancestor.0.head: the recipe has no head 'lld'; did you mean 'ldl'?",
        "heads.ldl: head 'ldl' has no argument 'temperture'; did you mean 'temperature'?",
    ):
        assert [m for m in mistakes if expected in m], (expected, done.stdout, done.stderr)
    assert len(mistakes) == 10
    heavy = ("torch", "timm", "mmengine", "numpy", "agekit_")
    assert not [name for name in done.stderr.split() if name.startswith(heavy)]


def test_an_open_backbone_is_one_mistake_among_the_others():
    with pytest.raises(ConfigError) as error:
        resolve("cen", overrides=["train.epoch=3"])
    assert error.value.mistakes == [
        "the recipe 'cen' leaves its backbone open; name one, such as cen-resnet18",
        "train.epoch: there is no such key; did you mean 'epochs'?",
    ]


def test_a_backbone_by_override():
    assert resolve("cen", overrides=["backbone=resnet10"]).recipe.backbone.type == "resnet10"


@pytest.mark.parametrize("name", ["cne-resnet18", "", "cen-", "cen-timm/"])
def test_names_that_are_none(name):
    with pytest.raises(ConfigError, match=r"no (recipe|backbone) is named"):
        resolve(name)


def test_a_name_may_say_its_distribution():
    assert resolve("agekit-cen:cen-agekit:resnet18").recipe.backbone.type == "agekit:resnet18"


def test_options_come_before_overrides():
    resolved = resolve("cen-resnet18", epochs=5, generations=2, overrides=["train.epochs=7"])
    assert resolved.recipe.train.epochs == 7
    assert resolved.recipe.evolver.arguments["generations"] == 2


def test_generations_of_a_single_network_are_refused():
    with pytest.raises(ConfigError, match="'single' has no argument 'generations'"):
        resolve("ldl-resnet18", generations=2)


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("estimate.rule=median", lambda r: r.estimate.rule == "median"),
        ("data.augment.flip=0", lambda r: r.data.augment.flip == 0),
        ("data.augment=null", lambda r: r.data.augment is None),
        ("train.schedule.warmup=0.1", lambda r: r.train.schedule.warmup == 0.1),
        ("train.ema=0.99", lambda r: r.train.ema == 0.99),
        ("train.optimizer.lr=1e-5", lambda r: r.train.optimizer.lr == 1e-5),
        ("train.optimizer={type: AdamW, lr: 1}", lambda r: r.train.optimizer.momentum is None),
        ("heads.reg.type=regression", lambda r: r.heads["reg"].arguments == {}),
    ],
)
def test_overrides_and_the_way_back_through_yaml(assignment, value, tmp_path, recipe_file):
    for name in ("reg-resnet18", recipe_file(data=None, estimate=None)):
        resolved = resolve(name, overrides=[assignment])
        assert value(resolved.recipe)
        path = tmp_path / "again.yaml"
        path.write_text(resolved.to_yaml())
        assert resolve(str(path)).recipe == resolved.recipe


@pytest.mark.parametrize(
    ("assignment", "mistake"),
    [
        ("data.size=8", "data.size: Input should be greater than or equal to 16 (got 8)"),
        ("data.size=64.5", "data.size: Input should be a valid integer"),
        ("data.mean=[0.5, 0.5]", "data.mean.2: is missing"),
        ("data.std=[0, 1, 1]", "data.std.0: Input should be greater than 0"),
        ("data.augment.crop_scale=[0.9, 0.8]", "crop_scale must be [low, high]"),
        ("data.augment.crop_ratio=[2, 1]", "crop_ratio must be [low, high]"),
        ("train.epochs=0", "train.epochs: Input should be greater than 0"),
        ("train.optimizer.lr=.nan", "--set train.optimizer.lr: "),
        ("train.optimizer.type=AdamW", "optimizer 'AdamW' has no argument 'momentum'"),
        ("train.optimizer.type=Liom", "no optimizer named 'Liom'; did you mean 'timm/lion'"),
        ("train.optimizer={nesterov: true, momentum: 0}", "nesterov needs a momentum above 0"),
        ("train.schedule.type=cosin", "no schedule named 'cosin'; did you mean 'cosine'?"),
        ("estimate.rule=mode", "estimate.rule: Input should be 'expectation' or 'median'"),
        ("estimate.level=1", "estimate.level: Input should be less than 1"),
        ("heads=null", "heads: an estimator needs at least one head"),
        ("heads={a.b: {type: ldl}}", "a head's name is letters, digits"),
        ("heads.ldl={type: lld}", "heads.ldl: no head named 'lld'; did you mean 'ldl'?"),
        ("heads.ldl.ages=[0, 3]", "heads.ldl: head 'ldl': 'ages' is set by agekit"),
        ("evolver.ancestor=[]", "evolver.ancestor: must be a list of at least one loss term"),
        ("evolver.ancestor=[3]", "evolver.ancestor.0: must be a mapping with a type"),
        ("evolver.ancestor=[{type: l1}]", "evolver.ancestor.0.head: must name one of"),
        ("evolver.ancestor=[{type: l1, head: [reg]}]", "evolver.ancestor.0.head: must name one of"),
        ("evolver.ancestor.0.weight=true", "evolver.ancestor.0.weight: must be a number"),
        ("evolver.generations=two", "generations must be int, not 'two' (str)"),
        ("evolver.outputs=cached", "outputs must be Literal['stored', 'online']"),
        ("evolver.type=copled", "evolver: no evolver named 'copled'; did you mean 'coupled'?"),
        ("evolver=coupled", "evolver: must be a mapping with a type"),
        ("train=null", "train: Input should be an object"),
        ("kind=estimater", "kind: Input should be 'estimator'"),
        ("bakcbone=1", "bakcbone: there is no such key; did you mean 'backbone'?"),
    ],
)
def test_mistakes_in_values(assignment, mistake):
    with pytest.raises(ConfigError) as error:
        resolve("cen-resnet18", overrides=[assignment])
    assert any(mistake in line for line in error.value.mistakes), error.value.mistakes


def test_a_file_is_a_recipe(recipe_file):
    resolved = resolve(recipe_file(), preset="quick", overrides=["train.epochs=2"])
    recipe = resolved.recipe
    assert recipe.backbone.type == "resnet10-tiny"
    assert (recipe.train.epochs, recipe.data.size) == (2, 64)
    assert recipe.train.optimizer.type == "AdamW"
    assert recipe.train.optimizer.momentum is None


def test_a_file_without_a_backbone_says_how_to_add_one(recipe_file):
    with pytest.raises(ConfigError, match=r"add one to it, such as backbone: \{type: resnet18\}"):
        resolve(recipe_file(backbone=None))


@pytest.mark.parametrize("presets", [["quick"], {"quick": None}, "quick"])
def test_presets_of_another_shape(recipe_file, presets):
    for preset in (None, "quick"):
        with pytest.raises(ConfigError, match="presets: must be a mapping of names to mappings"):
            resolve(recipe_file(presets=presets), preset=preset)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "cannot read the recipe .*mine.yaml: while parsing"),
        ("- a", "mine.yaml is not a mapping"),
        ("", "mine.yaml is not a mapping"),
        ("2019-01-02: 3", "does not hold plain data"),
        ("a: &a [*a]", "does not hold plain data"),
        ("a: .inf", "does not hold plain data"),
        ("a: !!python/object/apply:os.getcwd []", "cannot read the recipe"),
        ("a: \x00", "cannot read the recipe"),
    ],
)
def test_files_that_are_no_recipe(tmp_path, text, says):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says) as error:
        resolve(str(path))
    assert all("\n" not in line for line in error.value.mistakes)


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="there is no file"):
        resolve(str(tmp_path / "none.yaml"))


def test_a_recipe_that_was_written_down_is_known_again() -> None:
    """By an older agekit without a key, or with what a training took from its model."""
    resolved = resolve("reg-resnet10-tiny", preset="quick")
    written = json.loads(resolved.recipe.model_dump_json())
    assert resolved.was(written)
    assert not resolved.was({}) and not resolved.was({**written, "heads": {}})
    older = {key: value for key, value in written.items() if key != "estimate"}
    older["train"] = {k: v for k, v in written["train"].items() if k not in ("keep", "init_lr")}
    assert not resolved.was(older), "the preset sets estimate and init_lr"
    older = {**written, "train": {k: v for k, v in written["train"].items() if k != "keep"}}
    assert resolved.was(older)
    kept = resolve("reg-resnet10-tiny", preset="quick", overrides=["train.keep=best"])
    assert not kept.was(older)
    started = {**written, "data": {**written["data"], "size": 96, "ages": [1, 90]}}
    assert resolved.was(started, started=True) and not resolved.was(started)
    other = {**started, "estimate": {"rule": "expectation"}}
    assert not resolved.was(other, started=True)


def test_which_keys_assignments_set() -> None:
    asked = ["data.size=64", "data.augment.flip=0", "train={optimizer: {lr: 0.1}}"]
    assert assigned(asked, "data") == {"size", "augment"}
    assert assigned(asked, "train", "optimizer") == {"lr"}
    assert assigned([*asked, "data={mean: [0, 0, 0]}"], "data") == {"size", "augment", "mean"}
    assert assigned(asked, "estimate") == assigned(["data=5"], "data") == set()
