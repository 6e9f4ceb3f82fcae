"""The shapes of faces, of squares that lie higher and lower."""

from __future__ import annotations

import numpy as np
from agekit_prototypes.network import PrototypeAger
from agekit_prototypes.registration import SIDE, learn_shape, registered
from agekit_prototypes.statistics import shares


def _squares(count, offsets):
    """Faces of two eyes and a mouth that lies some pixels lower."""
    faces = np.full((count, SIDE, SIDE, 3), 150, np.uint8)
    for face, down in zip(faces, offsets, strict=True):
        for y, x in ((41, 29), (41, 57)):
            face[y : y + 7, x : x + 10] = 60
        face[72 + down : 80 + down, 36:60] = 60
    return faces


def test_registration_finds_what_lies_lower():
    down = np.array([-3, 0, 3, 0] * 6)
    flow = registered(PrototypeAger(), _squares(24, down), np.ones((24, 48, 48), bool))
    mouth = flow[:, 74:78, 40:56, 1].mean((1, 2))
    assert np.corrcoef(mouth, down)[0, 1] > 0.95
    assert mouth[down > 0].mean() - mouth[down < 0].mean() > 2.5
    assert np.abs(flow[:, 42:46, 30:38]).mean() < 0.5
    assert np.abs(flow[..., :4, :]).max() == 0


def test_the_shape_of_each_age_is_the_mean_of_its_faces():
    ages, down = np.repeat([10.0, 60.0], 16), np.repeat([0, 4], 16)
    gender = np.arange(32) % 2
    made = PrototypeAger()
    share = shares(ages, gender, np.zeros(32, int))
    learn_shape(made, _squares(32, down), np.ones((32, 48, 48), bool), share)
    lower = (made.shape[:, 12] - made.shape[:, 2]).float()[:, 1, 19, -3:]
    assert lower.mean() * SIDE > 1.5
    few = PrototypeAger()
    some = np.isin(np.arange(32), [0, 1, 16, 17])
    learn_shape(
        few,
        _squares(32, down)[some],
        np.ones((4, 48, 48), bool),
        np.ascontiguousarray(share[..., some]),
    )
    assert 0 < few.shape.abs().max() < 0.5 * made.shape.abs().max(), "few faces tell little"
    assert made.shape.isfinite().all() and made.shape[:, 17].abs().max() == 0
