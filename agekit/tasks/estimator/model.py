"""An age estimator: one backbone and one or more heads."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from agekit.culprit import Culprit
from agekit.tasks.estimator.base import Head
from agekit.tasks.estimator.estimate import Estimate, combine

__all__ = ["AgeEstimator", "feature_length"]


def feature_length(culprit: Culprit, size: int) -> int:
    """F, the length of the features a backbone gives for images of `size` x `size` pixels.

    Args:
        culprit: the backbone.
        size: side of the images, pixels.

    Raises:
        ContractError: it is no network, cannot take that size, or does not give one feature an
            image.
    """
    backbone = culprit.made
    if not isinstance(backbone, nn.Module):
        raise culprit.error(f"gives a {type(backbone).__name__}, not an nn.Module")
    training = backbone.training
    hint = "choose its own input size with --set data.size=N"
    backbone.eval()
    try:
        with culprit.doing(f"cannot take images of {size} x {size} pixels", hint), torch.no_grad():
            features = backbone(torch.zeros(1, 3, size, size))
    finally:
        backbone.train(training)
    if not isinstance(features, Tensor) or features.ndim != 2:
        shape = f"features of shape {tuple(features.shape)}" if hasattr(features, "shape") else ""
        raise culprit.error(
            f"gives {shape or type(features).__name__}, not features of shape (N, F)",
            "pool them inside the backbone",
        )
    return int(features.shape[1])


class AgeEstimator(nn.Module):
    """Images to raw outputs of each head, and those to ages.

    Args:
        backbone: images (N, 3, H, W) to features (N, F).
        heads: heads by name.
        ages: the first and the last label age, years.
        rule: how a distribution becomes an age, ``expectation`` (CEN eq. 16) or ``median``.
        level: the share of faces an interval is meant to hold, 0 to 1.
        mirror: whether `forward_tta` averages over a face and its mirror image.
        correction: years by which intervals are moved out, from calibration; see `Estimate.widen`.
    """

    def __init__(
        self,
        backbone: nn.Module,
        heads: Mapping[str, Head],
        ages: tuple[int, int],
        *,
        rule: str = "expectation",
        level: float = 0.9,
        correction: float = 0.0,
        mirror: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleDict(dict(heads))
        self.ages = ages
        self.rule = rule
        self.level = level
        self.correction = correction
        self.mirror = mirror

    def forward(
        self, images: Tensor, *, with_features: bool = False
    ) -> dict[str, Tensor] | tuple[dict[str, Tensor], Tensor]:
        """Normalised images (N, 3, H, W) to each head's raw output.

        Args:
            images: the batch.
            with_features: give what the heads get too, (N, F), as a second value.
        """
        features = self.backbone(images)
        raw = {name: head(features) for name, head in self.heads.items()}
        return (raw, features) if with_features else raw

    def forward_tta(self, images: Tensor) -> dict[str, Tensor]:
        """Raw outputs to make an estimate from: `forward`'s, averaged with the mirror image's.

        Without `mirror`, just `forward`'s.
        """
        raw: dict[str, Tensor] = self(images)
        if not self.mirror:
            return raw
        other: dict[str, Tensor] = self(images.flip(-1))
        return {name: (value + other[name]) / 2 for name, value in raw.items()}

    def per_head(self, raw: Mapping[str, Tensor]) -> dict[str, Estimate]:
        """Each head's own estimate, uncalibrated (CEN eq. 16 and 17)."""
        return {
            name: head.estimate(raw[name].float(), self.rule, self.level)
            for name, head in self.heads.items()
            if isinstance(head, Head)
        }

    def estimate(self, raw: Mapping[str, Tensor]) -> Estimate:
        """Raw outputs to the calibrated estimate: the mean over the heads (CEN eq. 18)."""
        return combine(list(self.per_head(raw).values())).widen(self.correction, self.ages)
