"""A frozen estimator that tells a generator how old its faces look."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

from agekit.errors import ConfigError
from agekit.faces.align import known_points, similarity
from agekit.plugin import locate
from agekit.tasks.estimator.build import load_estimator

__all__ = ["Guide"]

TURN, ZOOM, SHIFT = math.radians(6), 0.08, 0.05
"""The most by which a face is turned, scaled and moved before a guide sees it."""


class Guide(nn.Module):
    """Years that an estimator sees in faces of another frame; gradients go to the faces alone.

    A generator that is told by one network how old its faces look learns patterns that fool that
    network (adversarial examples); each look is at the face turned, scaled and moved a little.

    Args:
        name: of the estimator, as `agekit predict --model` takes it.
        points: (5, 2) where eyes, nose and mouth lie in the faces, shares of the side.
        device: where.
        jitter: how much faces are turned, scaled and moved, from 0, not at all, to 1.

    Raises:
        ConfigError: the estimator does not say how its own faces lie.
        ModelError: there is no such estimator.
    """

    way: Tensor
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str,
        points: NDArray[np.float64],
        device: torch.device,
        jitter: float = 1.0,
    ) -> None:
        super().__init__()
        self.jitter = jitter
        self.network, config = load_estimator(locate(name), device)
        self.network.requires_grad_(False)
        theirs = known_points(config.face)
        if theirs is None:
            raise ConfigError(
                f"the guide {name} does not say where the eyes, nose and mouth lie in its faces",
                "choose another estimator",
            )
        self.size = config.image.size
        # From the estimator's coordinates to those of the faces, both from -1 to 1.
        found = similarity(theirs, points)
        turn = found[:, :2]
        shift = turn.sum(1) + 2 * found[:, 2] - 1
        image = config.image
        way = np.column_stack([turn * image.crop_pct, shift])
        for name, value in (("way", way), ("mean", image.mean), ("std", image.std)):
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32), persistent=False)
        self.to(device)

    def train(self, mode: bool = True) -> Guide:
        """Stays as it is."""
        return super().train(False)

    def forward(self, images: Tensor, jitter: Tensor) -> Tensor:
        """How old faces look.

        Args:
            images: (N, 3, S, S) from -1 to 1.
            jitter: (N, 4) from -1 to 1: how to turn, scale and move each before the look.

        Returns:
            (N,) years, the mean of the distribution, which has a gradient everywhere.
        """
        images, jitter = images.float(), self.jitter * jitter
        turn, zoom = jitter[:, 0] * TURN, (jitter[:, 1] * ZOOM).exp()
        cos, sin = zoom * turn.cos(), zoom * turn.sin()
        around = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
        way = self.way
        theta = torch.cat([way[:, :2] @ around, (way[:, 2] + jitter[:, 2:] * SHIFT)[..., None]], 2)
        shape = [len(images), 3, self.size, self.size]
        grid = affine_grid(theta, shape, align_corners=False)
        seen = grid_sample(images, grid, padding_mode="reflection", align_corners=False)
        seen = ((seen + 1) / 2 - self.mean[:, None, None]) / self.std[:, None, None]
        estimate = self.network.estimate(self.network(seen))
        if estimate.distribution is None:
            return estimate.age
        first, last = self.network.ages
        years = torch.arange(first, last + 1, device=images.device, dtype=torch.float32)
        return (estimate.distribution * years).sum(1)
