"""What the heads and OR-CNN's network compute, on the ages 10, 11, 12."""

from __future__ import annotations

import pytest
import torch
from agekit_ordinal.coral import CoralHead
from agekit_ordinal.corn import CornHead
from agekit_ordinal.or_cnn import OrCnn
from agekit_ordinal.ordinal import OrdinalHead

import agekit
from agekit.errors import ConfigError
from agekit.registry import BACKBONES, HEADS, LOSSES

AGES = (10, 12)
FEATURE = torch.tensor([[3.0, 4.0]])


def test_ordinal_is_linear_in_the_feature():
    head = OrdinalHead(2, AGES)
    with torch.no_grad():
        head.fc.weight.copy_(torch.tensor([[1.0, 2.0], [0.0, -1.0]]))
        head.fc.bias.copy_(torch.tensor([0.5, 1.0]))
    assert head(FEATURE).tolist() == [[1 * 3 + 2 * 4 + 0.5, 0 * 3 - 1 * 4 + 1.0]]


def test_two_way_gives_yes_less_no():
    """Task 1: no = 3 + 8, yes = -4. Task 2: no = 1, yes = 3 + 2."""
    head = OrdinalHead(2, AGES, two_way=True)
    with torch.no_grad():
        head.fc.weight.copy_(torch.tensor([[1.0, 2.0], [0.0, -1.0], [0.0, 0.0], [1.0, 0.0]]))
        head.fc.bias.copy_(torch.tensor([0.0, 0.0, 1.0, 2.0]))
    assert head(FEATURE).tolist() == [[-4 - 11, 5 - 1]]


def test_coral_shares_its_weights():
    """Biases start at 2/2 and 1/2; w.f = 2 3 - 4 = 2."""
    head = CoralHead(2, AGES)
    with torch.no_grad():
        head.fc.weight.copy_(torch.tensor([[2.0, -1.0]]))
    assert head(FEATURE).tolist() == [[3.0, 2.5]]
    assert {name: tuple(p.shape) for name, p in head.named_parameters()} == {
        "fc.weight": (1, 2),
        "bias": (2,),
    }


def test_coral_starts_consistent():
    bias = CoralHead(2, (16, 77)).bias
    assert len(bias) == 61
    assert bias[0].item() == 1
    assert bias[-1].item() == pytest.approx(1 / 61)
    assert (bias.diff() < 0).all()


def test_corn_has_an_output_a_task():
    head = CornHead(2, (16, 77))
    assert head(torch.zeros(5, 2)).shape == (5, 61)


@pytest.mark.parametrize(
    "head", [OrdinalHead(2, AGES), OrdinalHead(2, AGES, two_way=True), CoralHead(2, AGES)]
)
def test_gradients_reach_every_weight(head):
    head(torch.ones(3, 2)).square().sum().backward()
    assert all((p.grad != 0).any() for p in head.parameters())


def test_or_cnn_of_60_pixels_is_the_papers():
    """The maps by hand: 60-4 = 56, 28, 28-6 = 22, 11, 11-10 = 1."""
    network = OrCnn().eval()
    shapes = []
    with torch.no_grad():
        x = torch.zeros(1, 3, 60, 60)
        for name, layer in network.layers.named_children():
            x = layer(x)
            if name[:4] in ("conv", "pool"):
                shapes.append(tuple(x.shape[1:]))
    assert shapes == [(20, 56, 56), (20, 28, 28), (40, 22, 22), (40, 11, 11), (80, 1, 1)]
    assert x.shape == (1, 80)


@pytest.mark.parametrize(("norm", "more"), [("batch", 2 * (20 + 40 + 80)), ("none", 0)])
def test_or_cnn_parameters(norm, more):
    convolutions = 20 * (3 * 25 + 1) + 40 * (20 * 49 + 1) + 80 * (40 * 121 + 1)
    count = sum(p.numel() for p in OrCnn(norm=norm).parameters())
    assert count == convolutions + 80 * 81 + more


def test_or_cnn_takes_larger_images_and_says_what_is_too_small():
    assert OrCnn()(torch.zeros(2, 3, 75, 64)).shape == (2, 80)
    with pytest.raises(ConfigError, match="cannot take images of 32 x 32"):
        agekit.build("or-cnn", ages=AGES, size=32)
    with pytest.raises(ConfigError, match="norm must be"):
        OrCnn(norm="instance")


@pytest.mark.parametrize("name", ["or-resnet10-tiny", "coral-resnet10-tiny", "corn-resnet10-tiny"])
def test_recipes_fit_any_label_ages(name):
    network = agekit.build(name, ages=(16, 77), size=32).eval()
    with torch.no_grad():
        raw = network(torch.zeros(2, 3, 32, 32))
    assert [tuple(r.shape) for r in raw.values()] == [(2, 61)]
    estimate = network.estimate(raw)
    assert estimate.distribution.shape == (2, 62)


def test_every_part_is_registered():
    assert {"or-cnn", "pixels"} <= set(BACKBONES.names())
    assert {"coral", "corn", "ordinal", "ranking"} <= set(HEADS.names())
    assert {"coral", "corn", "ordinal"} <= set(LOSSES.names())
