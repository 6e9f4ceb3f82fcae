"""The conformance checks find what is wrong with a part, and say it."""

from __future__ import annotations

from pathlib import Path

import agekit_testkit
import numpy as np
import pytest
import torch
from agekit_cyclegan.generators import ResnetGenerator
from agekit_synthfaces import write_face
from agekit_testkit import (
    check_backbone,
    check_dataset,
    check_detector,
    check_evolver,
    check_generator,
    check_head,
    check_loss,
    check_plugin,
    check_recipe,
)
from agekit_testkit.checks.usual import check_as_used
from torch import Tensor, nn

from agekit.data.dataset import Dataset
from agekit.data.files import Files
from agekit.data.protocols import Protocol, by_content
from agekit.data.table import FaceTable
from agekit.errors import ConfigError
from agekit.faces.base import Detection, Detector
from agekit.registry import DETECTORS, EVOLVERS
from agekit.tasks.estimator.base import Head, Loss
from agekit.tasks.estimator.estimate import Estimate
from agekit.tasks.estimator.target import Target
from agekit.tasks.generator import Generator

FLAWS: dict[str, list[str]] = {
    "loss": ["sum", "vector", "item", "mask", "half", "in_place", "detached", "fixed_ages"],
    "head": ["shape", "unclamped", "mass", "order", "constant", "random", "unused"],
    "backbone": ["maps", "unused", "host", "batch", "seedless", "buffer"],
}
SAID = {
    "sum": "no mean over the batch",
    "vector": "not a scalar",
    "item": "reads a value back",
    "mask": "reads a value back",
    "half": "torch.bfloat16, not torch.float32",
    "in_place": "in place",
    "detached": "its gradient",
    "fixed_ages": "label ages 16-77: the loss of raw output",
}


class Absolute(Loss):
    """The absolute error, with one flaw."""

    def __init__(self, *, flaw: str = "") -> None:
        super().__init__()
        self.flaw = flaw

    def forward(self, raw: Tensor, target: Target, ancestor: Tensor | None = None) -> Tensor:
        values = raw if self.flaw == "half" else raw.float()
        if self.flaw == "in_place":
            raw.data.mul_(2)
        if self.flaw == "detached":
            values = values.detach()
        if self.flaw == "fixed_ages":
            return nn.functional.cross_entropy(values.new_zeros(len(raw), 62), target.label) * 0
        error = (values - target.unit.to(values.dtype)).abs()
        if self.flaw == "vector":
            return error
        if self.flaw == "sum":
            return error.sum()
        if self.flaw == "item":
            return error.mean() * float(error.mean().item() >= 0)
        if self.flaw == "mask":
            return error[error > 0].mean()
        return error.mean()


def noise(n: int, ages: tuple[int, int]) -> Tensor:
    return torch.rand(n)


def test_a_good_loss_passes() -> None:
    check_loss(Absolute, raw=noise)
    check_loss(Absolute, head="regression")


@pytest.mark.parametrize("flaw", [f for f in FLAWS["loss"] if f != "fixed_ages"])
def test_what_is_wrong_with_a_loss_is_said(flaw: str) -> None:
    with pytest.raises(AssertionError, match=r"loss 'Absolute', label ages 0-100") as caught:
        check_loss(Absolute, raw=noise, arguments={"flaw": flaw})
    assert SAID[flaw] in str(caught.value)


def test_a_loss_made_for_the_ages_0_to_100_alone_is_found() -> None:
    class Fixed(Absolute):
        """Takes a hundred and one classes."""

        def forward(self, raw: Tensor, target: Target, ancestor: Tensor | None = None) -> Tensor:
            return (raw.float() - torch.zeros(101)[None]).abs().mean()

    with pytest.raises(AssertionError, match="label ages 16-77: the loss of raw output"):
        check_loss(Fixed, raw=lambda n, ages: torch.rand(n, ages[1] - ages[0] + 1), meta=False)


def test_a_loss_needs_a_head_or_raw_output() -> None:
    with pytest.raises(AssertionError, match="say which head"):
        check_loss(Absolute)
    with pytest.raises(AssertionError, match="no argument 'delta'"):
        check_loss("l1", head="regression", arguments={"delta": 1})
    with pytest.raises(AssertionError, match=r"not a subclass of .*estimator\.base\.Loss"):
        check_loss(nn.L1Loss, raw=noise)
    with pytest.raises(AssertionError, match="as JSON fails"):
        check_loss(Absolute, raw=noise, arguments={"flaw": torch.zeros(1)})


