"""The moving average of weights against its definition, step by step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from agekit.training.averaging import WarmedAverage


def weights(values):
    """A network for each value, which is all of its weights."""
    for value in values:
        network = nn.Linear(2, 1)
        nn.init.constant_(network.weight, value)
        nn.init.constant_(network.bias, -value)
        yield network


def test_memory_is_short_at_first_and_then_what_was_asked_for():
    average = WarmedAverage(nn.Linear(2, 1), decay=0.3)
    seen = []
    for network in weights([1.0, 2.0, 3.0, 4.0, 5.0]):
        average.update_parameters(network)
        seen.append(average.module.weight[0, 0].item())
        assert average.module.bias.item() == pytest.approx(-seen[-1])
    kept = [0, 1 / 10, 2 / 11, 3 / 12, 0.3]  # (1 + t) / (10 + t), until it is 0.3: 4 / 13
    wanted = []
    for share, value in zip(kept, [1.0, 2.0, 3.0, 4.0, 5.0], strict=True):
        wanted.append(share * (wanted[-1] if wanted else 0) + (1 - share) * value)
    assert seen == pytest.approx(wanted)


def test_steps_between_updates_change_nothing():
    average = WarmedAverage(nn.Linear(2, 1), decay=0.999, interval=2)
    for network in weights([1.0, 100.0, 2.0, 100.0]):
        average.update_parameters(network)
    assert average.module.weight[0, 0].item() == pytest.approx(0.1 * 1 + 0.9 * 2)


def test_buffers_are_those_of_the_last_step():
    average = WarmedAverage(nn.BatchNorm1d(1), decay=0.999)
    for mean in (1.0, 7.0):
        network = nn.BatchNorm1d(1)
        network.running_mean.fill_(mean)
        average.update_parameters(network)
    assert average.module.running_mean.item() == 7


def test_a_state_goes_on_where_it_was():
    values = [1.0, 2.0, 3.0, 4.0]
    whole = WarmedAverage(nn.Linear(2, 1), decay=0.999)
    first = WarmedAverage(nn.Linear(2, 1), decay=0.999)
    for n, network in enumerate(weights(values)):
        whole.update_parameters(network)
        if n == 2:
            second = WarmedAverage(nn.Linear(2, 1), decay=0.999)
            second.load_state_dict(first.state_dict())
            first = second
        first.update_parameters(network)
    assert torch.equal(first.module.weight, whole.module.weight)
