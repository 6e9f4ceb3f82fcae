"""Images that are taken as face chips: those of another frame, and those that are none."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from agekit_synthfaces import draw, person
from agekit_testkit.models import write_untrained
from PIL import Image

from agekit.cli import main
from agekit.data.alignment import Alignment
from agekit.data.manifest import MANIFEST, Manifest
from agekit.faces.align import cut, frame, standard
from agekit.faces.base import Detection, Detector
from agekit.inference.chips import ChipTaker
from agekit.inference.finder import FaceFinder
from agekit.inference.inputs import Picture

SIZE = 32


class Wide(Detector):
    """Finds the face of a chip with a margin of 0.5 in padded images that are not black."""

    looked = 0

    def detect(self, images, *, min_face=None):
        return [self.faces(image) for image in images]

    def faces(self, image):
        self.looked += 1
        side = len(image) / 1.6
        points = (frame(0.5) * side + 0.3 * side).astype(np.float32)
        found = Detection(np.array([0, 0, 9, 9], np.float32), 1.0, points)
        return [found] if image.any() else []


def taker(face: Alignment) -> tuple[ChipTaker, Wide]:
    finder = FaceFinder(face, SIZE, "cpu")
    finder.detector = detector = Wide()
    return ChipTaker(face, SIZE, lambda: finder, "m"), detector


def warning(take: ChipTaker, width: int, height: int, level: int = 90) -> str | None:
    [chip] = take.take([Picture("", np.full((height, width, 3), level, np.uint8))])
    assert chip.pixels.shape == (SIZE, SIZE, 3)
    return chip.warning


@pytest.mark.parametrize("shape", [(200, 200), (178, 218), (200, 250)])
def test_chips_are_taken_without_a_word(shape):
    for face in (standard(0.5, "wide"), standard(0.4, "wide"), Alignment()):
        assert warning(taker(face)[0], *shape) is None
        assert warning(taker(face)[0], *shape[::-1]) is None


@pytest.mark.parametrize("shape", [(640, 480), (48, 64), (1000, 100)])
def test_an_image_far_from_square_is_no_chip(shape):
    for face in (standard(0.5, "wide"), Alignment()):
        told = warning(taker(face)[0], *shape)
        assert told == f"{shape[0]} x {shape[1]} pixels are no face chip: its middle square is " + (
            "taken for one"
        )


@pytest.mark.parametrize("margin", [-0.1, 0.1, 1.0])
def test_a_face_far_from_where_the_model_knows_it_is_told(margin):
    take, detector = taker(standard(margin, "wide"))
    told = warning(take, 200, 200)
    assert told is not None and told.startswith("no chip of the frame of m: the eyes lie at (4")
    assert warning(take, 200, 200, level=0) is None, "no face: nothing is known"
    for _ in range(30):
        warning(take, 200, 200)
    assert detector.looked == 16


def test_without_its_detector_only_the_shape_is_looked_at():
    face = standard(0.1, "nowhere")
    take = ChipTaker(face, SIZE, lambda: FaceFinder(face, SIZE, "cpu"), "m")
    assert warning(take, 200, 200) is None
    assert warning(take, 400, 200) is not None


def test_prepared_chips_are_reframed_and_that_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    model = write_untrained(tmp_path / "model", face=standard(0.1, "nowhere"))
    chips, cuts = tmp_path / "chips", tmp_path / "cuts"
    manifest = Manifest(dataset="csv", face=standard(0.5, "wide"), rows=2, made_by="a test")
    for folder in (chips / "a", cuts):
        folder.mkdir(parents=True)
    (chips / MANIFEST).write_text(manifest.model_dump_json())
    for k in range(2):
        face = draw(person(0, k), 30, 96)
        Image.fromarray(face).save(chips / "a" / f"{k}.png")
        by_hand = cut(face, frame(0.5) * 96, frame(0.1), SIZE)
        Image.fromarray(by_hand).save(cuts / f"{k}.png")

    def ages(folder):
        with pytest.raises(SystemExit) as done:
            main(["predict", str(folder), "--model", str(model), "--no-detect", "--json"])
        out, err = capsys.readouterr()
        assert done.value.code == 0
        return [image["faces"][0]["age"] for image in json.loads(out)], err

    wanted, quiet = ages(cuts)
    assert "note:" not in quiet
    found, told = ages(chips)
    assert found == wanted
    assert "0.png and 1 more: faces reframed: the eyes lie at (42%, 48%) and (58%, 48%)" in told
    shutil.copy(chips / "a" / "0.png", cuts / "wide.png")
    Image.new("RGB", (300, 100)).save(cuts / "flat.png")
    _, told = ages(cuts)
    assert "flat.png: 300 x 100 pixels are no face chip" in told
