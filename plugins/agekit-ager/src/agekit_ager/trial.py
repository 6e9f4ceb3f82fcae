"""A pair of images through an ager's generators and its evolver's step, before a run is made."""

from __future__ import annotations

from typing import Any

import torch

from agekit.culprit import Culprit
from agekit.training.demands import check, check_gradients, flows, own_random
from agekit.training.evolver import Evolver
from agekit_ager.model import DIRECTIONS, FaceAger
from agekit_ager.recipe import AgerRecipe

__all__ = ["try_ager"]


def try_ager(
    recipe: AgerRecipe, evolver: Evolver[Any], ager: FaceAger, device: torch.device
) -> None:
    """Sends noise through both generators, forward and backward, and tries the evolver's step.

    Args:
        recipe: what is to be trained.
        evolver: its evolver, built.
        ager: new generators; their gradients and statistics change.
        device: where.

    Raises:
        ContractError: a part does not do what its kind asks of it.
    """
    with own_random(device):
        size = recipe.data.size
        faces = (torch.rand(2, 2, 3, size, size) * 2 - 1).to(device)
        ager.to(device).train()
        for to, images in zip(DIRECTIONS, faces, strict=True):
            network = ager.old if to == "old" else ager.young
            culprit = Culprit("generator", recipe.generator.type, network)
            with culprit.doing(f"cannot take images of {size} x {size} pixels"):
                made = network(images)
            check(culprit, "faces", made, tuple(images.shape))
            flows(culprit, "faces", made, network)
            with culprit.doing("cannot be trained: the backward pass fails"):
                torch.autograd.backward((made.float() - images).square().mean())
            check_gradients(culprit, network)
        ager.zero_grad(set_to_none=True)
        with Culprit("evolver", recipe.evolver.type, evolver, "rehearse").doing("cannot train"):
            evolver.rehearse(recipe, ager, device)
