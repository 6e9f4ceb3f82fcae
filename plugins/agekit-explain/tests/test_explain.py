"""Parts hidden, and what they add to the age."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from agekit_explain.occlusion import explain, hiding
from agekit_explain.parts import PARTS, parts_of_face
from agekit_synthfaces import draw, person
from PIL import Image

from agekit.cli import main
from agekit.faces.align import frame
from agekit.plugin import Chip

SIDE = 48
POINTS = frame(0.25)
FACE = Chip(np.random.default_rng(0).integers(120, 256, (SIDE, SIDE, 3), np.uint8))


def by(years):
    """An estimator: chips to the years that a function of the pixels gives."""

    def estimate(chips):
        assert len(chips) <= 7
        return [chip.face(float(years(chip.pixels)), (0, 99), (), None) for chip in chips]

    return estimate


def test_the_parts_are_the_whole_face_and_share_nothing():
    for margin in (0.0, 0.25, 0.6):
        parts = parts_of_face(frame(margin), 112)
        assert list(parts) == [name for name in PARTS if name in parts]
        assert (sum(mask.astype(int) for mask in parts.values()) == 1).all()
    assert set(parts) == set(PARTS)
    for name, k in (("eyes", 0), ("eyes", 1), ("nose", 2), ("mouth", 3), ("mouth", 4)):
        x, y = (frame(0.6)[k] * 112).astype(int)
        assert parts[name][y, x]
    turned = np.array([[-1, 0], [0, -1]])  # upside down: the same parts, turned
    upside = parts_of_face((frame(0.6) - 0.5) @ turned + 0.5, 112)
    assert np.mean(upside["mouth"][::-1, ::-1] == parts["mouth"]) > 0.99


@pytest.mark.parametrize(("cells", "patch"), [(2, 0.01), (5, 0.2), (14, 0.2), (60, 0.01), (3, 1)])
def test_each_patch_hides_some_pixels_around_its_middle(cells, patch):
    masks = hiding(cells, SIDE, patch)
    assert masks.shape == (cells**2, SIDE, SIDE)
    assert masks.any((1, 2)).all()
    if patch >= 1 / cells:
        assert masks.any(0).all()
    assert masks.sum((1, 2)).max() <= (patch * SIDE + 2) ** 2


def test_a_model_that_always_says_the_same_looks_nowhere():
    for fill in ("mean", "blur"):
        found = explain(FACE, by(lambda _: 31), POINTS, cells=4, fill=fill, batch_size=7)
        assert (found.years == 0).all() and set(found.parts.values()) == {0}


def test_what_a_model_looks_at_adds_to_the_age_and_nothing_else_does():
    parts = parts_of_face(POINTS, SIDE)
    seen = Chip(np.where(parts["mouth"][..., None], 255, 80).astype(np.uint8))
    found = explain(seen, by(lambda p: p[parts["mouth"]].mean() / 5), POINTS, batch_size=7)
    assert found.face.age == 51
    assert found.parts["mouth"] > 20
    assert max(abs(y) for name, y in found.parts.items() if name != "mouth") == 0
    x, y = POINTS[3:].mean(0) * 14
    assert found.years.argmax() == int(y) * 14 + int(x) or found.years[int(y), int(x)] > 10
    assert (found.years[:5] == 0).all() and found.years.min() >= 0


def test_the_batch_is_of_no_matter_and_the_face_stays():
    before = FACE.pixels.copy()
    years = by(lambda p: p[10:20, 5:9].mean())
    one, many = (explain(FACE, years, POINTS, cells=5, batch_size=k) for k in (1, 7))
    assert np.array_equal(one.years, many.years) and one.parts == many.parts
    assert (FACE.pixels == before).all()
    assert one.years.any() and not explain(FACE, years, None, cells=5, batch_size=1).parts


def test_faces_of_a_photo_are_numbered_drawn_and_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    two = np.hstack([draw(person(1, k), 60 - 30 * k, 160) for k in range(2)])
    Image.fromarray(two).save("two.png")
    (tmp_path / "broken.png").write_bytes(b"nothing")
    Image.new("RGB", (64, 64), "green").save("meadow.png")
    options = ["--json", "--plot", "drawn", "--csv", "parts.csv", "--cells", "3"]
    with pytest.raises(SystemExit) as left:
        main(("explain", "two.png", "broken.png", "meadow.png", *options))
    said = capsys.readouterr()
    assert left.value.code == 1
    first, broken, meadow = json.loads(said.out)
    assert len(first["faces"]) == 2 and broken["error"] and not meadow["faces"]
    assert first["hidden"] == {"cells": 3, "patch": 0.2, "fill": "mean"}
    for face in first["faces"]:
        assert list(face["parts"]) == list(PARTS) and np.shape(face["map"]) == (3, 3)
        assert face["age"] > 0 and face["box"]
    assert [path.name for path in (tmp_path / "drawn").iterdir()] == ["two.png"]
    with Image.open("drawn/two.png") as drawn:
        assert drawn.width > 700 and drawn.height > 500
    rows = list(csv.DictReader((tmp_path / "parts.csv").read_text("utf-8").splitlines()))
    assert len(rows) == 2 * (7 + 9) + 2
    told = [float(row["years"]) for row in rows if row["face"] == "2" and not row["part"]]
    assert told == pytest.approx(np.ravel(first["faces"][1]["map"]), abs=1e-3)


def test_what_cannot_be_is_refused_before_any_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(draw(person(1, 1), 30, 96)).save("a.png")
    for words, code, told in (
        (["a.png", "--json", "--csv", "-"], 2, "both answer on stdout"),
        (["a.png", "--csv", "."], 2, "is not a file"),
        (["a.png", "--plot", "a.png"], 1, "is one of the images"),
        (["a.png", "--plot", "a.pdf"], 2, "name a .png or .jpg file"),
        (["a.png", "--cells", "1"], 2, "--cells"),
        (["a.png", "--patch", "nan"], 2, "--patch"),
        (["a.png", "--no-detect", "--faces", "all"], 2, "leave out --faces"),
        (["nowhere/*.png"], 1, "matches no image"),
    ):
        with pytest.raises(SystemExit) as left:
            main(("explain", *words))
        assert (left.value.code, told in capsys.readouterr().err) == (code, True), words
