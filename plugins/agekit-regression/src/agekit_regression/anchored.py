"""The anchored regression head: linear regressors, blended by nearness to their anchors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agekit.errors import ConfigError
from agekit_regression.head import NormalisedHead

__all__ = ["AnchoredHead"]


class AnchoredHead(NormalisedHead):
    """Features (N, F) to s (N,): the Anchored Regression Network (Agustsson et al., ICCV 2017).

    ``s(x) = sum_t alpha_t(x) (w_t . x + b_t)`` with ``alpha(x) = softmax(A x + c)``: T linear
    regressors over a soft assignment to T anchors, learnt end to end. One anchor is plain linear
    regression.

    Args:
        in_features: F.
        ages: the first and the last label age, years; s is 0 at the first and 1 at the last.
        anchors: T.
    """

    def __init__(self, in_features: int, ages: tuple[int, int], *, anchors: int = 10) -> None:
        super().__init__(in_features, ages)
        if anchors < 1:
            raise ConfigError(f"anchored: anchors must be at least 1 (got {anchors})")
        self.fc = nn.Linear(in_features, anchors)
        self.assign = nn.Linear(in_features, anchors)

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, F) to normalised ages (N,)."""
        alpha = torch.softmax(self.assign(features).float(), -1)
        normalised: Tensor = (alpha * self.fc(features).float()).sum(-1)
        return normalised
