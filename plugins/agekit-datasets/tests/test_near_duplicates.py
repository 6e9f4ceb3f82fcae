from __future__ import annotations

import numpy as np
from agekit_datasets.check.near_duplicates import THUMBNAIL, near_duplicate_groups
from agekit_synthfaces import draw, person
from PIL import Image


def small(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX))


def test_a_photo_saved_or_cut_otherwise_is_nearly_the_same() -> None:
    first, other, third = (Image.fromarray(draw(person(0, k), 40, 200, k)) for k in range(3))
    brighter = first.point(lambda value: min(255, int(value * 1.2)))
    cut = other.crop((1, 1, 199, 199))
    pictures = [
        first,
        other,
        brighter,
        third,
        cut,
        first.resize((90, 90)),
        Image.new("RGB", (9, 9)),
    ]
    groups = near_duplicate_groups(np.stack([small(picture) for picture in pictures]))
    assert [rows.tolist() for rows in groups] == [[0, 2, 5], [1, 4]]


def test_groups_that_a_later_pair_joins_become_one() -> None:
    rng = np.random.default_rng(0)
    ends = rng.integers(0, 256, (2, THUMBNAIL, THUMBNAIL, 3)).astype(float)
    share = np.linspace(0, 1, 12)[rng.permutation(12), None, None, None]
    chain = ((1 - share) * ends[0] + share * ends[1]).astype(np.uint8)
    (group,) = near_duplicate_groups(chain)
    assert group.tolist() == list(range(12))


def test_none_and_one_picture_have_no_group() -> None:
    assert near_duplicate_groups(np.zeros((0, 24, 24, 3), np.uint8)) == []
    assert near_duplicate_groups(np.full((1, 24, 24, 3), 9, np.uint8)) == []
