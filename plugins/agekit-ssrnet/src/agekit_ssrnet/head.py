"""The soft stagewise regression head: an age in digits, each coarse to fine, all of them soft."""

from __future__ import annotations

import torch
from agekit_regression.head import NormalisedHead
from torch import Tensor, nn

from agekit.errors import ConfigError

__all__ = ["SSRHead"]

NARROWEST = 0.05
"""The least share of its width that a bin is left with."""


class SSRHead(NormalisedHead):
    """Features (N, F) to s (N,): SSR-Net (Yang et al., IJCAI 2018).

    ``y = V sum_k [sum_i (i + lambda1 eta_ki) p_ki] / prod_{j<=k} s_j (1 + lambda2 delta_j)``, bins
    i = 0..s_k-1 of stage k; p through ReLU, the shifts eta and delta through tanh. V is the number
    of label ages (101 in the paper) and y counts from the first of them. The raw output is
    ``s = y / (V - 1)``, 0 at the first label age and 1 at the last. Estimates are kept within the
    label ages: nothing keeps y there.

    Each stage regresses from ``1 + 2 s_k`` features: delta before its tanh, then hidden units that
    p and eta are linear in. The backbone `ssrnet` gives just these; of any other a linear layer
    makes them.

    Two departures: the biases of p start at ``1 / s_k`` (the authors' at 0), so that a new network
    answers with about the middle of the label ages and no seed gives one whose p are all 0 for
    good; and ``1 + lambda2 delta`` is not let below 0.05, so that nothing is divided by 0.

    Args:
        in_features: F.
        ages: the first and the last label age, years.
        bins: s_k.
        lambda_eta: lambda1, how far a bin's index may shift.
        lambda_delta: lambda2, how far a bin's width may.
        project: whether a linear layer makes the stages' features out of the backbone's.
    """

    def __init__(
        self,
        in_features: int,
        ages: tuple[int, int],
        *,
        bins: tuple[int, ...] = (3, 3, 3),
        lambda_eta: float = 1.0,
        lambda_delta: float = 1.0,
        project: bool = True,
    ) -> None:
        super().__init__(in_features, ages)
        if not bins or min(bins) < 2:
            raise ConfigError(f"ssr: bins must be numbers above 1 (got {list(bins)})")
        if lambda_eta < 0 or lambda_delta < 0:
            raise ConfigError(
                "ssr: lambda_eta and lambda_delta must not be below 0 "
                f"(got {lambda_eta} and {lambda_delta})"
            )
        self.widths = [1 + 2 * n for n in bins]
        if not project and in_features != sum(self.widths):
            raise ConfigError(
                f"ssr: bins {list(bins)} take {sum(self.widths)} features, and the backbone gives "
                f"{in_features}",
                "give backbone and head the same bins, or set project: true",
            )
        self.bins = tuple(bins)
        self.lambda_eta = lambda_eta
        self.lambda_delta = lambda_delta
        self.project = _projection(in_features, self.widths) if project else None
        p, eta = ([nn.Linear(2 * n, n) for n in bins] for _ in range(2))
        for n, layer in zip(bins, p, strict=True):
            nn.init.constant_(layer.bias, 1 / n)
        self.p, self.eta = nn.ModuleList(p), nn.ModuleList(eta)

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, F) to normalised ages (N,)."""
        if self.project is not None:
            features = self.project(features)
        age = features.new_zeros(len(features), dtype=torch.float32)
        width = torch.ones_like(age)
        for k, part in enumerate(torch.split(features, self.widths, -1)):
            hidden = part[:, 1:].relu()
            p = self.p[k](hidden).float().relu()
            index = torch.arange(self.bins[k], device=age.device, dtype=torch.float32)
            index = index + self.lambda_eta * self.eta[k](hidden).float().tanh()
            shift = 1 + self.lambda_delta * part[:, 0].float().tanh()
            width = width / (self.bins[k] * shift.clamp(min=NARROWEST))
            age = age + width * (index * p).sum(-1)
        low, high = self.ages
        return age * (high - low + 1) / (high - low)


def _projection(in_features: int, widths: list[int]) -> nn.Linear:
    """A linear layer to the stages' features whose deltas start at 0."""
    layer = nn.Linear(in_features, sum(widths))
    with torch.no_grad():
        for part in (layer.weight, layer.bias):
            for stage in part.split(widths):  # type: ignore[no-untyped-call]
                stage[0] = 0
    return layer
