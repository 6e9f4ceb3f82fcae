"""A loss is given what it asks for by name; faces that are mixed have the loss of both ages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import nan
from pathlib import Path

import pytest
import torch
from agekit_testkit import check_loss
from torch import nn
from torch.nn import functional as F

from agekit.data.augmentation import Mixing
from agekit.data.loader import Batch
from agekit.errors import ContractError, PluginError
from agekit.recipe import LossTerm
from agekit.registry import HEADS, LOSSES
from agekit.tasks.estimator.base import Loss
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.step import CachedTeacher, EstimatorStep, OnlineTeacher
from agekit.tasks.estimator.target import Mixed, Target
from agekit.tasks.estimator.terms import Asked, LossInputs, Term, build_term, require_no_teacher

AGES = (10, 12)
GUIDE = Path(__file__).parents[3] / "docs/plugins.md"


def target(*ages):
    return Target(torch.tensor(ages, dtype=torch.float32), torch.full((len(ages),), nan), AGES)


class Plain(Loss):
    def forward(self, raw, target):
        return (raw - target.unit).abs().mean()


class Everything(Loss):
    def forward(self, raw, target, *, outputs, features, teacher, teacher_outputs, soft, mixed):
        self.seen = outputs, features, teacher, teacher_outputs, soft, mixed
        return raw.mean()


class Soft(Loss):
    def forward(self, raw, target, *, soft):
        return F.cross_entropy(raw.float(), soft)


class Old(Loss):
    needs_ancestor = True

    def forward(self, raw, target, ancestor=None):
        return (raw - ancestor).abs().mean()


class OldPlain(Loss):
    def forward(self, raw, target, ancestor=None):
        return raw.mean()


class Optional(Loss):
    def forward(self, raw, target, *, teacher=None):
        return raw.mean() if teacher is None else teacher.mean() + 0 * raw.mean()


class Positional(Loss):
    def forward(self, raw, target, teacher):
        return (raw - teacher).mean()


def term(kind):
    return Term("it", "reg", 2.0, kind())


def inputs(**more):
    outputs = {"reg": torch.tensor([0.5, 1.0]), "ldl": torch.zeros(2, 3)}
    return LossInputs(outputs, target(10, 12), **more)


@pytest.mark.parametrize(
    ("kind", "names", "needs"),
    [
        (Plain, (), False),
        (Soft, ("soft",), False),
        (Old, ("teacher",), True),
        (OldPlain, ("teacher",), False),
        (Optional, ("teacher",), False),
        (Positional, ("teacher",), True),
    ],
)
def test_the_signature_says_what_is_asked_for(kind, names, needs):
    asked = Asked.by(kind)
    assert (asked.names, asked.learns_from_teacher) == (names, needs)


def test_a_loss_of_one_head_takes_two_arguments():
    assert term(Plain)(inputs()).item() == pytest.approx(2 * 0.25)


def test_all_that_can_be_asked_for_is_given():
    features, taught = torch.ones(2, 4), {"reg": torch.ones(2), "ldl": torch.ones(2, 3)}
    mixed = Mixed(target(11, 10), torch.tensor(0.75))
    loss = term(Everything)
    loss(inputs(features=features, teacher_outputs=taught, mixed=mixed))
    outputs, seen, teacher, teacher_outputs, soft, mixes = loss.loss.seen
    assert outputs.keys() == {"reg", "ldl"}
    assert (seen is features, teacher is taught["reg"], teacher_outputs is taught) == (True,) * 3
    assert mixes is mixed
    assert soft.tolist() == [[0.75, 0.25, 0.0], [0.25, 0.0, 0.75]]


def test_without_mixing_the_soft_target_is_one_hot():
    loss = term(Everything)
    loss(inputs())
    assert loss.loss.seen[4].tolist() == [[1, 0, 0], [0, 0, 1]]
    assert loss.loss.seen[5] is None


@pytest.mark.parametrize(("kind", "value"), [(Old, 1.5), (Positional, -1.5), (Optional, 3)])
def test_the_teacher_is_given_by_position_and_by_name(kind, value):
    taught = {"reg": torch.tensor([1.0, 2.0])}
    assert term(kind)(inputs(teacher_outputs=taught)).item() == pytest.approx(value)


def test_mixed_faces_have_the_loss_of_both_ages_by_their_shares():
    raw = {"reg": torch.tensor([0.5, 1.0]), "ldl": torch.zeros(2, 3)}
    others = target(12, 11)
    mixed = Mixed(others, torch.tensor(0.75))
    given = LossInputs(raw, target(10, 12), mixed=mixed, other=LossInputs(raw, others))
    own, other = (0.5 + 0.0) / 2, (0.5 + 0.5) / 2
    assert term(Plain)(given).item() == pytest.approx(2 * (0.75 * own + 0.25 * other))
    soft = Term("it", "ldl", 1.0, Soft())
    assert soft(given).item() == pytest.approx(torch.tensor(3.0).log().item())


def network():
    heads = {"ldl": HEADS.get("ldl")(3, AGES), "reg": HEADS.get("regression")(3, AGES)}
    return AgeEstimator(nn.Flatten(), heads, AGES)


def batch(mixing=None):
    age = torch.tensor([10.0, 12.0])
    return Batch(torch.rand(2, 3, 1, 1), age, torch.full((2,), nan), torch.tensor([1, 0]), mixing)


def test_the_step_asks_for_no_more_than_its_losses_do():
    asked = []

    class Watched(CachedTeacher):
        def __call__(self, batch):
            asked.append(batch)
            return super().__call__(batch)

    teacher = Watched({"reg": torch.zeros(2)})
    plain = EstimatorStep(network(), [term(Plain)], teacher)(batch())
    assert (plain.features, plain.teacher_outputs, asked) == (None, None, [])
    full = EstimatorStep(network(), [term(Everything)], teacher)(batch())
    assert full.features.shape == (2, 3)
    assert len(asked) == 1


@pytest.mark.parametrize("online", [False, True])
def test_the_other_faces_have_their_own_ages_and_teacher(online):
    stored = torch.tensor([0.25, 0.75])
    teacher = OnlineTeacher(network()) if online else CachedTeacher({"reg": stored})
    mixing = Mixing(torch.tensor([1, 0]), torch.tensor(0.5))
    given = EstimatorStep(network(), [term(Optional)], teacher)(batch(mixing))
    assert given.other.target.age.tolist() == [12.0, 10.0]
    own, other = given.teacher_outputs["reg"], given.other.teacher_outputs["reg"]
    assert torch.equal(other, own if online else own.flip(0))


@pytest.mark.parametrize(
    ("signature", "told"),
    [
        ("self, raw, target, *, feature=None", "asks for 'feature'.*did you mean 'features'"),
        ("self, raw, target, *, eps=1e-6", "asks for 'eps'.*constants belong to __init__"),
        ("self, raw, target, **given", "asks for 'given'"),
        ("self, raw, target, *, weight", "asks for 'weight'"),
    ],
)
def test_what_is_not_given_is_told(signature, told):
    names = {}
    exec(f"def forward({signature}): return raw.mean()", names)
    kind = type("Wrong", (Loss,), {"forward": names["forward"]})
    with pytest.raises(ContractError, match=f"(?s){told}"):
        Term("it", "reg", 1.0, kind())


def test_a_loss_without_forward_is_told():
    with pytest.raises(ContractError, match="has no method 'forward'"):
        Term("it", "reg", 1.0, type("Empty", (Loss,), {})())


OLDER = """
from agekit.tasks.estimator.base import Loss

