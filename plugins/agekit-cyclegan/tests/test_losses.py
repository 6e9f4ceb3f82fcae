"""The losses against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch
from agekit_cyclegan.losses import distance, verdict


def test_verdict():
    raw = torch.tensor([[[[0.5, 1.0], [2.0, -1.0]]]])
    assert verdict(raw, real=True).item() == pytest.approx((0.25 + 0 + 1 + 4) / 4)
    assert verdict(raw, real=False).item() == pytest.approx((0.25 + 1 + 4 + 1) / 4)


def test_distance():
    one, other = torch.tensor([1.0, -1.0, 0.25]), torch.tensor([0.0, 1.0, 0.5])
    assert distance(one, other).item() == pytest.approx((1 + 2 + 0.25) / 3)


def test_half_precision_is_widened_before_anything_else():
    raw = torch.tensor([1.0078125, 1.0], dtype=torch.bfloat16)
    assert verdict(raw, real=True).dtype == torch.float32
    assert verdict(raw, real=True).item() == 0.0078125**2 / 2
    assert distance(raw, raw.float() + 0.001).item() == pytest.approx(0.001, rel=1e-3)


def test_double_precision_is_kept():
    assert verdict(torch.zeros(2, dtype=torch.float64), real=True).dtype == torch.float64
