"""`agekit train prototypes` on drawn faces, and the model at work."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from agekit_ager import load_aging
from agekit_ager.graph import graphs
from agekit_ager.judges.base import Judge, Verdict
from agekit_synthfaces import draw, person
from agekit_synthfaces.dataset import SynthFaces
from safetensors.torch import load_file, save_file

from agekit.cli import main
from agekit.faces.align import cut_framed, frame, known_points
from agekit.zoo.verify import verify

CALM = (
    "generator.side=32",
    "data.size=64",
    "evolver.guide=null",
    "evolver.most=12",
)


class Told(Judge):
    """Says of every face what it was told."""

    name = "told"

    def __init__(self, age: float) -> None:
        self.age = age

    def predict(self, chips):
        return Verdict(np.full(len(chips), self.age))


def chip(who, age):
    """A drawn person in the frame of the model."""
    return cut_framed(
        draw(person(7, who), age, 96, 1), known_points(SynthFaces.alignment), frame(0.05), 64
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    out = tmp_path_factory.mktemp("prototypes") / "run"
    changes = [word for change in CALM for word in ("--set", change)]
    with pytest.raises(SystemExit) as end:
        train = ["train", "prototypes", "synthfaces", "--protocol", "tiny", "--device", "cpu"]
        main([*train, "--out", str(out), *changes])
    assert end.value.code == 0
    return out / "model"


def test_a_model_says_its_ages_and_holds_averages_alone(model):
    config = json.loads((model / "config.json").read_text())
    assert config["generator"]["type"] == "prototypes"
    assert config["face"]["margin"] == 0.05
    assert config["ages"][0] < 20 and 60 < config["ages"][1] <= 85
    [graph] = graphs(model)
    assert list(graph.outputs) == ["aged", "moved"]
    assert (model / "model.safetensors").stat().st_size < 1_000_000
    card = (model / "README.md").read_text(encoding="utf-8")
    assert "recipe `prototypes`: mean faces" in card and "epoch" not in card
    assert not list(Path(model).glob("*.jpg"))


@pytest.mark.slow
def test_drawn_people_change_as_they_truly_do(model):
    ager = load_aging(model, "cpu")
    for ages in ((25, 62), (62, 25)):
        alike = []
        for k in range(12):
            now, then = (chip(k, age).astype(float) for age in ages)
            photo = now.astype(np.uint8)
            [made] = ager.age([photo], to=ages[1], judge=Told(ages[0]), detect=False)
            change, truth = made.after - now, then - now
            alike.append((change * truth).sum() / np.sqrt((change**2).sum() * (truth**2).sum()))
        assert np.mean(alike) > 0.03


def test_a_model_of_the_time_before_shapes_is_sound(model, tmp_path):
    older = tmp_path / "older"
    shutil.copytree(model, older)
    assert verify(older, None) == []
    weights = load_file(older / "model.safetensors")
    del weights["shape"]
    save_file(weights, older / "model.safetensors")
    config = json.loads((older / "config.json").read_text())
    config |= {"weights_sha256": None, "onnx_sha256": {}}
    (older / "config.json").write_text(json.dumps(config))
    (older / "model.onnx").unlink(missing_ok=True)
    assert verify(older, None) == []
    del weights["means"]
    save_file(weights, older / "model.safetensors")
    assert "do not fit" in verify(older, None)[0].text


def test_a_face_of_the_age_it_is_to_be_is_left_alone(model):
    ager = load_aging(model, "cpu")
    face = chip(3, 40)
    [made] = ager.age([face], to=40, judge=Told(40.0), detect=False)
    assert np.abs(made.after.astype(int) - face).max() <= 1
