from __future__ import annotations

import math
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agekit.data.augment import Augment, normalise
from agekit.data.base_loader import Batching
from agekit.data.loader import Batch, CachedFaces, FaceLoader, Normalisation
from agekit.errors import ConfigError, DataError

N, S = 23, 8
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


@pytest.fixture
def pool(tmp_path: Path) -> NDArray[np.uint8]:
    pixels = np.random.default_rng(0).integers(0, 256, (40, S, S, 3), np.uint8)
    pixels.tofile(tmp_path / "pixels")
    return np.memmap(tmp_path / "pixels", np.uint8, "r", shape=pixels.shape)


SLOTS = np.random.default_rng(1).permutation(40)[:N]
AGE = np.arange(N, dtype=np.float32) + 20
SIGMA = np.where(np.arange(N) % 2, np.nan, 3).astype(np.float32)


def loader(
    pool: NDArray[np.uint8],
    *,
    slots: NDArray[np.int64] = SLOTS,
    device: str = "cpu",
    channels_last: bool = False,
    batch_size: int = 6,
    seed: int = 0,
    rank: int = 0,
    world: int = 1,
    **options: Any,
) -> FaceLoader:
    faces = CachedFaces(pool, slots, AGE[: len(slots)], SIGMA[: len(slots)])
    shown = Normalisation(MEAN, STD, channels_last=channels_last)
    return FaceLoader(faces, Batching(batch_size, seed, rank, world), shown, device, **options)


def by_row(batches: list[Batch]) -> dict[int, torch.Tensor]:
    return {int(r): image for b in batches for r, image in zip(b.row, b.images, strict=True)}


def test_evaluation_gives_every_row_once_in_order(pool: NDArray[np.uint8]) -> None:
    batches = list(loader(pool))
    assert [len(b) for b in batches] == [6, 6, 6, 5]
    assert torch.cat([b.row for b in batches]).tolist() == list(range(N))
    assert torch.cat([b.age for b in batches]).tolist() == AGE.tolist()
    np.testing.assert_array_equal(torch.cat([b.sigma for b in batches]).numpy(), SIGMA)
    images = torch.cat([b.images for b in batches])
    expected = normalise(torch.from_numpy(pool[SLOTS]), torch.tensor(MEAN), torch.tensor(STD))
    torch.testing.assert_close(images, expected)
    assert (images.dtype, images.shape) == (torch.float32, (N, 3, S, S))
    assert batches[0].row.dtype == torch.int64


def test_training_shuffles_by_seed_and_epoch_and_drops_the_rest(pool: NDArray[np.uint8]) -> None:
    train = loader(pool, shuffle=True, seed=5)
    first = [b.row.tolist() for b in train]
    assert [len(r) for r in first] == [6, 6, 6]
    assert len(train) == 3
    assert len(set(chain(*first))) == 18
    assert first != [b.row.tolist() for b in loader(pool, shuffle=True, seed=6)]
    assert first == [b.row.tolist() for b in train]
    train.sampler.set_epoch(1)
    assert first != [b.row.tolist() for b in train]
    batch = next(iter(train))
    assert (batch.age == torch.from_numpy(AGE)[batch.row]).all()


def test_an_only_batch_is_kept(pool: NDArray[np.uint8]) -> None:
    assert [len(b) for b in loader(pool, shuffle=True, batch_size=64)] == [N]


@pytest.mark.parametrize("world", [1, 2, 3, 5])
def test_ranks_share_every_global_batch(pool: NDArray[np.uint8], world: int) -> None:
    for shuffle in (False, True):
        whole = [set(b.row.tolist()) for b in loader(pool, shuffle=shuffle, seed=2)]
        parts = [
            list(loader(pool, shuffle=shuffle, seed=2, rank=r, world=world)) for r in range(world)
        ]
        for rank in range(world):
            assert len(parts[rank]) == len(
                loader(pool, shuffle=shuffle, seed=2, rank=rank, world=world)
            )
        for k, rows in enumerate(whole):
            shared = [p[k].row.tolist() for p in parts if k < len(p)]
            assert sorted(chain(*shared)) == sorted(rows)


@pytest.mark.parametrize(("batch_size", "world"), [(4, 1), (9, 3), (23, 2)])
def test_crops_do_not_depend_on_batches_or_processes(
    pool: NDArray[np.uint8], batch_size: int, world: int
) -> None:
    options: dict[str, Any] = {"augment": Augment((0.3, 1.0)), "seed": 4}
    whole = by_row(list(loader(pool, **options)))
    parts = [
        batch
        for rank in range(world)
        for batch in loader(pool, batch_size=batch_size, rank=rank, world=world, **options)
    ]
    split = by_row(parts)
    assert sorted(split) == sorted(whole) == list(range(N))
    for row, image in whole.items():
        torch.testing.assert_close(split[row], image, atol=1e-5, rtol=1e-5)


def test_epochs_have_other_crops(pool: NDArray[np.uint8]) -> None:
    train = loader(pool, augment=Augment((0.3, 0.6)))
    first = by_row(list(train))
    train.set_epoch(1)
    second = by_row(list(train))
    changed = sum(not torch.equal(first[row], second[row]) for row in first)
    assert changed > 0.8 * N, "of whole pixels of so few, a box may come again"


def test_channels_last(pool: NDArray[np.uint8]) -> None:
    for augment in (None, Augment()):
        batch = next(iter(loader(pool, augment=augment, channels_last=True)))
        assert batch.images.is_contiguous(memory_format=torch.channels_last)


def test_a_pass_can_be_left_early(pool: NDArray[np.uint8]) -> None:
    train = loader(pool, shuffle=True)
    for _ in range(3):
        next(iter(train))
    assert len(list(train)) == 3


def test_what_mmengine_looks_for(pool: NDArray[np.uint8]) -> None:
    train = loader(pool)
    assert len(train.dataset) == N
    assert dict(train.dataset.metainfo) == {}
    assert train.batch_size == 6
    assert len(train) == math.ceil(N / 6)


def test_what_cannot_work_is_refused(pool: NDArray[np.uint8]) -> None:
    lost = SLOTS.copy()
    lost[3] = -1
    with pytest.raises(DataError, match="1 of 23 rows have no image"):
        loader(pool, slots=lost)
    with pytest.raises(DataError, match="no rows"):
        loader(pool, slots=SLOTS[:0])
    with pytest.raises(ConfigError, match="too small for 8 processes"):
        loader(pool, world=8)
    with pytest.raises(DataError, match="2 rows are too few"):
        loader(pool, slots=SLOTS[:2], world=3, shuffle=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("limit", [None, 0])
def test_on_a_gpu_the_batches_are_the_same(pool: NDArray[np.uint8], limit: int | None) -> None:
    options: dict[str, Any] = {"shuffle": True, "seed": 1, "augment": Augment()}
    here = by_row(list(loader(pool, **options)))
    gpu = loader(pool, device="cuda", resident_limit=limit, **options)
    assert gpu.resident == (limit is None)
    torch.cuda.set_sync_debug_mode("error" if gpu.resident else "default")
    try:
        there = list(gpu)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for row, image in by_row(there).items():
        torch.testing.assert_close(image.cpu(), here[row], atol=0.05, rtol=0)
