"""Agers that go by age: a fake one, two grey levels a year, from its recipe to aged pictures."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from agekit_ager import AgerConfig
from agekit_ager.answers import missed
from agekit_ager.image import AgedFace
from agekit_ager.judges.load import load_judges
from agekit_ager.passage import between
from agekit_ager.wishes import targets
from agekit_testkit import check_generator
from agekit_testkit.shades import write_ager, write_faces, write_judge, write_parts
from PIL import Image
from pydantic import ValidationError

import agekit
from agekit.cli import main
from agekit.errors import ConfigError
from agekit.zoo.config import ImageConfig

PLUGIN = """
    import torch

    from agekit.errors import ConfigError
    from agekit.plugin import Generator
    from agekit_ager import AgeEvolver, AgeTrainer

    class Levels(Generator):
        takes_ages = True

        def __init__(self):
            super().__init__()
            self.register_buffer("slope", torch.zeros(()))

        def forward(self, images, age, to):
            change = self.slope * (to - age) / 127.5
            return (images + change[:, None, None, None]).clamp(-1, 1)

    class Statistics(AgeEvolver):
        def run(self, trainer: AgeTrainer):
            network = trainer.network(1)
            return trainer.train(1, network, lambda: self.fill(network, trainer.faces))

        def fill(self, network, faces):
            count = range(len(faces.rows("train")))
            grey = torch.tensor([pixels.mean() for pixels in faces.pixels("train", count)])
            age = faces.age("train").double()
            centred = age - age.mean()
            network.slope.fill_(float((grey * centred).sum() / centred.square().sum()))
"""
RECIPE = """
    kind: ager
    generator: {type: levels}
    evolver: {type: statistics}
    train: {epochs: 1}
    data: {size: 16, flip: 0}
