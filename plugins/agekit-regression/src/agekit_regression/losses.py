"""Losses of a regressed age."""

from __future__ import annotations

from torch import Tensor

from agekit.errors import ConfigError
from agekit.plugin import Loss, Target

__all__ = ["L1", "ForestL2"]


class L1(Loss):
    """Absolute error of the normalised age: CEN (arXiv 1809.07447) eq. 9, ``1/N sum |s - y|``."""

    def forward(self, raw: Tensor, target: Target) -> Tensor:
        """Normalised ages (N,) to a scalar in units of the age range."""
        return (raw.float() - target.unit).abs().mean()


class ForestL2(Loss):
    """Squared error of every tree: ``1/N sum_n sum_t (y_n - tree_t(x_n))^2 / 2``.

    What the authors of deep regression forests (arXiv 1712.07195) minimise in their code in place
    of the negative log-likelihood, which may be negative.

    Args:
        scale: years that count as one; theirs is 100.
    """

    def __init__(self, *, scale: float = 100.0) -> None:
        super().__init__()
        if not scale > 0:
            raise ConfigError(f"forest-l2: scale must be above 0 years (got {scale})")
        self.scale = scale

    def forward(self, raw: Tensor, target: Target) -> Tensor:
        """Raw output of the `forest` head (N, T, 1 + L) to a scalar in units of scale^2."""
        error = (raw[..., 0].float() - target.age[:, None]) / self.scale
        return 0.5 * error.square().sum(-1).mean()
