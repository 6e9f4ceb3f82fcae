"""What several of the tests are given."""

from __future__ import annotations

import pytest
import torch
from agekit_prototypes.network import NODES, PrototypeAger


@pytest.fixture(scope="session")
def noise():
    """Gives as many pictures of 48 pixels, from -0.6 to 0.6."""

    def make(count, seed=0):
        draws = torch.Generator().manual_seed(seed)
        return torch.rand(count, 3, 48, 48, generator=draws) * 1.2 - 0.6

    return make


@pytest.fixture(scope="session")
def ager():
    """Of women darker and of men lighter about the mouth as they grow old, with more detail."""
    made = PrototypeAger(side=24)
    for k, age in enumerate(NODES):
        made.means[0, k, 0, 14:20] = age / 400
        made.means[1, k, 0, 14:20] = -age / 400
        made.energies[:, k] = -8 + age / 40
    return made
