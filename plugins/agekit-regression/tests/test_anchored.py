"""ARN: regressors blended over soft anchors, on the ages 10, 11, 12."""

from __future__ import annotations

from math import log

import pytest
import torch
from agekit_regression.anchored import AnchoredHead

from agekit.errors import ConfigError


def head():
    """Two anchors on two features: s_1 = x_1 + 0.1, s_2 = -x_2 + 0.3; A = (ln 3, 0), c = 0."""
    made = AnchoredHead(2, (10, 12), anchors=2)
    with torch.no_grad():
        made.fc.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
        made.fc.bias.copy_(torch.tensor([0.1, 0.3]))
        made.assign.weight.copy_(torch.tensor([[log(3), 0.0], [0.0, 0.0]]))
        made.assign.bias.zero_()
    return made


def test_regressors_are_weighed_by_the_softmax_of_the_anchors():
    """x = (1, 2): alpha = (3, 1) / 4, s = 1.1 and -1.7. x = (0, 0): alpha = (1, 1) / 2."""
    s = head()(torch.tensor([[1.0, 2.0], [0.0, 0.0]]))
    assert s.shape == (2,)
    assert s.tolist() == pytest.approx([3 / 4 * 1.1 + 1 / 4 * -1.7, 0.5 * 0.1 + 0.5 * 0.3])


def test_one_anchor_is_linear_regression():
    made = AnchoredHead(3, (10, 12), anchors=1)
    x = torch.randn(4, 3)
    assert torch.allclose(made(x), made.fc(x).squeeze(-1))


def test_it_estimates_as_the_regression_head_does():
    estimate = head().estimate(torch.tensor([0.25, 1.4, -1.0]), "expectation", 0.9)
    assert estimate.age.tolist() == [10.5, 12, 10]
    assert estimate.distribution is None


def test_gradients_reach_regressors_and_anchors():
    made = head()
    made(torch.tensor([[1.0, 2.0]])).sum().backward()
    assert made.fc.weight.grad.abs().sum() > 0
    assert made.assign.weight.grad.abs().sum() > 0


def test_no_anchor_at_all_is_refused():
    with pytest.raises(ConfigError, match="anchors must be at least 1"):
        AnchoredHead(2, (10, 12), anchors=0)
