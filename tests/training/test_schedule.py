"""Optimisers and learning rates as a recipe asks for them, worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.training.tiny import STEPS, Weight, config, runner

EPOCHS = 4
N = EPOCHS * STEPS


def rates(folder: Path, schedule: dict[str, Any], epochs: int = EPOCHS) -> list[float]:
    """The learning rate of every step, 1 being the recipe's."""
    model = Weight()
    train = config(epochs=epochs, optimizer={"type": "SGD", "lr": 1.0}, schedule=schedule)
    runner(folder, model, train=train).train()
    return model.rates


def falling(steps: int, end: float = 0.0) -> list[float]:
    """From 1 along half a cosine, to `end` after `steps` steps."""
    return [end + (1 - end) * (1 + math.cos(math.pi * t / steps)) / 2 for t in range(steps + 1)]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"type": "constant"}, [1.0] * N),
        ({"type": "step", "every": 2, "factor": 0.1}, [1.0] * 4 + [0.1] * 4),
        ({"type": "step", "every": 1, "factor": 0.5}, [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]),
        ({"type": "step", "every": 9, "factor": 0.1}, [1.0] * N),
        ({"type": "cosine"}, falling(N)[:-1]),
        ({"type": "one-cycle", "warmup": 0.25}, [0.04, *falling(N - 2, 4e-6)]),
        ({"type": "linear", "decay": 0.5}, [1, 1, 1, 1, 2 / 3, 2 / 3, 1 / 3, 1 / 3]),
        ({"type": "linear", "decay": 0.0}, [1.0] * N),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_the_rate_of_every_step(tmp_path, schedule, expected) -> None:
    assert rates(tmp_path, schedule) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("warmup", [0.0, 1.0])
@pytest.mark.parametrize("epochs", [1, 4])
def test_a_cycle_of_a_rise_or_a_fall_alone_is_one_too(tmp_path, warmup, epochs) -> None:
    found = rates(tmp_path, {"type": "one-cycle", "warmup": warmup}, epochs)
    assert len(found) == epochs * STEPS
    assert all(0 < rate <= 1 for rate in found)
    assert found[0] == pytest.approx(0.04)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "NAdam", "RAdam", "RMSprop", "Adagrad"])
def test_optimisers_are_torchs_with_their_arguments(tmp_path, name) -> None:
    train = config(optimizer={"type": name, "lr": 0.02, "weight_decay": 0.5})
    made = runner(tmp_path, train=train)
    made.train()
    optimizer = made.optim_wrapper.optimizer
    assert type(optimizer) is getattr(torch.optim, name)
    group = optimizer.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (0.02, 0.5)


def test_sgd_by_hand_with_momentum_and_a_clipped_gradient(tmp_path) -> None:
    model = Weight()
    optimizer = {"type": "SGD", "lr": 0.1, "momentum": 0.5}
    runner(tmp_path, model, train=config(epochs=1, optimizer=optimizer, clip_norm=0.2)).train()
    # A gradient of 1 is clipped to 0.2; velocities 0.2, then 0.5 * 0.2 + 0.2 = 0.3.
    assert model.w.item() == pytest.approx(1 - 0.1 * 0.2 - 0.1 * 0.3, abs=1e-6)
    assert model.frozen.item() == 1


def test_parts_have_an_optimiser_each_without_their_frozen_weights(tmp_path) -> None:
    class Two(Weight):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Linear(2, 1), nn.Linear(3, 1)
            self.other.bias.requires_grad_(False)

        def train_step(self, data: Any, optim_wrapper: Any) -> dict[str, torch.Tensor]:
            for name in ("one", "other"):
                part = getattr(self, name)
                optim_wrapper[name].update_params(part.weight.sum())
                self.rates.append(optim_wrapper[name].get_lr()["lr"][0])
            return {"loss": torch.ones(())}

    model = Two()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train = config(schedule={"type": "step", "every": 1, "factor": 0.1})
    made = runner(tmp_path, model, train=train, optimizers=["one", "other"])
    made.train()
    assert model.rates == pytest.approx([0.1] * 2 * STEPS + [0.01] * 2 * STEPS)
    held = {
        name: each.optimizer.param_groups[0]["params"] for name, each in made.optim_wrapper.items()
    }
    assert [len(held[name]) for name in ("one", "other")] == [2, 1]
    moved = {name for name, value in model.state_dict().items() if not value.equal(before[name])}
    assert moved == {"one.weight", "other.weight"}