"""
POINTS = {
    "generator": {"levels": "levels:Levels"},
    "evolver": {"statistics": "levels:Statistics"},
    "recipe": {"levels": "levels_recipes.recipes:levels"},
}


@pytest.fixture
def here(tmp_path, write_plugin, monkeypatch):
    """Faces of 20-29 and 50-59 years, half their grey level, and who sees it."""
    write_parts(write_plugin)
    files = {
        "levels.py": PLUGIN,
        "levels_recipes/__init__.py": "",
        "levels_recipes/recipes/levels.yaml": RECIPE,
    }
    write_plugin("levels", POINTS, files)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AGEKIT_ONNX", "1")
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    write_judge(tmp_path / "judge")
    table = write_faces(tmp_path / "faces") / "labels.csv"
    rows = table.read_text().splitlines()
    split = [row.replace(",test", ",train") if k % 4 else row for k, row in enumerate(rows)]
    table.write_text("\n".join(split) + "\n")
    return tmp_path


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    out, err = capsys.readouterr()
    return end.value.code, out, err


def face(path, age):
    pixels = np.full((16, 16, 3), 2 * age, np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.mark.slow
def test_statistics_become_an_ager_that_takes_any_age(here, capsys, caplog):
    train = ("train", "levels", "csv", "--root", "faces", "--device", "cpu", "--out", "run")
    code, _, err = run(capsys, *train, "--domains", "20-29,50-59")
    assert code == 1 and "data.domains is of agers that go from one domain to another" in err
    assert not Path("run").exists()
    code, out, err = run(capsys, *train, "--json")
    assert code == 0, err
    assert "runs by torch alone" not in caplog.text and "cache at 16 px" in err
    assert json.loads(out)["metrics"]["test"] == pytest.approx({"cycle": 0, "own_age": 0}, abs=1e-6)
    config = json.loads(Path("run/model/config.json").read_text())
    assert (config["ages"], config["domains"]) == ([20, 58], None)
    assert "any age; it was trained on faces of 20 to 58 years" in Path(
        "run/model/README.md"
    ).read_text(encoding="utf-8")

    face("a.png", 30)
    aged = ("age", "a.png", "--model", "run", "--judge", "judge", "--device", "cpu")
    code, out, err = run(capsys, *aged, "--to", "50", "--json")
    assert code == 0, err
    [answer] = json.loads(out)
    assert (answer["to"], answer["output"]) == ("50", "aged/a-50.png")
    assert (answer["before"], answer["after"]) == (30, 50)
    assert (np.asarray(Image.open("aged/a-50.png")) == 100).all()
    assert Path("aged/a-50-side-by-side.png").exists()

    code, out, err = run(capsys, *aged, "--to", "10,30,70", "--json")
    assert code == 0, err
    answers = json.loads(out)
    assert [(one["to"], one["after"]) for one in answers] == [("10", 10), ("30", 30), ("70", 70)]
    assert {one["side_by_side"] for one in answers} == {"aged/a-10-30-70-side-by-side.png"}
    with Image.open("aged/a-10-30-70-side-by-side.png") as strip:
        assert strip.width == 4 * 256 + 3 * 4
    assert "was trained on ages 20 to 58: 10, 70 lies beyond" in err

    for by, after, name in (("+20", 50, "a-by+20.png"), ("-10", 20, "a-by-10.png")):
        code, out, err = run(capsys, *aged, "--by", by, "--json")
        assert code == 0, err
        [answer] = json.loads(out)
        assert (answer["after"], answer["output"]) == (after, f"aged/{name}")
    assert "made look more than 10 years off" not in err
    code, out, err = run(capsys, *aged, "--to", "10,40", "--gif", "years/a.gif", "--json")
    assert code == 0, err
    assert json.loads(out)[0]["gif"] == "years/a.gif"
    with Image.open("years/a.gif") as moving:
        assert (moving.n_frames, moving.info["loop"]) == (48, 0)
        for at, grey in ((0, 20), (24, 80)):
            moving.seek(at)
            assert np.asarray(moving.convert("L")) == pytest.approx(grey, abs=3)
    code, out, err = run(capsys, *aged, "--to", "120", "--mp4", "a.mp4")
    assert code == 0 and "-> a.mp4" in out, err
    assert Path("a.mp4").stat().st_size > 500
    code, out, err = run(capsys, *aged, "--to", "young", "--json")
    assert json.loads(out)[0]["after"] == 25 and "young is 25 years" in err
    code, out, err = run(capsys, *aged, "--json")
    assert json.loads(out)[0]["after"] == 58 and "old is 58 years, as" in err
    code, _, err = run(capsys, "age", "a.png", "--model", "run", "--no-judge", "--to", "50")
    assert code == 1 and "must be told how old faces are: there is no judge" in err

    scored = ("evaluate", "run", "csv", "--root", "faces", "--judge", "judge")
    code, out, err = run(capsys, *scored, "--domains", "20-29,50-59", "--split", "all", "--json")
    assert code == 0, err
    ways = json.loads(out)["metrics"]
    assert ways["old"]["judges"]["halves"]["after"] == pytest.approx(54.5, abs=0.5)
    assert ways["young"]["judges"]["halves"]["after"] == pytest.approx(24.5, abs=0.5)

    ager = agekit.load_aging("run", "cpu")
    [judge] = load_judges(["judge"], torch.device("cpu"))
    one, two = ager.age(face("b.png", 40), to=[20, 55], judge=judge)
    assert [f.after for f in one.faces + two.faces] == pytest.approx([20, 55])
    [older] = ager.age(face("b.png", 40), by=10, judge=judge)
    assert (older.faces[0].before, older.to) == (40, "+10")
    assert older.faces[0].after == pytest.approx(50)
    assert ager.runtime == "onnx" and Path("run/model/model.onnx").exists()
    by_torch = agekit.load_aging("run", "cpu", "torch")
    wish = (np.array([40, 30, 25], np.float32), np.array([20, 55, 70], np.float32))
    chips = np.stack([face("b.png", age) for age in (40, 30, 25)])
    one, other = (x.engine.run(chips, wish).pixels for x in (ager, by_torch))
    assert one == pytest.approx(other, abs=0.51)
    config = json.loads(Path("run/model/config.json").read_text()) | {"guide": "sord-lite0"}
    Path("run/model/config.json").write_text(json.dumps(config))
    code, out, err = run(capsys, "export", "run", "--out", "levels.onnx", "--half")
    assert code == 0, err
    assert "; steered by sord-lite0 in `agekit age` alone" in out
    alone = agekit.load_aging("levels.onnx")
    assert (alone.ages, alone.guide) == ((20, 58), "sord-lite0")
    [aged] = alone.age(face("b.png", 40), to=20, judge=judge, steer=False)
    assert (aged.after == 40).all()
    code, _, err = run(capsys, "export", "run", "--to", "old")
    assert code == 1 and "has one file, not one a direction" in err
    check_generator("levels")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--to", "65"], "knows no ages: it makes young faces old, and old ones young"),
        (["--to", "10,30,50"], "use --to old or --to young"),
        (["--by", "+20"], "a model that goes by age"),
        (["--by", "-5"], "knows no ages"),
        (["--gif", "a.gif"], "leave out --gif and --mp4"),
    ],
)
def test_an_ager_of_directions_refuses_ages(here, capsys, options, says):
    write_ager(here / "ager", 7, -14)
    face("a.png", 30)
    code, out, err = run(capsys, "age", "a.png", "--model", "ager", "--judge", "judge", *options)
    assert (code, out) == (1, "")
    assert says in err
    assert not Path("aged").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--to", "6o"], "'6o' is not one of 'old' and 'young', nor an age"),
        (["--to", "10,,30"], "is not one of"),
        (["--to", "130"], "ages are from 0 to 120 years"),
        (["--to", "-5"], "ages are from 0 to 120 years"),
        (["--to", "30,30"], "names an age twice"),
        (["--to", "nan"], "ages are from 0 to 120 years"),
        (["--by", "many"], "'many' is not a valid float"),
        (["--by", "inf"], "inf is not from -120 to 120 years"),
        (["--by", "nan"], "nan is not from -120 to 120 years"),
        (["--to", "old", "--by", "5"], "--by is instead of --to"),
        (["--gif", "a.png"], "a.png does not end in .gif"),
        (["--mp4", "a.gif"], "a.gif does not end in .mp4"),
        (["--mp4", "a"], "a does not end in .mp4"),
        (["a.png", "--gif", "a.gif"], "--gif and --mp4 show one image, not 2"),
    ],
)
def test_ages_that_are_none_are_wrong_usage(here, capsys, options, says):
    face("a.png", 30)
    code, out, err = run(capsys, "age", "a.png", *options)
    assert (code, out) == (2, "")
    assert says in err


def test_what_is_asked_is_told_and_named():
    ages = (20.0, 70.0)
    assert [t.label for t in targets("m", ages, [10, 32.5], None)[0]] == ["10", "32.5"]
    assert targets("m", ages, 65, None)[1] == []
    [old], told = targets("m", (30.0, 60.0), "old", None)
    assert (old.age, told) == (60, ["old is 60 years, as m goes by age"])
    [by] = targets("m", ages, None, -30)[0]
    assert (by.label, by.years(45), by.years(20)) == ("-30", 15, 0)
    with pytest.raises(ConfigError, match="do not go together"):
        targets("m", ages, 65, 5)
    assert targets("m", None, None, None)[0][0].label == "old"


@pytest.mark.parametrize(
    ("by", "before", "wanted", "says"),
    [
        (70, 30, 100, ["+70 years takes 1 face beyond the ages that m was trained on, 20 to 70"]),
        (-25, 30, 5, ["-25 years takes 1 face beyond", "of a grown-up made a child's"]),
        (20, 30, 50, []),
        (None, 30, 10, ["1 face of a grown-up made a child's: skin and shape change, beards"]),
        (None, 16, 10, []),
        (None, 30, 100, []),
    ],
)
def test_what_lies_far_is_told(by, before, wanted, says):
    m = SimpleNamespace(name="m", ages=(20.0, 70.0), size=64)
    faces = [AgedFace(before=before, after=wanted, wanted=wanted), AgedFace(before=before)]
    told = list(missed(m, faces, by))
    assert len(told) == len(says) and all(a in b for a, b in zip(says, told, strict=True))


def test_years_pass_evenly_from_age_to_age():
    knots = np.array([[20, 50], [60, 30]], np.float32)
    assert between(knots, 3).tolist() == [[20, 50], [40, 40], [60, 30]]
    several = np.array([[10], [30], [70]], np.float32)
    assert between(several, 5)[:, 0].tolist() == [10, 20, 30, 50, 70]


def test_a_model_goes_by_direction_or_by_age():
    common = {
        "name": "m",
        "generator": {"type": "levels"},
        "image": ImageConfig(size=16, mean=(0.5,) * 3, std=(0.5,) * 3),
        "parameters": 0,
    }
    assert AgerConfig(**common, ages=(20, 59)).summary == "levels to any age from 20 to 59"
    both = {"ages": (20, 59), "domains": {"young": "y", "old": "o"}}
    for wrong in ({}, both):
        with pytest.raises(ValidationError, match="either domains or ages"):
            AgerConfig(**common, **wrong)
