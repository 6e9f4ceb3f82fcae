"""The losses of the networks: least squares against the discriminators, L1 around the cycle.

CycleGAN (arXiv 1703.10593): section 4 for the squares, eq. 2 for the cycle, section 5.2 for the
identity. Values are in float32 or wider whatever comes in.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["distance", "verdict"]


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def verdict(raw: Tensor, *, real: bool) -> Tensor:
    """LSGAN: the mean squared distance of raw verdicts, any shape, from 1 (real) or 0."""
    return (_wide(raw) - float(real)).square().mean()


def distance(images: Tensor, truth: Tensor) -> Tensor:
    """L1, of the cycle and of the identity: the mean absolute difference of two equal shapes."""
    return (_wide(images) - _wide(truth)).abs().mean()
