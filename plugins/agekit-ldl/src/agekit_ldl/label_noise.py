"""The noise of age labels: a standard deviation for all ages, or one that depends on the age."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import torch
from torch import Tensor, nn

from agekit.errors import ConfigError
from agekit_ldl.by_age import points_by_age

__all__ = ["LabelNoise"]


class LabelNoise(nn.Module):
    """The standard deviation of labels in years, by the true age.

    Faces change faster in children than in grown-ups, whose labels are less certain by years, so
    that one width does not fit all ages (Geng, Wang, Xia: Facial Age Estimation by Adaptive Label
    Distribution Learning, ICPR 2014). Where a dataset has one picture under several ages, as
    ``agekit data check`` tells, their spread says how wide it is.

    Args:
        sigma: years for all ages; or age → years, linear between these ages and constant beyond.
        name: of the loss, for errors.

    Raises:
        ConfigError: it is no such number or mapping.
    """

    ages: Tensor
    years: Tensor

    def __init__(self, sigma: float | Mapping[str, float], name: str) -> None:
        super().__init__()
        given = sigma if isinstance(sigma, Mapping) else {"0": sigma}
        example = "sigma: {0: 1, 10: 1.5, 30: 4, 50: 5}"
        points = points_by_age(given, f"{name}: sigma", "years", example)
        if not all(years > 0 and isfinite(years) for _, years in points):
            raise ConfigError(f"{name}: sigma must be above 0 years (got {sigma!r})")
        ages = [age for age, _ in points]
        self.common = points[0][1] if len(points) == 1 else None
        self.register_buffer("ages", torch.tensor(ages), persistent=False)
        self.register_buffer("years", torch.tensor([y for _, y in points]), persistent=False)

    def forward(self, age: Tensor) -> Tensor:
        """The standard deviation of each label, (N,) years, from the true ages (N,)."""
        if self.common is not None:
            return torch.full_like(age, self.common)
        after = torch.searchsorted(self.ages, age.contiguous(), right=True)
        after = after.clamp(1, len(self.ages) - 1)
        low, high = self.ages[after - 1], self.ages[after]
        share = ((age - low) / (high - low)).clamp(0, 1)
        return torch.lerp(self.years[after - 1], self.years[after], share)
