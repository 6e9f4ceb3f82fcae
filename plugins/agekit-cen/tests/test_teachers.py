"""An offspring of other networks: what they teach, what is refused, and a run through the CLI."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from agekit_cen.evolver import Taught
from agekit_cen.teachers import MeanTeacher, Teachers
from agekit_testkit.models import write_untrained
from safetensors.torch import load_file, save_file
from torch import nn

from agekit.cli import main
from agekit.data.alignment import Alignment
from agekit.errors import ConfigError, ModelError
from agekit.plugin import AgeEstimator, Batch, ImageConfig
from agekit.recipe import LossTerm, resolve
from agekit.registry import HEADS
from agekit.training.task import training_of

TERMS = [
    LossTerm(type="evolved-ldl", head="ldl"),
    LossTerm(type="slack-l1", head="reg"),
]


class Level(nn.Module):
    """The mean of the pixels of each image, three times; keeps what it was shown."""

    def forward(self, images):
        self.shown = images
        return images.mean((1, 2, 3))[:, None].expand(-1, 3)


def network(ages, logits=None, unit=None):
    """A network that answers every image alike, by the heads it is given values for."""
    heads = {}
    if logits is not None:
        heads["ldl"] = HEADS.get("ldl")(3, ages)
    if unit is not None:
        heads["reg"] = HEADS.get("regression")(3, ages)
    for head in heads.values():
        nn.init.zeros_(head.fc.weight)
    with torch.no_grad():
        if logits is not None:
            heads["ldl"].fc.bias.copy_(torch.tensor(logits))
        if unit is not None:
            heads["reg"].fc.bias.fill_(unit)
    return AgeEstimator(Level(), heads, ages).eval()


def image(size=32, mean=0.0, std=1.0):
    return ImageConfig(size=size, mean=(mean,) * 3, std=(std,) * 3)


def mean_teacher(loaded, student, terms=TERMS, **shown):
    names = [f"t{k}" for k in range(len(loaded))]
    return MeanTeacher(Teachers(names), loaded, student, terms, image(**shown))


def batch(images):
    n = len(images)
    return Batch(images, torch.full((n,), 11.0), torch.full((n,), torch.nan), torch.arange(n))


BOTH = [{"split_hash": "a"}, {"split_hash": "b"}]
STUDENT = network((10, 12), [0.0, 0.0, 0.0], 0.5)
WIDE = network((9, 13), [np.log(7.0), 0.0, np.log(2.0), 0.0, np.log(5.0)])
"""Over 10 to 12: 1, 2 and 1 quarters; 9 and 13 are no labels of the student's."""
NARROW = network((10, 12), [0.0, 0.0, np.log(2.0)])


def test_the_mean_distribution_and_the_mean_age():
    taught = mean_teacher([(WIDE, image()), (NARROW, image())], STUDENT)(
        batch(torch.zeros(2, 3, 32, 32))
    )
    p = (np.array([1, 2, 1]) / 4 + np.array([1, 1, 2]) / 4) / 2
    assert taught["ldl"].exp().numpy() == pytest.approx(np.stack([p, p]), abs=1e-4)
    wide = (7 * 9 + 10 + 2 * 11 + 12 + 5 * 13) / 16
    narrow = (10 + 11 + 2 * 12) / 4
    assert taught["reg"].numpy() == pytest.approx([((wide + narrow) / 2 - 10) / 2] * 2, abs=1e-5)


def test_each_sees_the_images_in_its_own_size_and_normalisation():
    small, large = network((10, 12), unit=0.5), network((10, 12), unit=0.5)
    loaded = [(small, image(16, 0.25, 0.5)), (large, image(64))]
    terms = [LossTerm(type="slack-l1", head="reg")]
    pixels = torch.rand(2, 3, 32, 32)
    teacher = mean_teacher(loaded, network((10, 12), unit=0.5), terms, mean=0.5, std=0.25)
    teacher(batch((pixels - 0.5) / 0.25))
    assert small.backbone.shown.shape[-2:] == (16, 16)
    assert large.backbone.shown.shape[-2:] == (64, 64)
    mean = pixels.mean((1, 2, 3))
    assert (small.backbone.shown.mean((1, 2, 3)) * 0.5 + 0.25) == pytest.approx(mean, abs=0.02)
    assert large.backbone.shown.mean((1, 2, 3)) == pytest.approx(mean, abs=0.02)


