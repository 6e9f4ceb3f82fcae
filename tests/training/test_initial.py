"""``--init``: what a run takes from a model, what it makes anew, and that it says both."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from safetensors.torch import load_file

from agekit.data.split import Faces, load_faces
from agekit.errors import ConfigError, ModelError
from agekit.recipe import resolve
from agekit.recipe.merge import assigned
from agekit.tasks.estimator.initial import estimator_start
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit.training.task import Start
from tests.training.conftest import Here

MODEL = "cen-resnet10-tiny"
"""Bundled: label ages 1-116, 64 pixels, crop_pct 0.94, heads ldl and reg."""


@pytest.fixture(scope="module")
def faces(chips: Path) -> Faces:
    return load_faces("csv", chips, "column")


def start(faces: Faces, name: str, *overrides: str, preset: str | None = "finetune") -> Start:
    recipe = resolve(name, preset=preset, overrides=overrides).recipe
    assert isinstance(recipe, EstimatorRecipe)
    return estimator_start(MODEL, recipe, faces, assigned(overrides, "data"))


def heads(found: Start) -> set[str]:
    return {key.split(".")[1] for key in found.weights if key.startswith("heads.")}


def test_heads_are_kept_where_the_label_ages_cover_the_data(faces: Faces) -> None:
    found = start(faces, "cen-resnet10-tiny")
    assert heads(found) == {"ldl", "reg"}
    assert found.adopted["ages"] == (1, 116)
    assert re.search(r"backbone is taken \(\d+ tensors\); head ldl is taken \(2", found.notes[0])
    assert "label ages 1-116, its own" in found.notes[0]
    assert found.face is not None and found.face.points is not None


@pytest.mark.parametrize(
    ("name", "override", "kept", "told"),
    [
        ("cen-resnet10-tiny", "data.ages=[1,116]", {"ldl", "reg"}, "head reg is taken"),
        ("cen-resnet10-tiny", "data.ages=[0,100]", set(), "label ages are 1-116, those set are 0-"),
        (
            "cen-resnet10-tiny",
            "heads.ldl.temperature=2.0",
            {"reg"},
            "the model's is {'type'",
        ),
        ("reg-resnet10-tiny", "data.flip=0", {"reg"}, "its head ldl is left out"),
        ("coral-resnet10-tiny", "data.flip=0", set(), "is made anew: the model has none"),
    ],
)
def test_what_is_made_anew_says_why(
    faces: Faces, name: str, override: str, kept: set[str], told: str
) -> None:
    overrides = [] if "flip" in override else [override]
    preset = "quick" if name.startswith("coral") else "finetune"
    found = start(faces, name, *overrides, preset=preset)
    assert heads(found) == kept
    assert told in found.notes[0]


def test_heads_are_made_anew_where_the_data_goes_beyond(faces: Faces) -> None:
    older = Faces(
        table=type(faces.table)(**{**vars(faces.table), "age": faces.table.age + 80}),
        codes=faces.codes,
        dataset=faces.dataset,
        protocol=faces.protocol,
    )
    found = start(older, "cen-resnet10-tiny")
    assert not heads(found) and "ages" not in found.adopted
    assert "its label ages 1-116 do not cover those of the data, 104-146" in found.notes[0]


def test_another_backbone_is_refused(faces: Faces) -> None:
    with pytest.raises(ConfigError, match="resnet10-tiny"):
        start(faces, "cen-resnet18-tiny")


def test_what_a_model_needs_is_said_before_its_parts_are_looked_for(
    faces: Faces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agekit.zoo.folder.missing", lambda requires: ["agekit-ldl"])
    with pytest.raises(ModelError, match="the model needs agekit-ldl, not installed") as error:
        start(faces, "cen-resnet10-tiny")
    assert error.value.hint == "`pip install agekit-ldl`"


@pytest.mark.parametrize("preset", ["finetune", "quick", None])
def test_images_are_taken_as_the_model_takes_them(faces: Faces, preset: str | None) -> None:
    override = [] if preset != "quick" else ["data.mean=[0.5,0.5,0.5]"]
    found = start(faces, "cen-resnet10-tiny", *override, preset=preset)
    recipe = resolve("cen-resnet10-tiny", preset=preset, overrides=override)
    data = recipe.with_changes({"data": found.adopted}).recipe.data
    assert (data.size, data.crop_pct, data.ages) == (64, 0.94, (1, 116))
    if preset == "quick":
        assert data.mean == (0.5, 0.5, 0.5)
        assert "not as the model takes them, as set: mean [0.5, 0.5, 0.5], not [0.485" in str(found)
    else:
        assert "size 64, not 224, crop_pct 0.94, not 1" in found.notes[1]


@pytest.mark.parametrize("override", ["data.size=96", "data={size: 96}"])
def test_what_the_user_sets_stays(faces: Faces, override: str) -> None:
    found = start(faces, "cen-resnet10-tiny", override)
    assert "size" not in found.adopted and found.adopted["crop_pct"] == 0.94
    assert "as set: size 96, not 64" in " ".join(found.notes)


@pytest.mark.slow
def test_a_run_says_it_and_resumes(here: Here, chips: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    where = ("csv", "--root", chips, "--protocol", "column", "--device", "cpu")
    options = ("--preset", "finetune", "--epochs", 1, "--generations", 1, "--init", MODEL)
    fast = ("--set", "train.amp=fp32", "--set", "data.size=32")
    code, out, err = here("train", "cen-resnet10-tiny", *where, *options, *fast, "--out", run)
    assert code == 0, err
    assert "head ldl is taken" in out and "as set: size 32, not 64" in out
    config = json.loads((run / "model/config.json").read_text())
    assert config["ages"] == [1, 116] and config["image"]["crop_pct"] == 0.94
    assert config["trained"]["adopted"]["data"]["ages"] == [1, 116]
    assert "heads.ldl.fc.weight" in load_file(run / "init.safetensors")
    (run / "generation-1/metrics.json").unlink()
    assert here("train", "--resume", run)[0] == 0
    assert json.loads((run / "model/config.json").read_text()) == config


@pytest.mark.parametrize(
    ("ages", "told"),
    [
        ("[30,60]", "6 of 16 training faces, of ages 24 to 66, lie outside the label ages 30-60"),
        ("[66,24]", "data.ages: ages must be [first, last]"),
        ("[0,200]", "data.ages"),
        ("[20.5,70]", "data.ages"),
        ("70", "data.ages"),
    ],
)
def test_label_ages_that_cannot_be(
    here: Here, small: tuple[object, ...], tmp_path: Path, ages: str, told: str
) -> None:
    run = tmp_path / "run"
    code, _, err = here(
        "train", "reg-resnet10-tiny", *small, "--set", f"data.ages={ages}", "--out", run
    )
    assert code == 1 and told in err
    assert not run.exists()


@pytest.mark.slow
def test_weights_that_a_start_replaces_need_not_be_here(
    here: Here, chips: Path, tmp_path: Path
) -> None:
    """The backbone of `zoo-tiny` asks for weights that come with no package."""
    where = ("csv", "--root", chips, "--protocol", "column", "--device", "cpu", "--epochs", 1)
    options = (*where, "--set", "data.size=32", "--set", "train.batch_size=16")
    code, _, err = here("train", "zoo-tiny", *options, "--out", tmp_path / "none")
    assert code == 1 and "mobilenet1 has no weights here" in err
    run = tmp_path / "run"
    started = ("--init", "sord-mobilenet1-tiny", "--out", run)
    code, out, err = here("train", "zoo-tiny", *options, *started)
    assert code == 0 and "the backbone is taken" in out, err
    assert "pretrained: false" in (run / "recipe.yaml").read_text()
    (run / "generation-1/metrics.json").unlink()
    assert here("train", "--resume", run)[0] == 0
    kept = resolve(str(run / "recipe.yaml")).to_dict()
    same = resolve("zoo-tiny", overrides=["data.size=32", "train.batch_size=16"], epochs=1)
    assert same.was(kept, started=True) and not same.was(kept)
