from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from agekit_ager.recipe import AgerDataConfig
from agekit_ager.sample import sampled
from numpy.typing import NDArray

from agekit.data.split import Faces
from agekit.data.table import SPLITS, FaceTable, ImageSource
from agekit.errors import DataError

N = 6000


class Keys:
    """Pictures of which only the content keys are known."""

    def __init__(self, keys: NDArray[np.uint8]) -> None:
        self.keys = keys

    def __len__(self) -> int:
        return len(self.keys)

    def name(self, i: int) -> str:
        return f"{i}.png"

    def digests(self) -> NDArray[np.uint8]:
        return self.keys

    def take(self, index: NDArray[np.int64]) -> Keys:
        return Keys(self.keys[index])


def faces(n: int = N, order: NDArray[np.int64] | None = None) -> Faces:
    """Half of them 25 years old, half 55; every fifth is not in use, every seventh a woman."""
    row = np.arange(n) if order is None else order
    keys = np.zeros((n, 16), np.uint8)
    keys[:, 0], keys[:, 1] = row // 256, row % 256
    age, gender = np.where(row % 2, 55, 25), np.where(row % 7, 0, 1)
    table = FaceTable.build(cast(ImageSource, Keys(keys)), age, gender=gender)
    codes = np.where(row % 5, row % 3, -1).astype(np.int8)
    return Faces(table, codes, "some", "some:official", subject_exclusive=True)


def data(sample: dict[str, Any] | None, **more: Any) -> AgerDataConfig:
    domains = ((20.0, 29.0), (50.0, 69.0))
    return AgerDataConfig.model_validate({"domains": domains, "sample": sample, **more})


def members(drawn: Faces, split: str, row: NDArray[np.int64] | None = None) -> set[int]:
    found = np.flatnonzero(drawn.codes == SPLITS.index(split))
    return set((found if row is None else row[found]).tolist())


def test_2200_of_each_domain_and_5_percent_to_test_on() -> None:
    """2,200 * 0.05 = 110."""
    drawn = sampled(faces(), data({"per_domain": 2200, "test": 0.05}))
    for age in (25, 55):
        counts = [int((drawn.codes[drawn.table.age == age] == k).sum()) for k in range(3)]
        assert counts == [2090, 0, 110]
    assert not (drawn.codes[::5] >= 0).any(), "what the protocol does not use"
    assert drawn.drawn.startswith("2,200 of 2,400 young faces and 2,200 of 2,400 old faces drawn")
    assert not drawn.subject_exclusive
    assert drawn.protocol == "some:official"


def test_nothing_is_drawn_unasked() -> None:
    whole = faces()
    assert sampled(whole, data(None)) is whole


def test_the_draw_depends_on_pictures_and_its_seed_alone() -> None:
    config = data({"per_domain": 100, "test": 0.1})
    plain = sampled(faces(), config)
    order = np.random.default_rng(0).permutation(N)
    shuffled = sampled(faces(order=order), config)
    for split in ("train", "test"):
        assert members(plain, split) == members(shuffled, split, order)
    assert plain.split_hash == shuffled.split_hash != faces().split_hash
    other = sampled(faces(), data({"per_domain": 100, "test": 0.1, "seed": 1}))
    assert other.split_hash != plain.split_hash
    assert len(members(other, "train") & members(plain, "train")) < 30


def test_a_larger_sample_has_the_smaller_ones_faces() -> None:
    small, large = (sampled(faces(), data({"per_domain": n, "test": 10 / n})) for n in (100, 500))
    assert members(small, "test") == members(large, "test")
    assert members(small, "train") < members(large, "train")


def test_all_are_taken_where_no_number_is_asked_for() -> None:
    drawn = sampled(faces(), data({"test": 0.25}, where={"gender": "female"}))
    used = drawn.codes >= 0
    assert used.sum() == ((np.arange(N) % 5 != 0) & (np.arange(N) % 7 == 0)).sum()
    assert (drawn.table.gender[used] == 1).all()
    assert (drawn.codes == 2).sum() == pytest.approx(used.sum() / 4, abs=2)


def test_identical_pictures_are_drawn_once() -> None:
    whole = faces(40)
    whole.table.images.digests()[20:] = whole.table.images.digests()[:20]
    drawn = sampled(whole, data({"test": 0.25}))
    assert len(members(drawn, "train")) + len(members(drawn, "test")) == 16
    assert max(members(drawn, "train") | members(drawn, "test")) < 20, "the first of each"


@pytest.mark.parametrize(
    "sample",
    [{"per_domain": 2401}, {"per_domain": 10, "test": 0.9}, {"per_domain": 3, "test": 0.5}],
)
def test_what_cannot_be_drawn_is_refused(sample: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="has 2,400 different faces, too few to draw") as caught:
        sampled(faces(), data(sample))
    assert "data.sample.per_domain=N" in caught.value.hint
