"""A plugin that gives the names of others' parts too breaks no model, no recipe and no run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from agekit_bench.catalog import is_open
from agekit_bench.cells import _parse_protocol
from agekit_bench.suite import OnProtocol
from agekit_synthfaces import write_face
from agekit_testkit.models import write_untrained

import agekit
from agekit import discovery
from agekit.cli import main
from agekit.data.split import load_faces
from agekit.errors import AgekitError, ConflictError, ModelError, PluginError
from agekit.faces.base import Detector
from agekit.recipe import resolve
from agekit.registry import BACKBONES, DETECTORS, HEADS, LOSSES, RECIPES, REGISTRIES
from agekit.scope import within, within_distribution
from agekit.tasks.estimator.build import load_estimator
from conftest import WritePlugin

TAKEN = {
    "backbone": ("resnet10-tiny", "resnet18-tiny"),
    "head": ("ldl", "regression"),
    "loss": ("l1", "cross-entropy", "slack-l1"),
    "dataset": ("synthfaces", "folder"),
    "detector": ("mtcnn",),
    "evolver": ("coupled", "single"),
    "generator": ("resnet-6blocks",),
}
TINY = ("--protocol", "tiny", "--preset", "quick", "--set", "data.size=32", "--epochs", "1")


@pytest.fixture
def clash(write_plugin: WritePlugin) -> Callable[[], None]:
    """Installs a plugin whose every part has the name of another's and cannot be imported."""

    def install(name: str = "agekit-thrown") -> None:
        points = {kind: {one: "thrown_boom:part" for one in names} for kind, names in TAKEN.items()}
        points["recipe"] = {"cyclegan": "thrown_recipes:nobody", "cen": "thrown_recipes:nobody"}
        write_plugin(name, points, {"thrown_boom.py": "1 / 0"})

    return install


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*arguments: object) -> str:
        with pytest.raises(SystemExit) as stopped:
            main([str(one) for one in arguments])
        told = capsys.readouterr()
        assert stopped.value.code == 0, told.err
        return told.out

    return run


def test_a_users_name_that_two_give_is_refused_with_both(clash: Callable[[], None]) -> None:
    clash()
    for kind, names in TAKEN.items():
        for name in names:
            with pytest.raises(ConflictError) as caught:
                REGISTRIES[kind].find(name)
            assert "agekit-thrown 1.0" in caught.value.message
            assert f":{name}'" in caught.value.hint
    with pytest.raises(AgekitError, match="dataset 'synthfaces' is given by agekit-synthfaces"):
        resolve("agekit-cen:cen-agekit-core:resnet10-tiny", dataset="synthfaces")


def test_within_a_scope_the_first_tier_that_has_the_name_is_meant(
    clash: Callable[[], None],
) -> None:
    clash()
    with within():
        assert DETECTORS.find("mtcnn").distribution == "agekit-core"
        with pytest.raises(ConflictError, match="agekit-regression"):
            LOSSES.find("l1")
        with within(["Agekit_Thrown"]):
            assert DETECTORS.find("mtcnn").distribution == "agekit-thrown"
            assert BACKBONES.find("resnet18").distribution == "agekit-core", (
                "others' names are found"
            )
    with pytest.raises(ConflictError):
        DETECTORS.find("mtcnn")
    with within(["agekit-thrown", "agekit-regression"]), pytest.raises(ConflictError):
        LOSSES.find("l1")


def test_a_distribution_means_its_own_parts_then_those_that_it_requires(
    clash: Callable[[], None],
) -> None:
    clash()
    with within_distribution("agekit-cen"):
        assert LOSSES.find("slack-l1").distribution == "agekit-cen"
        assert HEADS.find("ldl").distribution == "agekit-ldl"
        assert BACKBONES.find("resnet10-tiny").distribution == "agekit-core"


def test_two_third_parties_and_one_that_gives_a_name_twice(write_plugin: WritePlugin) -> None:
    twice = "twice = thrown_two:other\n"
    site = write_plugin("thrown-one", {"loss": {"new": "thrown_one:part"}})
    write_plugin("thrown-two", {"loss": {"new": "thrown_two:part", "twice": "thrown_two:part"}})
    path = site / "thrown_two-1.0.dist-info" / "entry_points.txt"
    path.write_text(path.read_text() + twice)
    discovery.refresh()
    with pytest.raises(ConflictError, match=r"thrown-one 1\.0 and by thrown-two 1\.0"):
        LOSSES.find("new")
    with within(["thrown-two"]):
        assert LOSSES.find("new").value == "thrown_two:part"
    for name in ("twice", "thrown-two:twice"):
        with pytest.raises(PluginError, match="more than once, as thrown_two:part and as thrown"):
            LOSSES.find(name)
    path.write_text(path.read_text().replace(twice, "twice = thrown_two:part\n"))
    discovery.refresh()
    assert LOSSES.find("twice").value == "thrown_two:part", "the same line twice is one part"