class Linear(Head):
    """Regression, with one flaw."""

    def __init__(self, in_features: int, ages: tuple[int, int], *, flaw: str = "") -> None:
        super().__init__(in_features, ages)
        self.flaw = flaw
        self.fc = nn.Linear(in_features, 1)
        if flaw == "unused":
            self.spare = nn.Linear(2, 2)
        if flaw == "random":
            with torch.no_grad():
                self.fc.bias.fill_(float(np.random.default_rng().random()))

    def forward(self, features: Tensor) -> Tensor:
        raw: Tensor = self.fc(features).squeeze(-1)
        if self.flaw == "constant":
            return torch.zeros(len(features)) + 0 * raw
        return raw * 10 if self.flaw == "unclamped" else raw

    def estimate(self, raw: Tensor, rule: str, level: float) -> Estimate:
        low, high = self.ages
        age = low + (high - low) * raw
        if self.flaw != "unclamped":
            age = age.clamp(low, high)
        if self.flaw == "shape":
            age = age[:, None]
        if self.flaw == "order":
            return Estimate(age, age + 1, age + 2)
        if self.flaw == "mass":
            return Estimate(age, age, age, torch.full((len(raw), high - low + 1), 0.5))
        return Estimate(age, age, age)


HEADS_SAY = {
    "shape": r"of shape \(6, 1\), not \(6\)",
    "unclamped": "outside of the label ages",
    "mass": "do not sum to 1",
    "order": "outside of its interval",
    "constant": "no gradient flows back",
    "random": "two made with one seed",
    "unused": "no gradient reaches spare.weight",
}


def test_a_good_head_passes() -> None:
    check_head(Linear)


@pytest.mark.parametrize("flaw", FLAWS["head"])
def test_what_is_wrong_with_a_head_is_said(flaw: str) -> None:
    with pytest.raises(AssertionError, match=HEADS_SAY[flaw]):
        check_head(Linear, arguments={"flaw": flaw})


class Tiny(nn.Module):
    """A backbone, with one flaw."""

    def __init__(self, *, flaw: str = "") -> None:
        super().__init__()
        self.flaw = flaw
        self.conv = nn.Conv2d(3, 4, 3, stride=2)
        self.spare = nn.Linear(2, 2) if flaw == "unused" else nn.Identity()
        self.shift = float(torch.rand(())) if flaw == "buffer" else 0.0

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.conv(images)
        if self.flaw == "maps":
            return maps
        features = maps.mean((2, 3)) + self.shift
        if self.flaw == "host":
            return features * (2 if bool(features.sum() > 0) else 1)
        if self.flaw == "batch":
            return features - features.mean(0)
        return features + torch.rand(4) if self.flaw == "seedless" else features


BACKBONES_SAY = {
    "maps": r"the features are of shape \(3, 4, 31, 31\), not \(3, \*\)",
    "unused": "no gradient reaches spare.weight",
    "host": "reads a value back",
    "batch": "depends on the other faces",
    "seedless": "in evaluation",
    "buffer": "with its weights answers differently",
}


def test_a_good_backbone_passes() -> None:
    check_backbone(Tiny)


@pytest.mark.parametrize("flaw", FLAWS["backbone"])
def test_what_is_wrong_with_a_backbone_is_said(flaw: str) -> None:
    with pytest.raises(AssertionError, match=BACKBONES_SAY[flaw]):
        check_backbone(Tiny, arguments={"flaw": flaw})


def test_a_generator_whose_faces_are_too_bright_is_found() -> None:
    class Bright(Generator):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, images: Tensor) -> Tensor:
            faces: Tensor = self.conv(images) + 2
            return faces

    with pytest.raises(AssertionError, match="not from -1 to 1"):
        check_generator(Bright)
    with pytest.raises(AssertionError, match=r"does not give an .*plugin.Generator"):
        check_generator(Tiny)
    check_generator(ResnetGenerator, arguments={"blocks": 1, "width": 2})


class Named(Dataset):
    """Files named by age, split by their bytes."""

    name = "named"
    title = licence = source = layout = "a test's"
    protocols = {"hash": Protocol("hash", "by content", by_content(0.5, 0.2, "x"))}
    default_protocol = "hash"

    def read(self, root: Path | None) -> FaceTable:
        assert root is not None
        paths = sorted(p.name for p in root.glob("*.png"))
        return FaceTable.build(Files(root, paths), [int(p[:2]) for p in paths])


