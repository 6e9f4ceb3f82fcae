"""A discriminator that is told the age."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agekit_reaging.network import SCALE

__all__ = ["AgeDiscriminator"]


class AgeDiscriminator(nn.Module):
    """A verdict on every patch of a face, and on how an age fits it.

    Four convolutions of 4 x 4 that halve the image; the age enters by projection (Miyato and
    Koyama, "cGANs with Projection Discriminator", ICLR 2018).

    Args:
        width: channels after the first convolution.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        body: list[nn.Module] = []
        channels = 3
        for layer in range(4):
            wide = width * min(2**layer, 6)
            body += [nn.Conv2d(channels, wide, 4, 2, 1), nn.LeakyReLU(0.2)]
            channels = wide
        self.body = nn.Sequential(*body)
        self.verdict = nn.Conv2d(channels, 1, 3, padding=1)
        self.age = nn.Sequential(nn.Linear(1, 32), nn.SiLU(), nn.Linear(32, channels))

    def forward(self, images: Tensor, age: Tensor) -> Tensor:
        """Faces (N, 3, S, S) and ages (N,), years, to raw verdicts (N, S / 16, S / 16)."""
        features: Tensor = self.body(images)
        wanted: Tensor = self.age(age[:, None] / SCALE)
        fits = torch.einsum("nc,ncyx->nyx", wanted, features)
        plain: Tensor = self.verdict(features)[:, 0]
        return plain.float() + fits.float()