def test_a_teacher_may_lack_an_age_at_an_end():
    for ages, p in (((11, 14), [0, 1 / 2, 1 / 2]), ((9, 11), [1 / 2, 1 / 2, 0])):
        one = network(ages, [0.0] * (ages[1] - ages[0] + 1))
        taught = mean_teacher([(one, image())], STUDENT)(batch(torch.zeros(1, 3, 32, 32)))
        assert taught["ldl"].exp()[0].numpy() == pytest.approx(p, abs=1e-4)


def test_an_age_beyond_the_labels_is_the_nearest_of_them():
    old = network((0, 100), unit=0.9)
    terms = [LossTerm(type="slack-l1", head="reg")]
    taught = mean_teacher([(old, image())], network((10, 12), unit=0.5), terms)
    assert taught(batch(torch.zeros(1, 3, 32, 32)))["reg"].item() == 1


@pytest.mark.parametrize(
    ("teacher", "student", "terms", "says"),
    [
        (
            network((14, 16), [0.0] * 3),
            STUDENT,
            TERMS,
            "14-16 of t0 do not cover those of the data, 10-12",
        ),
        (network((5, 8), [0.0] * 4), STUDENT, TERMS, "5-8 of t0 do not cover"),
        (network((10, 12), unit=0.5), STUDENT, TERMS, "t0 gives ages, and no distributions"),
        (WIDE, STUDENT, [LossTerm(type="l1", head="reg")], "no loss learns from the teachers"),
        (
            WIDE,
            AgeEstimator(Level(), {"ldl": HEADS.get("ordinal")(3, (10, 12))}, (10, 12)),
            TERMS[:1],
            "the head 'ldl' cannot be taught by other networks",
        ),
    ],
)
def test_what_does_not_fit(teacher, student, terms, says):
    with pytest.raises(ConfigError, match=says):
        mean_teacher([(teacher, image())], student, terms)(batch(torch.zeros(2, 3, 32, 32)))


@pytest.mark.parametrize("teachers", [[], "sord-lite0"])
def test_no_list_of_models(teachers):
    with pytest.raises(ConfigError, match=r"evolver\.teachers: must be a list"):
        Taught(offspring=TERMS, teachers=teachers)


def test_models_that_cannot_teach_together(tmp_path):
    one = write_untrained(tmp_path / "one", "ldl-resnet10-tiny")
    with pytest.raises(ConfigError, match="has the weights of tiny"):
        Taught(offspring=TERMS, teachers=[str(one), str(one)]).facts()
    with pytest.raises(ModelError, match="there is no model"):
        Taught(offspring=TERMS, teachers=["sord-lite9"]).facts()
    with pytest.raises(ModelError, match="is an ager"):
        Taught(offspring=TERMS, teachers=["prototypes"]).facts()
    face = Alignment(align="five-points", margin=1.0)
    other = write_untrained(tmp_path / "other", "ldl-resnet10-tiny", face=face)
    cut = write_untrained(
        tmp_path / "cut", "ldl-resnet10-tiny", face=Alignment(align="five-points", margin=0.1)
    )
    with pytest.raises(ConfigError, match=r"knows faces cut otherwise than .*other: its eyes lie"):
        Taught(offspring=TERMS, teachers=[str(other), str(cut)]).frame()
    assert Taught(offspring=TERMS, teachers=[str(cut)]).frame() == Alignment(
        align="five-points", margin=0.1
    )
    assert Taught(offspring=TERMS, teachers=[str(cut), str(one)]).frame() is None


def test_the_recipe_names_models_there_are():
    evolver = resolve("cen-teachers-resnet10-tiny").recipe.evolver
    assert [name for name in evolver.arguments["teachers"]] == ["sord-mobilenet1", "sord-lite0"]


@pytest.mark.parametrize(
    ("known", "ours", "told"),
    [
        ({"split_hash": "a"}, ["a"], False),
        ({"split_hash": "b"}, ["a"], True),
        ({}, ["a"], True),
        ({"split_hash": "c", "parts": BOTH}, ["a"], False),
        ({"split_hash": "c", "parts": BOTH[:1]}, ["a", "b"], True),
        ({"split_hash": "c", "parts": BOTH}, ["a", "b"], False),
    ],
)
def test_a_teacher_of_another_split_is_told(known, ours, told):
    config = SimpleNamespace(trained=known, summary="x", ages=(0, 9), face=Alignment())
    teachers = Teachers(["t"])
    teachers.configs = [(Path(), config)]
    parts = [SimpleNamespace(split_hash=one) for one in ours]
    faces = SimpleNamespace(split_hash="whole", parts=parts) if len(parts) > 1 else parts[0]
    faces.parts = getattr(faces, "parts", ())
    trainer = SimpleNamespace(faces=SimpleNamespace(faces=faces, ages=(0, 9)))
    [line] = teachers.notes(trainer)
    assert ("was trained by another split" in line) == told
    assert "does not say where" in line


