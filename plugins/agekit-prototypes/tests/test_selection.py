"""Which faces prototypes are made of."""

from __future__ import annotations

import numpy as np
import pytest
from agekit_prototypes.selection import chosen, seen, sharper

from agekit.faces.framing import CutByPoints, Reframed
from agekit.plugin import Faces, FaceTable


class Shown:
    """Images of one size, all alike."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def name(self, i):
        return str(i)

    def digests(self):
        return np.random.default_rng(0).integers(0, 256, (self.count, 16)).astype(np.uint8)

    def decode(self, i, size):
        return np.zeros((size or 100, size or 80, 3), np.uint8)

    def take(self, index):
        return Shown(len(index))


def test_as_many_faces_of_each_age_and_gender_are_chosen():
    ages = np.repeat([25.0, 65.0], [300, 60]).astype(np.float32)
    table = FaceTable.build(Shown(360), age=ages, gender=np.arange(360) % 2)
    faces = Faces(
        table, np.where(np.arange(360) % 6 == 5, 1, 0).astype(np.int8), "shown", "shown:all"
    )
    few = chosen(faces, 20)
    for code, most in ((0, 20), (1, 2)):
        assert ((few.codes == code) & (ages < 30) & (table.gender == 1)).sum() == most
        assert ((few.codes == code) & (ages > 30) & (table.gender == 1)).sum() <= most
    assert "of 360 faces, as many of each age" in few.drawn
    assert (
        chosen(faces, 1000).codes.tolist() == faces.codes.tolist() and not chosen(faces, 1000).drawn
    )


def test_a_photo_ends_where_its_face_was_cut():
    whole = np.array([[0.4, 0.4], [0.6, 0.4], [0.5, 0.5], [0.42, 0.6], [0.58, 0.6]])
    tight = (whole - 0.5) * 2 + 0.5
    inside = seen(Reframed(Shown(1), tight, whole), 0)
    assert inside.mean() == pytest.approx(0.25, abs=0.03) and inside[24, 24] and not inside[2].any()
    photo = (whole - 0.5) * 40 + [40, 50]
    inside = seen(CutByPoints(Shown(1), photo[None].astype(np.float32), whole), 0)
    assert inside.all()
    assert seen(Shown(1), 0).all()


def test_the_sharper_half_of_each_cell_is_kept():
    draws = np.random.default_rng(0)
    faces = [
        np.clip(128 + s * draws.standard_normal((64, 64, 3)), 0, 255).astype(np.uint8)
        for s in (1, 9, 20, 30)
    ]
    assert sharper(faces, np.array([0, 0, 1, 1])).tolist() == [False, True, False, True]