class Older(Loss):
    needs_ancestor = True
    def forward(self, raw, target, ancestor=None):
        return (raw.float() - ancestor.float()).abs().mean()
"""
MOVED = "from agekit.estimator.base import Loss\nclass Older(Loss): ..."


@pytest.fixture
def older(write_plugin):
    def write(source, api):
        points = {"loss": {"older": "older_loss:Older"}}
        write_plugin("agekit-older", points, {"older_loss.py": source}, api=api)
        return LossTerm(type="older", head="reg")

    return write


def test_a_loss_of_interface_1_goes_on_working(older):
    recipe = older(OLDER, 1)
    built = build_term(recipe)
    taught = {"reg": torch.tensor([1.0, 2.0])}
    assert built(inputs(teacher_outputs=taught)).item() == pytest.approx(0.75)
    with pytest.raises(ContractError, match="learns from an ancestor, and generation 1 has none"):
        require_no_teacher(recipe, "generation 1")
    check_loss("older", head="regression", ages=[AGES])


def test_a_loss_of_interface_2_takes_nothing_by_position(older):
    with pytest.raises(ContractError, match="takes a third argument by position") as error:
        build_term(older(OLDER, 2))
    assert "forward(self, raw, target, *, teacher)" in error.value.hint


def test_a_moved_module_is_told_to_a_plugin_of_interface_1(older):
    older(MOVED, 1)
    with pytest.raises(PluginError, match=r"version 1 of the plugin interface.*have moved"):
        LOSSES.get("older")


class Consistent(Loss):
    """The heads agree, near their teacher, on calm features."""

    def forward(self, raw, target, *, outputs, features, teacher=None):
        p = torch.softmax(outputs["ldl"].float(), -1)
        mean = (p * target.labels).sum(-1) / target.labels[-1]
        calm = features.float().square().mean() + (raw.float() - teacher.float()).abs().mean()
        return (raw.float() - mean).square().mean() + 0.01 * calm


@pytest.mark.parametrize("name", ["SquaredError", "CalmAgreement"])
def test_the_losses_of_the_guide_keep_the_contract(name):
    (source,) = re.findall(rf"```python\n(class {name}.*?)```", GUIDE.read_text(), re.S)
    known = {"Loss": Loss, "Tensor": torch.Tensor, "Target": Target, "Mapping": Mapping}
    exec(source, known)
    heads = {"ldl": {"type": "ldl"}, "reg": {"type": "regression"}}
    check_loss(known[name], head="regression", heads=heads, ages=[AGES])


def test_losses_that_ask_are_checked_with_what_they_ask_for():
    heads = {"ldl": {"type": "ldl"}, "reg": {"type": "regression"}}
    check_loss(Consistent, head="regression", heads=heads, ages=[AGES])
    check_loss(Soft, head="ldl", ages=[AGES])
