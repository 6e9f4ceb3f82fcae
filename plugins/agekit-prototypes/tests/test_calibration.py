"""The strength, by guides that see what they are told to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agekit_prototypes.calibration import STRENGTHS, calibrate, filled, strength_for
from agekit_prototypes.network import DECADES, PrototypeAger

SIZE = 48


@pytest.mark.parametrize(
    ("shifts", "wanted", "strength"),
    [
        ((10, 20, 30, 40, 50), 20, 1.5),
        ((10, 20, 30, 40, 50), 15, 1.125),
        ((5, 9, 11, 12, 13), 40, 3.5),
        ((-10, -20, -30, -40, -50), -30, 2.25),
        ((10, 20, 30, 40, 50), 1, 0.75),
        ((10, 20, 19, 18, 18), 20, 1.5),
        ((-1, -2, -2, -3, -3), 10, 3.5),
    ],
)
def test_the_strength_is_the_least_that_reaches_the_age(shifts, wanted, strength):
    assert strength_for(np.array(shifts, float), wanted) == pytest.approx(strength)


def test_what_was_not_tried_lies_between_its_neighbours():
    table = np.full((3, 5), np.nan)
    table[0, [0, 4]], table[2, [0, 4]] = (1, 3), (2, 2)
    assert filled(table).tolist() == [[1, 1.5, 2, 2.5, 3], [1.5, 1.75, 2, 2.25, 2.5], [2] * 5]
    assert (filled(np.full((2, 2), np.nan)) == 1.6).all()


def test_the_guide_sets_the_strength(ager):
    faces = np.random.default_rng(0).integers(60, 200, (6, SIZE, SIZE, 3)).astype(np.uint8)

    usual = faces[:4].astype(float).std((1, 2, 3))

    def guide(chips):
        return 30 + 400 * (chips.astype(float).std((1, 2, 3)) / usual - 1)

    made = PrototypeAger(side=24)
    made.load_state_dict(ager.state_dict())
    calibrate(made, faces, np.full(6, 30.0), guide, 4)
    assert made.strength.isfinite().all()
    assert STRENGTHS[0] <= made.strength.min() and made.strength.max() <= STRENGTHS[-1]
    thirty, sixty = torch.tensor([30.0]), torch.tensor([60.0])
    assert made.calibrated(thirty, sixty).item() == pytest.approx(made.strength[3, 6].item())
    assert len(DECADES) == made.strength.shape[0]
