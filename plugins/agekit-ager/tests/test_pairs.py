from __future__ import annotations

import numpy as np
import pytest
import torch
from agekit_ager.pairs import PairLoader, to_network, to_pixels

from agekit.data.base_loader import Batching
from agekit.errors import ConfigError

CPU = torch.device("cpu")


def loader(young: int = 6, old: int = 3, batch_size: int = 2, **more: int) -> PairLoader:
    """Image i is filled with i, its columns counted in the second channel."""
    images = np.zeros((young + old, 12, 12, 3), np.uint8)
    images[..., 0] = np.arange(young + old)[:, None, None]
    images[..., 1] = np.arange(12)[None, None, :]
    images[..., 2] = np.arange(12)[None, :, None]
    slots = np.arange(young + old)
    batching = Batching(batch_size, **more)
    domains = slots[:young], slots[young:]
    return PairLoader(images, *domains, size=8, flip=0.5, batching=batching, device=CPU)


def slots(images: torch.Tensor) -> list[int]:
    return to_pixels(images)[:, 0, 0, 0].tolist()


def test_an_epoch_shows_the_larger_domain_once_and_the_other_evenly() -> None:
    pairs = list(loader())
    assert [len(pair) for pair in pairs] == [2, 2, 2]
    assert sorted(s for pair in pairs for s in slots(pair.a)) == [0, 1, 2, 3, 4, 5]
    assert sorted(s for pair in pairs for s in slots(pair.b)) == [6, 6, 7, 7, 8, 8]


def test_crops_are_pixels_of_the_image_as_they_are() -> None:
    many = loader(young=200, old=200, batch_size=200)
    (pair,) = list(many)
    pixels = to_pixels(pair.a)
    assert pixels.shape == (200, 8, 8, 3)
    step = pixels[:, 0, 1, 1].int() - pixels[:, 0, 0, 1].int()
    assert set(step.tolist()) == {1, -1}
    assert 60 < (step == -1).sum() < 140
    left = pixels[:, 0, :, 1].amin(1)
    assert set(left.tolist()) == {0, 1, 2, 3, 4}
    assert set(pixels[:, 0, 0, 2].tolist()) == {0, 1, 2, 3, 4}


def test_seed_and_epoch_decide_and_processes_share() -> None:
    def all_of(**more: object) -> torch.Tensor:
        epoch = int(str(more.pop("epoch", 0)))
        one = loader(**more)
        one.sampler.set_epoch(epoch)
        return torch.cat([torch.cat([p.a, p.b]) for p in one])

    assert torch.equal(all_of(), all_of())
    assert not torch.equal(all_of(), all_of(epoch=1))
    assert not torch.equal(all_of(), all_of(seed=1))
    whole = list(loader())
    halves = [list(loader(rank=rank, world=2)) for rank in (0, 1)]
    for k, pair in enumerate(whole):
        assert torch.equal(pair.a, torch.cat([halves[0][k].a, halves[1][k].a]))
        assert torch.equal(pair.b, torch.cat([halves[0][k].b, halves[1][k].b]))
    with pytest.raises(ConfigError, match="too small for 3 processes"):
        loader(world=3)


def test_there_and_back() -> None:
    pixels = torch.randint(0, 256, (2, 4, 4, 3), dtype=torch.uint8)
    images = to_network(pixels)
    assert images.shape == (2, 3, 4, 4)
    assert images.min() >= -1
    assert images.max() <= 1
    assert torch.equal(to_pixels(images), pixels)
