"""CEN (arXiv 1809.07447) table 7: the four networks with both heads."""

from __future__ import annotations

from math import floor

import pytest

import agekit


def by_hand(width, blocks, ages):
    """Weights of the convolutions, scale and shift of each normalisation, both heads."""
    total = 7 * 7 * 3 * width + 2 * width
    inside = width
    for stage in range(4):
        out = width * 2**stage
        total += 3 * 3 * inside * out + (2 * blocks - 1) * 3 * 3 * out * out + 2 * blocks * 2 * out
        if inside != out:
            total += inside * out + 2 * out
        inside = out
    return total + (inside + 1) * ages + (inside + 1)


@pytest.mark.parametrize(
    ("backbone", "width", "blocks", "millions"),
    [
        ("resnet10", 64, 1, 4.9),
        ("resnet18", 64, 2, 11.2),
        ("resnet10-tiny", 32, 1, 1.2),
        ("resnet18-tiny", 32, 2, 2.8),
    ],
)
def test_table07_parameters_on_101_ages(backbone, width, blocks, millions):
    """The paper cuts after the first decimal."""
    network = agekit.build(f"cen-{backbone}", ages=(0, 100), size=32)
    count = sum(p.numel() for p in network.parameters())
    assert count == by_hand(width, blocks, 101)
    assert floor(count / 1e5) / 10 == millions
