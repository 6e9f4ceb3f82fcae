from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import agekit
from agekit.errors import ConfigError, DataError, ModelError
from agekit.faces.align import TEMPLATE
from agekit.inference.plot import save_rows
from agekit.tasks.estimator.predictor import Face, Prediction


def picture(seed, size=48):
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BILINEAR)


@pytest.fixture
def predictor(make_model):
    return agekit.load(make_model(), device="cpu")


@pytest.fixture
def paths(tmp_path):
    out = []
    for seed in range(5):
        out.append(tmp_path / f"{seed}.png")
        picture(seed).save(out[-1])
    return out


def close(one, two):
    assert one.age == pytest.approx(two.age, abs=1e-3)
    assert one.interval == pytest.approx(two.interval, abs=1e-3)
    assert one.p == pytest.approx(two.p, abs=1e-5)


def test_paths_pictures_and_arrays_agree(predictor, paths):
    with Image.open(paths[0]) as image:
        found = predictor.predict([paths[0], str(paths[0]), image, np.asarray(image)])
    assert [f.path for f in found] == [str(paths[0]), str(paths[0]), "", ""]
    for other in found[1:]:
        close(other.faces[0], found[0].faces[0])


def test_a_batch_and_single_faces_agree(predictor, paths):
    together = predictor.predict(paths)
    for size in (1, 2):
        apart = predictor.predict(iter(paths), batch_size=size)
        assert [p.path for p in apart] == [str(p) for p in paths]
        for one, two in zip(together, apart, strict=True):
            close(one.faces[0], two.faces[0])


def test_one_image_alone_is_a_list_of_one(predictor, paths):
    with Image.open(paths[0]) as image:
        alone = [paths[0], str(paths[0]), image.copy(), np.asarray(image)]
    for image in alone:
        found = predictor.predict(image)
        assert len(found) == 1
        assert found[0].error is None


def test_an_array_of_four_dimensions_is_a_batch(predictor):
    assert len(predictor.predict(np.zeros((3, 40, 40, 3), np.uint8))) == 3


def test_no_images_no_predictions(predictor):
    assert predictor.predict([]) == []


def test_ages_are_within_the_label_ages_and_the_interval(predictor, paths):
    for prediction in predictor.predict(paths):
        face = prediction.faces[0]
        assert 10 <= face.interval[0] <= face.age <= face.interval[1] <= 40
        assert face.ages == tuple(range(10, 41))
        assert sum(face.p) == pytest.approx(1, abs=1e-5)


def test_bad_images_among_good_ones(predictor, paths, tmp_path):
    text = tmp_path / "text.png"
    text.write_text("no image")
    images = [paths[0], text, tmp_path / "none.png", tmp_path, b"", paths[1]]
    found = predictor.predict(images)
    assert [p.error is None for p in found] == [True, False, False, False, False, True]
    assert [len(p.faces) for p in found] == [1, 0, 0, 0, 0, 1]
    for prediction, says in zip(
        found[1:5], ["not an image", "No such file", "Is a directory", "is empty"], strict=True
    ):
        assert says in prediction.error
        assert "\n" not in prediction.error
    close(found[5].faces[0], predictor.predict([paths[1]])[0].faces[0])


def test_only_bad_images(predictor, tmp_path):
    found = predictor.predict([tmp_path / "none.png"])
    assert (found[0].faces, "No such file" in found[0].error) == ((), True)


def test_a_model_without_a_distribution(make_model, paths):
    face = agekit.load(make_model("reg-resnet10-tiny"), "cpu").predict(paths[0])[0].faces[0]
    assert (face.p, face.ages) == (None, ())
    assert face.interval[0] <= face.age <= face.interval[1]
    assert face.to_dict(distribution=True)["distribution"] is None


def test_dictionaries_and_reprs_of_a_prediction():
    face = Face(31.2345, (25.129, 40.0), None, (30, 31), (0.25, 0.75))
    shape = {
        "age": 31.23,
        "interval": [25.13, 40.0],
        "score": None,
        "points": None,
        "upright": None,
        "box": None,
    }
    prediction = Prediction("a.png", (face,), image=np.zeros((9, 9, 3), np.uint8))
    assert prediction.to_dict() == {"path": "a.png", "faces": [shape], "error": None}
    full = prediction.to_dict(distribution=True)["faces"][0]
    assert full == {**shape, "distribution": {"ages": [30, 31], "p": [0.25, 0.75]}}
    assert repr(face) == "Face(age=31.2, interval=(25.1, 40.0))"
    assert repr(prediction) == f"Prediction(path='a.png', faces=({face!r},), error=None)"


@pytest.mark.parametrize(("turns", "upright"), [(0, True), (1, False), (2, False), (3, False)])
def test_what_a_detector_knows_of_a_face(turns, upright):
    points = TEMPLATE - 0.5
    for _ in range(turns):
        points = points @ [[0, -1], [1, 0]]
    face = Face(
        1.0, (0.0, 2.0), (1.0, 2.0, 3.06, 4.0), (), None, 0.98765, tuple(map(tuple, points))
    )
    made = json.loads(json.dumps(face.to_dict()))
    assert (made["box"], made["score"], made["upright"]) == ([1, 2, 3.1, 4], 0.9877, upright)
    assert np.shape(made["points"]) == (5, 2)
    assert ("upright=False" in repr(face)) is not upright


def test_models_and_agers_say_what_they_are(predictor):
    assert repr(predictor).startswith("Predictor('")
    assert len(repr(predictor)) < 80


def test_no_model_and_no_device(tmp_path, make_model):
    with pytest.raises(ModelError, match="there is no model"):
        agekit.load(tmp_path / "none")
    with pytest.raises(ConfigError, match=r"there is no device 'gpu'"):
        agekit.load(make_model(), "gpu")


def test_the_picture_shows_each_face(predictor, paths, tmp_path):
    rows = [row for found in predictor.predict(paths[:2]) for row in found.rows()]
    save_rows(tmp_path / "plot.png", rows)
    save_rows(tmp_path / "one.png", rows[:1])
    with Image.open(tmp_path / "plot.png") as two, Image.open(tmp_path / "one.png") as one:
        assert (two.format, two.width) == ("PNG", one.width)
        assert two.height == pytest.approx(2 * one.height, abs=2)


@pytest.mark.parametrize("faces", [0, 201])
def test_no_picture_of_nothing_or_of_too_many(tmp_path, faces):
    face = Face(31.0, (25.0, 40.0))
    with pytest.raises(DataError, match=r"no face to draw|too many for one picture"):
        save_rows(tmp_path / "plot.png", [(np.zeros((8, 8, 3), np.uint8), face)] * faces)
    assert list(tmp_path.iterdir()) == []