def test_recipes_mean_what_their_distribution_means(clash: Callable[[], None]) -> None:
    before = resolve("cen-resnet10-tiny", preset="quick").recipe
    clash()
    after = resolve("agekit-cen:cen-agekit-core:resnet10-tiny", preset="quick").recipe
    unpinned = json.loads(
        after.model_dump_json()
        .replace("agekit-ldl:", "")
        .replace("agekit-regression:", "")
        .replace("agekit-cen:", "")
        .replace("agekit-core:", "")
    )
    assert unpinned == json.loads(before.model_dump_json())
    assert after.evolver.arguments["ancestor"][1]["type"] == "agekit-regression:l1"
    assert resolve("reg-resnet18").recipe.evolver.type == "agekit-core:single"


def test_the_recipe_that_a_recipe_extends_is_its_own_distributions(
    clash: Callable[[], None],
) -> None:
    clash()
    for name in RECIPES.names():
        entries = [
            e for e in RECIPES.entries() if e.name == name and "thrown" not in e.distribution
        ]
        for entry in entries:
            chain = RECIPES.chain(f"{entry.distribution}:{entry.name}")
            assert {e.distribution for e, _ in chain} == {entry.distribution}
    assert is_open("agekit-cen:cen")


@pytest.mark.slow
def test_every_shipped_recipe_stands_a_clash(clash: Callable[[], None]) -> None:
    """None names a part of a distribution that its own does not require."""
    recipes = [e for e in RECIPES.entries() if e.distribution.startswith("agekit")]
    clash()
    for entry in recipes:
        name = f"{entry.distribution}:{entry.name}"
        chain = [data for _, data in RECIPES.chain(name)]
        closed = any("backbone" in data or "generator" in data for data in chain)
        kind = next((data["kind"] for data in chain if "kind" in data), "estimator")
        part = "resnet-9blocks" if kind == "ager" else "agekit-core:resnet18"
        resolve(name if closed else f"{name}-{part}")


def test_parts_are_named_with_their_distribution_everywhere(
    clash: Callable[[], None], tmp_path: Path, command: Callable[..., str]
) -> None:
    clash()
    file = tmp_path / "mine.yaml"
    file.write_text(
        "backbone: {type: agekit-core:resnet10-tiny}\n"
        "heads:\n  reg: {type: agekit-regression:regression}\n"
        "evolver:\n  type: agekit:single\n  losses: [{type: agekit-regression:l1, head: reg}]\n"
        "train: {epochs: 1}\n"
    )
    assert resolve(str(file)).recipe.backbone.type == "agekit-core:resnet10-tiny"
    chosen = ["backbone.type=agekit-core:resnet18-tiny", "heads.reg={type: agekit-ldl:ldl}"]
    recipe = resolve(str(file), overrides=chosen).recipe
    assert recipe.backbone.type == "agekit-core:resnet18-tiny"
    assert "l1" in command("recipe", "show", "agekit-cen:cen")
    assert '"agekit-core:single"' in command(
        "recipe", "show", "reg-agekit-core:resnet10-tiny", "--json"
    )
    command("recipe", "copy", "agekit-cen:cen-agekit-core:resnet18", tmp_path / "copy.yaml")
    assert "agekit-core:resnet18" in (tmp_path / "copy.yaml").read_text()
    faces = load_faces("agekit-synthfaces:synthfaces", None, "tiny")
    assert (faces.dataset, faces.protocol) == ("agekit-synthfaces:synthfaces", "synthfaces:tiny")
    assert _parse_protocol("agekit-synthfaces:synthfaces:tiny") == OnProtocol(
        dataset="agekit-synthfaces:synthfaces", protocol="tiny"
    )
    assert _parse_protocol("synthfaces:tiny").dataset == "synthfaces"
    listed = json.loads(command("list", "detectors", "--json"))
    assert [one["conflict"] for one in listed if one["name"] == "mtcnn"] == [True, True]
    assert "conflict: say agekit-core:mtcnn" in command("list", "detectors")
    assert len(json.loads(command("data", "list", "--json"))) > 10


def test_models_mean_the_parts_they_were_made_with(
    clash: Callable[[], None], tmp_path: Path
) -> None:
    folder = write_untrained(tmp_path / "model")
    chip = np.full((64, 64, 3), 128, np.uint8)
    before = agekit.load(folder).predict([chip], detect=False)[0].faces[0].age
    clash()
    assert agekit.load(folder).predict([chip], detect=False)[0].faces[0].age == before
    assert isinstance(agekit.load(folder).finder.detector, Detector)
    config = json.loads((folder / "config.json").read_text())
    config["requires"]["agekit-nobody"] = "1.0"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="needs agekit-nobody, not installed here"):
        load_estimator(folder)


@pytest.mark.slow
def test_a_run_goes_on_and_its_model_is_used_after_the_clash(
    clash: Callable[[], None],
    tmp_path: Path,
    command: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    run = tmp_path / "run"
    command("train", "reg-resnet10-tiny", "synthfaces", *TINY, "--out", run)
    weights = (run / "model" / "model.safetensors").read_bytes()
    given = json.loads((run / "run.json").read_text())["distributions"]
    assert set(given) == {"agekit-core", "agekit-regression", "agekit-synthfaces"}
    clash()
    command("train", "--resume", run)
    assert (run / "model" / "model.safetensors").read_bytes() == weights
    command("evaluate", run, "agekit-synthfaces:synthfaces", "--protocol", "tiny")
    face = write_face(tmp_path / "face.png", 30)
    assert "years" in command("predict", face, "--model", run, "--no-detect")
