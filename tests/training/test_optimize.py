"""The optimiser and the rate of every step, as recipes ask for them, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn

from agekit.errors import AgekitError, ConfigError
from agekit.recipe import TrainConfig
from agekit.registry import BACKBONES, HEADS
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.step import EstimatorStep
from agekit.training.optimize import optim_wrapper, param_schedulers, try_training

STEPS = 4


def config(schedule=None, optimizer=None, **more):
    given = {"epochs": 5, "optimizer": {"lr": 0.8} | (optimizer or {}), **more}
    return TrainConfig.model_validate(given | {"schedule": schedule or {"type": "constant"}})


def rates(asked, wrapper=None):
    """The rate of every step, of the first group of parameters."""
    wrapper = wrapper or optim_wrapper(asked, nn.Linear(2, 1))
    made = [
        PARAM_SCHEDULERS.build(dict(one), default_args={"optimizer": wrapper})
        for one in param_schedulers(asked, wrapper, STEPS)
    ]
    found = []
    for step in range(asked.epochs * STEPS):
        found.append(wrapper.optimizer.param_groups[0]["lr"])
        wrapper.step()
        for one in made:
            if not one.by_epoch or (step + 1) % STEPS == 0:
                one.step()
    return found


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"type": "constant"}, [0.8] * 20),
        ({"type": "step", "every": 2, "factor": 0.5}, [0.8] * 8 + [0.4] * 8 + [0.2] * 4),
        ({"type": "multi-step", "milestones": [1, 4]}, [0.8] * 4 + [0.08] * 12 + [0.008] * 4),
        ({"type": "exponential", "gamma": 0.5}, [0.8 / 2 ** (k // 4) for k in range(20)]),
        ({"type": "polynomial", "power": 2}, [0.8 * (1 - k / 19) ** 2 for k in range(20)]),
        ({"type": "cosine"}, [0.4 * (1 + math.cos(math.pi * k / 20)) for k in range(20)]),
        (
            {"type": "cosine", "end": 0.5},
            [0.4 + 0.2 * (1 + math.cos(math.pi * k / 20)) for k in range(20)],
        ),
        (
            {"type": "cosine", "warmup_epochs": 1},
            [0.2 + 0.2 * k for k in range(4)]
            + [0.4 * (1 + math.cos(math.pi * k / 16)) for k in range(16)],
        ),
        (
            {"type": "polynomial", "warmup_epochs": 0.75},
            [0.8 / 3, 0.8 * 2 / 3, 0.8, *[0.8 * (1 - k / 16) for k in range(17)]],
        ),
        (
            {"type": "step", "every": 2, "factor": 0.5, "warmup_epochs": 1},
            [0.2, 0.4, 0.6, *[0.8] * 5, *[0.4] * 8, *[0.2] * 4],
        ),
        (
            {"type": "mmengine/PolyLR", "power": 1, "end": 5},
            [0.8 * (1 - k // 4 / 4) for k in range(20)],
        ),
    ],
)
def test_the_rate_of_every_step(schedule, expected):
    assert rates(config(schedule)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ({"type": "cosine", "warmup_epochs": 5}, "warmup_epochs must be from 0 to below the 5"),
        ({"type": "constant", "warmup_epochs": -1}, "warmup_epochs must be from 0"),
        ({"type": "multi-step", "milestones": [4, 1]}, "milestones must be ascending"),
        ({"type": "exponential", "gamma": 0.0}, "gamma must be above 0"),
        ({"type": "polynomial", "power": -1.0}, "power must be above 0"),
        ({"type": "cosine", "end": 2.0}, "end must be from 0 to 1"),
        ({"type": "mmengine/PolLR"}, "mmengine has no scheduler 'PolLR'; did you mean 'PolyLR'"),
        ({"type": "mmengine/StepLR"}, "the schedule 'mmengine/StepLR' gives .* cannot be built"),
    ],
)
def test_a_senseless_schedule_is_told_before_training(schedule, told):
    asked = config(schedule)
    with pytest.raises(AgekitError, match=told):
        try_training(asked, nn.Linear(2, 1), None)


@pytest.mark.parametrize("kind", ["SGD", "ASGD", "RMSprop", "Lion", "lamb", "timm/adamw", "adan"])
def test_optimizers_are_built_and_step(kind):
    model = nn.Linear(2, 1)
    before = model.weight.detach().clone()
    wrapper = optim_wrapper(config(optimizer={"type": kind}), model)
    wrapper.update_params(model(torch.ones(1, 2)).square().sum())
    assert not torch.equal(model.weight, before)
    assert wrapper.optimizer.param_groups[0]["lr"] == 0.8


def test_what_an_optimizer_refuses_is_told_as_its():
    with pytest.raises(AgekitError, match="the optimizer 'ASGD' cannot be built"):
        optim_wrapper(config(optimizer={"type": "ASGD", "eps": 0.1}), nn.Linear(2, 1))
    with pytest.raises(AgekitError, match="'adahessian' needs second derivatives"):
        optim_wrapper(config(optimizer={"type": "adahessian"}), nn.Linear(2, 1))


def estimator():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        heads = {"reg": HEADS.get("regression")(256, (0, 9))}
        return AgeEstimator(BACKBONES.get("resnet10-tiny")(), heads, (0, 9))


def test_each_layer_has_its_own_rate():
    """The stem and four blocks of ResNet-10, then the heads: 0.8 x 0.5^5 to 0.8."""
    step = EstimatorStep(estimator(), [])
    asked = config(optimizer={"layer_decay": 0.5, "weight_decay": 0.1})
    wrapper = optim_wrapper(asked, step)
    rate = {
        id(p): (group["lr"], group["weight_decay"])
        for group in wrapper.optimizer.param_groups
        for p in group["params"]
    }
    network = step.network
    assert len(rate) == len(list(network.parameters()))
    backbone = network.backbone
    decayed = [backbone.conv1, *(getattr(backbone, f"layer{k}")[0].conv1 for k in range(1, 5))]
    for depth, layer in enumerate(decayed):
        assert rate[id(layer.weight)] == pytest.approx((0.8 * 0.5 ** (5 - depth), 0.1))
    assert rate[id(backbone.bn1.weight)] == pytest.approx((0.8 * 0.5**5, 0.0))
    assert rate[id(network.heads["reg"].fc.weight)] == (0.8, 0.1)
    one_cycle = config({"type": "one-cycle"}, {"layer_decay": 0.5})
    peak = max(rates(one_cycle, optim_wrapper(one_cycle, step)))
    assert peak == pytest.approx(0.8 * 0.5**5, rel=0.05)


def test_layers_are_asked_of_what_has_them():
    with pytest.raises(ConfigError, match="layer_decay: what is trained here has no layers"):
        optim_wrapper(config(optimizer={"layer_decay": 0.5}), nn.Linear(2, 1))


def test_two_batches_accumulated_are_one_of_twice_the_size():
    data = torch.arange(8.0).view(4, 2)
    weights = []
    for accumulate, batches in ((1, [data]), (2, data.split(2)), (3, data.split(2))):
        model = nn.Linear(2, 1)
        nn.init.ones_(model.weight)
        wrapper = optim_wrapper(config(accumulate=accumulate, optimizer={"lr": 0.01}), model)
        assert isinstance(wrapper, OptimWrapper)
        wrapper.initialize_count_status(model, 0, len(batches))
        nn.init.zeros_(model.bias)
        for batch in batches:
            wrapper.update_params(model(batch).square().mean())
        weights.append(model.weight.detach())
    torch.testing.assert_close(weights[0], weights[1])
    torch.testing.assert_close(weights[0], weights[2])
