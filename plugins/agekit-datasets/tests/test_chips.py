from __future__ import annotations

from pathlib import Path

import numpy as np
from agekit_datasets.chips.folder import chip_names
from agekit_datasets.chips.work import main_face

from agekit.faces.base import Detection


def test_what_the_largest_face_is():
    def face(side, score, x=0.0):
        box = np.array([x, 0, x + side, side], np.float32)
        return Detection(box, score, np.zeros((5, 2), np.float32))

    large, near, small = face(100, 0.8), face(97, 0.95), face(60, 0.99)
    assert main_face([large, near, small]) is near
    assert main_face([large, face(90, 0.95)]) is large
    left, right = face(50, 0.9, 3), face(50, 0.9, 80)
    assert main_face([right, left]) is left


def test_names_of_chips():
    names = ["a/x.jpg", "a/y.png", "a/y.jpg", "b/Y.JPG.chip.jpg", "z", "b/q.JPG", "b/Q.jpg"]
    chips = chip_names(names, ".jpg")
    assert chips[0] == "a/x.jpg"
    assert chips[1:4] == ["a/png/y.jpg", "a/jpg/y.jpg", "b/Y.JPG.chip.jpg"]
    assert chips[4] == "z.jpg"
    assert [Path(c).stem for c in chips] == [Path(n).stem for n in names]
    assert len({c.casefold() for c in chips}) == len(names)
    taken = chip_names(["a/y.png", "a/y.gif", "a/png/y.jpg"], ".jpg")
    assert taken == ["a/png_/y.jpg", "a/gif/y.jpg", "a/png/y.jpg"]