def test_a_step_of_it_can_be_timed():
    recipe = resolve("cen-teachers-resnet10-tiny", overrides=["data.size=32"]).recipe
    network, step = training_of(recipe).timed_step(recipe)(torch.zeros(2, 3, 32, 32), None)
    before = network.backbone.conv1.weight.clone()
    step()
    assert not torch.equal(network.backbone.conv1.weight, before)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> list[Path]:
    """Two untrained models of other sizes, for the ages of drawn faces."""
    place = tmp_path_factory.mktemp("teachers")
    return [
        write_untrained(place / "large", "ldl-reg-resnet10-tiny", (0, 100)),
        write_untrained(
            place / "other", "ldl-resnet10-tiny", (1, 120), ["data.mean=[0.3,0.4,0.5]"]
        ),
    ]


@pytest.fixture
def train(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def run(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            main(["train", *map(str, words)])
        return done.value.code, *capsys.readouterr()

    return run


def words(models, out, *more):
    return (
        *("cen-teachers-resnet10-tiny", "synthfaces", "--protocol", "tiny", "--preset", "quick"),
        *("--epochs", 1, "--set", "data.size=32", "--set", "train.amp=fp32"),
        *("--set", f"evolver.teachers=[{', '.join(map(str, models))}]", "--out", out, *more),
    )


@pytest.mark.slow
def test_a_run_records_its_teachers_and_goes_on_to_the_same_weights(
    models, train, tmp_path, monkeypatch
):
    monkeypatch.setattr("agekit_cen.teachers.EVERY", 0.0)
    code, out, err = train(*words(models, "run"))
    assert code == 0, err
    told = json.loads(Path("run/run.json").read_text())["teachers"]
    assert [one["name"] for one in told] == ["tiny", "tiny"]
    assert len(told[0]["weights_sha256"]) == 64
    assert "it knows nothing of the ages 0" in out + err
    log = Path("run/log.txt").read_text()
    assert "asking" in log and len(re.findall(r" {4}\d+ of \d+ faces$", log, re.M)) >= 2
    config = json.loads(Path("run/model/config.json").read_text())
    assert config["trained"]["teachers"] == told and str(tmp_path) not in json.dumps(config)
    card = Path("run/model/README.md").read_text()
    assert (
        f"It also learnt from `tiny` (weights `{told[0]['weights_sha256'][:16]}`), `tiny`" in card
    )
    assert "it was trained by another split" in out + err
    before = load_file("run/model/model.safetensors")
    stored = load_file("run/generation-1/taught.safetensors")
    assert stored["ldl"].exp().sum(-1) == pytest.approx(torch.ones(len(stored["ldl"])), abs=1e-4)
    for name in ("metrics.json", "model.safetensors"):
        Path("run/generation-1", name).unlink()
    Path("run/generation-1/taught.safetensors").unlink()
    Path("run/metrics.jsonl").unlink()
    Path("run/generation-1/end.pt").unlink()
    code, out, err = train("--resume", "run")
    assert code == 0, err
    after = load_file("run/model/model.safetensors")
    assert all(torch.equal(value, after[key]) for key, value in before.items())


@pytest.mark.slow
def test_online_and_teachers_that_change(models, train, tmp_path):
    code, _, err = train(*words(models[:1], "run", "--set", "evolver.outputs=online"))
    assert code == 0, err
    assert not Path("run/generation-1/taught.safetensors").exists()
    write_untrained(models[0], "ldl-reg-resnet10-tiny", (0, 100), ["data.crop_pct=0.9"])
    path = models[0] / "model.safetensors"
    weights = load_file(path)
    save_file({k: v + (v.is_floating_point()) for k, v in weights.items()}, path)
    config = json.loads((models[0] / "config.json").read_text())
    (models[0] / "config.json").write_text(json.dumps(config | {"weights_sha256": None}))
    code, _, err = train("--resume", "run", "--epochs", "2")
    assert code == 1 and "the teachers of run changed since it began" in err


@pytest.mark.slow
def test_teachers_that_do_not_fit_leave_no_run(models, train, tmp_path):
    young = write_untrained(tmp_path / "young", "ldl-resnet10-tiny", (0, 20))
    code, _, err = train(*words([young], "run"))
    assert code == 1 and "0-20" in err and "do not cover those of the data" in err
    assert not Path("run").exists()
