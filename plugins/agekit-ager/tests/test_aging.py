from __future__ import annotations

import numpy as np
import pytest
import torch
from agekit_ager import AgedFace, load_aging
from agekit_ager.build import build_ager
from agekit_ager.config import AgerConfig
from agekit_ager.judges.base import Judge, Verdict
from agekit_testkit.models import write_untrained
from PIL import Image
from torch import nn

from agekit.data.alignment import Alignment
from agekit.errors import ConfigError, ModelError
from agekit.faces.align import TEMPLATE
from agekit.faces.base import Detection, Detector
from agekit.recipe import PartConfig
from agekit.registry import DETECTORS, GENERATORS
from agekit.tasks.generator import Generator
from agekit.zoo.config import ImageConfig
from agekit.zoo.folder import save_model

SIZE = 32
STEP = 20


class Shift(Generator):
    """Adds the same to every pixel."""

    def __init__(self):
        super().__init__()
        self.by = nn.Parameter(torch.zeros(1))

    def forward(self, images):
        return images + self.by


class Marks(Detector):
    """Finds the squares that stand apart on a photo of another colour."""

    def detect(self, images, *, min_face=None):
        return [sorted(self._faces(image), key=lambda face: -face.area) for image in images]

    def _faces(self, image):
        other = (np.abs(image.astype(int) - image[0, 0]) > 0).any(2)
        edges = np.flatnonzero(np.diff(other.any(0).astype(int)))
        for x0, x1 in (edges.reshape(-1, 2) + 1).tolist():
            y0, side = int(np.flatnonzero(other[:, x0:x1].any(1))[0]), x1 - x0
            box = np.array([x0, y0, x1, y0 + side], np.float32)
            yield Detection(box, 0.9, (TEMPLATE * side + [x0, y0]).astype(np.float32))


class Brightness(Judge):
    """Takes the brightness of a chip's middle for an age; finds no face in the dark."""

    name = "brightness"

    def predict(self, chips):
        middle = chips[:, 8:-8, 8:-8].mean((1, 2, 3), dtype=np.float64)
        return Verdict(np.where(middle < 10, np.nan, middle))


