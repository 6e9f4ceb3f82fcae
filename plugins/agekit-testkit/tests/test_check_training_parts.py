"""The checks of optimizers, schedules and hooks pass what is right, and say what is not."""

from __future__ import annotations

import pytest
import torch
from agekit_testkit import check_hook, check_optimizer, check_schedule
from agekit_testkit.checks.usual import check_as_used
from mmengine.hooks import Hook

from agekit.discovery import entries

RESTARTS = {"periods": [2, 8], "restart_weights": [1.0, 0.5], "eta_min": 0.0}


@pytest.mark.parametrize("entry", entries("optimizer"), ids=lambda entry: entry.name)
def test_every_optimizer_passes(entry):
    assert check_as_used(entry) == ""


@pytest.mark.parametrize("name", ["Lion", "lamb", "timm/adamw"])
def test_those_of_timm_pass(name):
    check_optimizer(name)


@pytest.mark.parametrize("entry", entries("schedule"), ids=lambda entry: entry.name)
def test_every_schedule_passes(entry):
    lacking = {"exponential": "gamma", "multi-step": "milestones"}.get(entry.name, "")
    assert (f"'{lacking}'" in check_as_used(entry)) == bool(lacking)


def test_those_with_arguments_pass():
    check_schedule("exponential", arguments={"gamma": 0.9})
    check_schedule("multi-step", arguments={"milestones": [1, 2]})
    check_schedule("mmengine/CosineRestartLR", arguments=RESTARTS)


class Forgetful(torch.optim.SGD):
    """Counts its steps beside its state."""

    taken = 0

    def step(self, closure=None):
        self.taken += 1
        for group in self.param_groups:
            for p in group["params"]:
                p.data.sub_(p.grad, alpha=group["lr"] / self.taken)


class OneRate(torch.optim.SGD):
    def __init__(self, params, lr=0.1):
        super().__init__(params, lr=lr)
        self.rate = lr

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.data.sub_(p.grad, alpha=self.rate)


@pytest.mark.parametrize(
    ("kind", "told"),
    [(Forgetful, "goes on otherwise"), (OneRate, "a group whose lr is 0 moves")],
)
def test_what_is_wrong_with_an_optimizer_is_said(kind, told):
    with pytest.raises(AssertionError, match=told):
        check_optimizer(kind)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([{"type": "LinearLR", "start_factor": -1}], "building .* fails"),
        ({"type": "StepLR"}, "not a list of mmengine's configurations"),
        ([{"type": "ExponentialLR", "gamma": -1.0}], "its rate is -0.5 at step 3"),
    ],
)
def test_what_is_wrong_with_a_schedule_is_said(given, told):
    with pytest.raises(AssertionError, match=told):
        check_schedule(lambda span: given)


def test_hooks_of_mmengine_pass():
    check_hook("EmptyCacheHook")
    check_hook("EarlyStoppingHook", arguments={"monitor": "val/mae", "rule": "less", "patience": 1})


class Hoards(Hook):
    """Puts itself into the checkpoint."""

    def before_save_checkpoint(self, runner, checkpoint):
        checkpoint["mine"] = self


class Trips(Hook):
    def after_val_epoch(self, runner, metrics=None):
        raise KeyError("val/accuracy")


def test_hooks_that_break_a_training_are_told():
    with pytest.raises(AssertionError, match="hook 'Hoards': saving a checkpoint fails"):
        check_hook(Hoards)
    with pytest.raises(AssertionError, match=r"'Trips': a training of two epochs fails: KeyError"):
        check_hook(Trips)
    with pytest.raises(AssertionError, match="it is not a subclass of mmengine"):
        check_hook(torch.nn.Identity)
