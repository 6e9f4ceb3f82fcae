"""Heads that answer with one number, the age normalised over the label ages."""

from __future__ import annotations

from torch import Tensor, nn

from agekit.plugin import Estimate, Head

__all__ = ["NormalisedHead", "RegressionHead"]


class NormalisedHead(Head):
    """A head whose raw output is s (N,), 0 at the first label age and 1 at the last."""

    def estimate(self, raw: Tensor, rule: str, level: float) -> Estimate:
        """Normalised ages to years: eq. 17, ``(l_k - l_1) s + l_1``, kept within the label ages.

        One number says nothing of its own error: the interval is the age itself until calibration
        widens it.
        """
        low, high = self.ages
        age = ((high - low) * raw + low).clamp(low, high)
        return Estimate(age, age, age)


class RegressionHead(NormalisedHead):
    """Features (N, F) to s (N,): CEN (arXiv 1809.07447) eq. 8, ``s = W^T f + b``.

    Args:
        in_features: F.
        ages: the first and the last label age, years; s is 0 at the first and 1 at the last.
    """

    def __init__(self, in_features: int, ages: tuple[int, int]) -> None:
        super().__init__(in_features, ages)
        self.fc = nn.Linear(in_features, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, F) to normalised ages (N,)."""
        normalised: Tensor = self.fc(features).squeeze(-1)
        return normalised