def photo(*sides, grey=120):
    canvas = np.full((100, 20 + sum(sides) + 40 * len(sides), 3), (0, 90, 0), np.uint8)
    x = 30
    for side in sides:
        canvas[20 : 20 + side, x : x + side] = grey
        x += side + 40
    return canvas


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads an ager that adds `STEP` to make old and takes it away to make young."""
    monkeypatch.setattr(DETECTORS, "get", {"mtcnn": Marks}.__getitem__)
    monkeypatch.setattr(GENERATORS, "get", {"shift": Shift}.__getitem__)

    def load(**face):
        part = PartConfig(type="shift")
        ager = build_ager(part)
        with torch.no_grad():
            ager.old.by += STEP / 127.5
            ager.young.by -= STEP / 127.5
        image = ImageConfig(size=SIZE, mean=(0.5,) * 3, std=(0.5,) * 3)
        config = AgerConfig(
            name="shift",
            generator=part,
            image=image,
            face=Alignment(**face),
            domains={"young": "", "old": ""},
            parameters=2,
        )
        save_model(tmp_path / "model", ager, config, {}, "")
        return load_aging(tmp_path / "model", "cpu")

    return load


@pytest.fixture
def aging(load):
    return load(align="five-points", margin=0.1)


def test_a_chip_is_squared_scaled_and_aged(load):
    aging = load()
    assert not aging.detects
    image = photo(60)
    [old], [young] = aging.age(image), aging.age(image, "young")
    assert old.before.shape == old.after.shape == (SIZE, SIZE, 3)
    wanted = np.clip(old.before.astype(int) + STEP, 0, 255)
    np.testing.assert_array_equal(old.after, wanted)
    np.testing.assert_array_equal(young.after, np.clip(young.before.astype(int) - STEP, 0, 255))
    assert old.faces == (AgedFace(),)
    assert old.error is None


def test_faces_go_back_into_their_photo(aging):
    image = photo(40, 60)
    [result] = aging.age(image)
    assert [face.box for face in result.faces] == [(110, 20, 170, 80), (30, 20, 70, 60)]
    assert result.after.shape == image.shape
    np.testing.assert_array_equal(result.before, image)
    change = result.after.astype(int) - image
    for x, y in ((140, 50), (50, 40)):
        assert (change[y, x] == STEP).all()
    far = np.ones(image.shape[:2], bool)
    far[14:86, 104:176] = far[16:64, 26:74] = False
    assert not change[far].any()


def test_the_faces_of_another_detector_are_aged_in_their_order(aging):
    image = photo(40, 60)
    [result] = aging.age(image, boxes=[[30, 20, 70, 60]], judge=Brightness())
    [face] = result.faces
    assert (face.box, face.upright) == ((30, 20, 70, 60), True)
    assert (face.before, face.after) == pytest.approx((120, 120 + STEP), abs=2)
    assert (result.after[50, 140] == 120).all()
    [guessed] = aging.age(image, boxes=[[0, 60, 20, 90]])
    assert guessed.faces[0].upright is None
    assert (guessed.after[70:80, 5:15].astype(int) != image[70:80, 5:15]).any()
    [none] = aging.age([image], boxes=[None])
    assert none.after is None
    with pytest.raises(ConfigError, match="leave out detect"):
        aging.age(image, detect=True, boxes=[[30, 20, 70, 60]])


def test_the_largest_face_alone(aging):
    [result] = aging.age(photo(40, 60), faces="largest")
    assert [face.box for face in result.faces] == [(110, 20, 170, 80)]
    assert (result.after[40, 50] == 120).all()


def test_whether_to_detect_is_the_models_or_the_users_choice(load):
    image = photo(60)
    chips = load()
    assert chips.alignment_unknown
    assert chips.age(image, detect=True)[0].after.shape == image.shape
    photos = load(align="five-points")
    assert (photos.detects, photos.alignment_unknown) == (True, False)
    assert photos.age(image, detect=False)[0].after.shape == (SIZE, SIZE, 3)


def test_no_face_and_no_image(aging, tmp_path):
    text = tmp_path / "text.png"
    text.write_text("no image")
    empty, bad, good = aging.age([photo(), text, photo(60)])
    assert (empty.after, empty.faces, empty.error) == (None, (), None)
    assert empty.before is not None
    assert (bad.before, bad.after) == (None, None)
    assert "not an image" in bad.error
    assert good.after is not None


def test_paths_pictures_and_arrays_agree(aging, tmp_path):
    image = photo(60)
    path = tmp_path / "photo.png"
    Image.fromarray(image).save(path)
    results = aging.age([path, str(path), Image.fromarray(image), image])
    assert [result.path for result in results] == [str(path), str(path), "", ""]
    for result in results[1:]:
        np.testing.assert_array_equal(result.after, results[0].after)
    assert aging.age([]) == []


def test_the_judge_sees_every_face_before_and_after(aging):
    [result] = aging.age(photo(40, 60), judge=Brightness())
    for face in result.faces:
        assert face.before == pytest.approx(120, abs=1)
        assert face.after == pytest.approx(120 + STEP, abs=1)
    [chip] = aging.age(np.full((48, 40, 3), 200, np.uint8), detect=False, judge=Brightness())
    assert chip.faces[0].after - chip.faces[0].before == pytest.approx(STEP, abs=2)


def test_the_judge_may_find_no_face(aging):
    [result] = aging.age(photo(60, grey=5), judge=Brightness())
    assert result.faces[0].before is None
    assert result.faces[0].after == pytest.approx(5 + STEP, abs=1)


def test_more_faces_than_a_batch(aging):
    image = photo(*[20 + k for k in range(11)])
    [result] = aging.age(image)
    assert len(result.faces) == 11
    for face in result.faces:
        x, y = int(face.box[0] + face.box[2]) // 2, int(face.box[1] + face.box[3]) // 2
        assert (result.after[y, x] == 120 + STEP).all()


@pytest.mark.parametrize("wrong", [{"to": "older"}, {"faces": "both"}])
def test_wrong_arguments(aging, wrong):
    with pytest.raises(ConfigError, match="is neither"):
        aging.age(photo(60), **wrong)


def test_an_estimator_is_no_ager(tmp_path):
    with pytest.raises(ModelError, match="is an estimator, not an ager"):
        load_aging(write_untrained(tmp_path / "model"), "cpu")
    with pytest.raises(ModelError, match="there is no model"):
        load_aging(tmp_path / "none")