def faces(root: Path) -> Path:
    for age in range(20, 40):
        write_face(root / f"{age}.png", age, seed=age)
    return root


def test_a_dataset_is_checked_with_its_files_and_without(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    root = faces(tmp_path / "root")
    check_dataset(Named)
    check_dataset(Named, root)

    class Silent(Named):
        licence = ""

    class Careless(Named):
        def read(self, root: Path | None) -> FaceTable:
            assert root is not None
            return FaceTable.build(Files(root, [(root / "20.png").name]), [(root / "x").stat()])

    class ByRow(Named):
        protocols = {
            "hash": Protocol("hash", "by row", lambda t: (np.arange(len(t)) % 3).astype(np.int8))
        }

    with pytest.raises(AssertionError, match="does not say its licence"):
        check_dataset(Silent, root)
    with pytest.raises(AssertionError, match="raise a DataError"):
        check_dataset(Careless, root)
    with pytest.raises(AssertionError, match="in another order"):
        check_dataset(ByRow, root)


class Whole(Detector):
    """The whole picture, with one flaw."""

    flaw = ""

    def detect(self, images, *, min_face=None):
        return [self._one(i) for i in images] if not min_face else [[] for _ in images]

    def _one(self, image):
        height, width = image.shape[:2]
        box = np.array([0, 0, width, height], np.float32)
        points = np.array([[0, 0], [1, 0], [0, 1], [0, 2], [1, 2]], np.float32)
        if self.flaw == "dtype":
            box = box.astype(np.float64)
        if self.flaw == "points":
            points = points[::-1].copy()
        if self.flaw == "blind":
            return []
        return [Detection(box, 2.0 if self.flaw == "score" else 1.0, points)]


@pytest.mark.parametrize(
    ("flaw", "said"),
    [
        ("dtype", "float32"),
        ("points", "not in order"),
        ("blind", "it finds 0 faces where 1 are"),
        ("score", "not from 0 to 1"),
    ],
)
def test_what_is_wrong_with_a_detector_is_said(flaw, said) -> None:
    check_detector(Whole)
    with pytest.raises(AssertionError, match=said):
        check_detector(type("Flawed", (Whole,), {"flaw": flaw}))


def test_without_drawn_faces_what_is_shown_them_is_left_out(monkeypatch) -> None:
    monkeypatch.setenv("AGEKIT_DISABLE_PLUGINS", "agekit-synthfaces")
    for entry in (DETECTORS.find("mtcnn"), EVOLVERS.find("single")):
        assert "install agekit-synthfaces" in check_as_used(entry)
    with pytest.raises(ConfigError, match="no face to show a detector") as caught:
        check_detector("mtcnn")
    assert "install agekit-synthfaces" in caught.value.hint
    check_detector(Whole, images=[np.zeros((30, 30, 3), np.uint8)])


def test_a_recipe_whose_losses_leave_a_head_alone_is_found(write_plugin) -> None:
    text = """
    kind: estimator
    description: two heads, one loss
    heads:
      a: {type: regression}
      b: {type: regression}
    evolver: {type: single, losses: [{type: l1, head: a}]}
    train: {epochs: 1}
    """
    write_plugin(
        "agekit-thrown",
        {"recipe": {"thrown": "thrown.recipes:thrown", "thrown-wrong": "thrown.recipes:wrong"}},
        {
            "thrown/recipes/thrown.yaml": text,
            "thrown/recipes/wrong.yaml": text.replace("head: a", "head: c"),
        },
    )
    with pytest.raises(AssertionError, match=r"no loss gives a gradient to heads\.b\.fc\.weight"):
        check_recipe("thrown")
    with pytest.raises(AssertionError, match="the recipe has no head 'c'"):
        check_recipe("thrown-wrong")


def test_an_evolver_is_trained_by_a_recipe_of_its_own() -> None:
    with pytest.raises(AssertionError, match="uses the evolver 'single'"):
        check_evolver("coupled", recipe="reg-resnet10-tiny")


def test_a_distribution_that_is_not_installed_is_said() -> None:
    with pytest.raises(AssertionError, match="pip install -e"):
        check_plugin("agekit-nowhere")


def test_every_public_name_is_there_and_comes_late() -> None:
    for name in agekit_testkit.__all__:
        assert callable(getattr(agekit_testkit, name))
    with pytest.raises(AttributeError, match="no attribute 'check_nothing'"):
        _ = agekit_testkit.check_nothing
