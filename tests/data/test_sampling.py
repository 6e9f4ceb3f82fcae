"""Faces of rare ages, and of some datasets, are drawn more often."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from agekit.data.augment import Augment
from agekit.data.base_loader import Batching
from agekit.data.loader import CachedFaces, FaceLoader, Normalisation
from agekit.data.sampling import Sampling, age_weights, dataset_weights
from agekit.data.split import load_faces
from agekit.errors import ConfigError
from agekit.recipe import resolve
from agekit.recipe.schema import BalanceConfig
from tests.data.test_several import table_of

AGES = np.array([1] * 16 + [12] * 4 + [37], np.float32)
COUNTS = np.array([16] * 16 + [4] * 4 + [1])


def balance(**given: object) -> BalanceConfig:
    return BalanceConfig.model_validate({"bins": 10, **given})


@pytest.mark.parametrize("power", [0, 0.5, 1])
def test_a_face_is_drawn_by_the_power_of_the_density_of_its_age(power: float) -> None:
    weights = age_weights(AGES, balance(power=power))
    assert weights.mean() == pytest.approx(1)
    np.testing.assert_allclose(weights / weights[0], (16 / COUNTS) ** power)


def test_the_density_is_smoothed_by_a_gaussian_of_years() -> None:
    """Yang et al. (2021): the label density, convolved with a symmetric kernel."""
    ages = np.array([0] * 9 + [2], np.float32)
    weights = age_weights(ages, balance(bins=1, smooth=2, power=1))
    kernel = np.exp(-0.5 * (np.arange(-2, 3) / 2) ** 2)
    near, far = kernel[2], kernel[4]
    assert weights[9] / weights[0] == pytest.approx((9 * near + far) / (near + 9 * far))
    plain = age_weights(ages, balance(bins=1, power=1))
    assert plain[9] / plain[0] == pytest.approx(9)
    assert age_weights(ages[:3], balance(smooth=2)).tolist() == [1, 1, 1]


def test_it_holds_for_a_part_of_the_epochs() -> None:
    config = balance(since=0.25, until=0.75)
    assert [config.holds(epoch, 8) for epoch in range(8)] == [False] * 2 + [True] * 4 + [False] * 2
    common, ages = np.array([1.0, 2]), np.array([3.0, 5])
    by_ages = Sampling(None, ages, config, 8)
    assert (by_ages.weights(0), by_ages.weights(2)) == (None, ages)
    both = Sampling(common, ages, config, 8)
    assert (both.weights(0) == common).all() and (both.weights(2) == [3, 10]).all()
    assert Sampling(common, None, None, 8).weights(7) is common


@pytest.mark.parametrize(
    "odd",
    [{"bins": 0}, {"power": 2}, {"power": -1}, {"until": 0}, {"since": 0.5, "until": 0.5},
     {"smooth": -1}, {"bin": 5}, {"until": 1.5}],
)  # fmt: skip
def test_what_cannot_be_is_refused(odd: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BalanceConfig.model_validate(odd)


def loader(sampling: Sampling | None, **options: object) -> FaceLoader:
    pixels = np.random.default_rng(0).integers(0, 256, (len(AGES), 8, 8, 3), np.uint8)
    faces = CachedFaces(pixels, np.arange(len(AGES)), AGES, np.full(len(AGES), np.nan, np.float32))
    shown = Normalisation((0.5,) * 3, (0.2,) * 3)
    batching = Batching(7, 0, int(options.pop("rank", 0)), int(options.pop("world", 1)))  # type: ignore[call-overload]
    return FaceLoader(faces, batching, shown, "cpu", sampling=sampling, **options)  # type: ignore[arg-type]


def test_the_loader_draws_as_often_as_they_say() -> None:
    config = balance(power=1, until=0.5)
    drawn = loader(Sampling(None, age_weights(AGES, config), config, 400), shuffle=True)
    counts: Counter[float] = Counter()
    for epoch in range(200):
        drawn.set_epoch(epoch)
        counts.update(age for batch in drawn for age in batch.age.tolist())
    assert counts.total() == 200 * 21
    for age in (1.0, 12.0, 37.0):
        assert counts[age] / counts.total() == pytest.approx(1 / 3, abs=0.03)
    drawn.set_epoch(200)
    assert sorted(torch.cat([batch.row for batch in drawn]).tolist()) == list(range(21))


def test_each_drawing_has_a_crop_of_its_own_whoever_loads_it() -> None:
    sampling = Sampling(np.array([1e-9] * 20 + [1]), None, None, 1)
    augment = Augment(crop_scale=(0.3, 1), crop_ratio=(0.8, 1.2), flip=0.5)
    whole = list(loader(sampling, shuffle=True, augment=augment))
    assert {row for batch in whole for row in batch.row.tolist()} == {20}
    images = torch.cat([batch.images for batch in whole])
    assert len({image.numpy().tobytes() for image in images}) > 15
    parts = [
        list(loader(sampling, shuffle=True, augment=augment, rank=rank, world=2)) for rank in (0, 1)
    ]
    torch.testing.assert_close(
        torch.cat([batch.images[0::2] for batch in whole]),
        torch.cat([batch.images for batch in parts[0]]),
    )
    again = torch.cat([batch.images for batch in loader(sampling, shuffle=True, augment=augment)])
    torch.testing.assert_close(images, again)


def test_faces_of_a_dataset_are_drawn_more_often(tmp_path: Path) -> None:
    roots = {
        "csv": table_of(tmp_path / "a", ["0.png,20,train", "1.png,30,test"]),
        "folder": table_of(tmp_path / "b", ["2.png,40,train", "3.png,30,train"]).parent,
    }
    table = load_faces("csv+folder", roots, "column").table
    rows = np.array([3, 0, 2])
    assert dataset_weights(table, rows, {}) is None
    weights = dataset_weights(table, rows, {"folder": 2.5})
    assert weights is not None and weights.tolist() == [2.5, 1, 2.5]
    with pytest.raises(ConfigError, match="no dataset 'foldr'; did you mean 'folder'"):
        dataset_weights(table, rows, {"foldr": 2})
    with pytest.raises(ConfigError, match="there is one dataset only"):
        dataset_weights(load_faces("csv", roots["csv"]).table, np.array([0]), {"csv": 2})


def test_a_recipe_says_it_and_none_does_by_default() -> None:
    plain = resolve("sord-resnet10-tiny").recipe
    assert (plain.data.balance, plain.data.weights) == (None, {})
    asked = resolve(
        "sord-resnet10-tiny",
        overrides=["data.balance.power=1", "data.balance.until=0.8", "data.weights.utkface=2"],
    )
    assert asked.recipe.data.balance == BalanceConfig(power=1, until=0.8)
    assert asked.recipe.data.weights == {"utkface": 2}
    assert resolve_again(asked.to_yaml()) == asked.recipe.data.model_dump(mode="json")
    whole = resolve("sord-resnet10-tiny", overrides=["data.balance={bins: 5, smooth: 2}"])
    assert whole.recipe.data.balance == BalanceConfig(smooth=2)
    for odd in ("data.balance.powr=1", "data.balance.power=2", "data.weights.utkface=0"):
        with pytest.raises(ConfigError, match=odd.partition("=")[0]):
            resolve("sord-resnet10-tiny", overrides=[odd])


def resolve_again(text: str) -> object:
    import yaml

    return json.loads(json.dumps(yaml.safe_load(text)["data"]))
