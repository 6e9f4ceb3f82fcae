"""The image pool: fill, then half the time exchange, image by image; goes on exactly."""

from __future__ import annotations

import pytest
import torch
from agekit_cyclegan.pool import ImagePool

from agekit.errors import ConfigError


def numbered(first, count, size=1):
    return torch.arange(first, first + count).float().view(-1, 1, 1, 1).expand(-1, 3, size, size)


def values(images):
    return images[:, 0, 0, 0].int().tolist()


def test_fills_first():
    pool = ImagePool(4, 2, seed=0)
    assert values(pool(numbered(1, 4, 2))) == [1, 2, 3, 4]
    assert values(pool.images) == [1, 2, 3, 4]


def test_gives_what_it_kept_and_keeps_what_it_was_given():
    pool = ImagePool(4, 1, seed=0)
    pool(numbered(1, 4))
    swaps = 0
    for number in range(5, 45):
        before = values(pool.images)
        (given,) = values(pool(numbered(number, 1)))
        after = values(pool.images)
        if given == number:
            assert after == before
        else:
            slot = before.index(given)
            assert after == [*before[:slot], number, *before[slot + 1 :]]
            swaps += 1
    assert 0 < swaps < 40


def test_half_of_the_images_are_exchanged_and_every_place_is_used():
    pool = ImagePool(10, 1, seed=1)
    given = values(pool(numbered(0, 4000)))
    fresh = sum(one == number for number, one in enumerate(given[10:], 10))
    assert 0.47 < fresh / 3990 < 0.53
    kept_for = [number - one for number, one in enumerate(given) if one != number]
    assert sum(kept_for) / len(kept_for) == pytest.approx(20, rel=0.1)


def test_an_image_at_a_time_is_the_same_as_a_batch():
    batch, single = ImagePool(3, 1, seed=5), ImagePool(3, 1, seed=5)
    images = numbered(0, 30)
    assert values(batch(images)) == [values(single(image[None]))[0] for image in images]


def test_draws_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = values(ImagePool(3, 1, seed=5)(numbered(0, 50)))
    torch.manual_seed(2)
    assert values(ImagePool(3, 1, seed=5)(numbered(0, 50))) == first
    assert values(ImagePool(3, 1, seed=6)(numbered(0, 50))) != first


def test_goes_on_from_its_state(tmp_path):
    whole, begun, resumed = (ImagePool(3, 2, seed=5) for _ in range(3))
    expected = values(whole(numbered(0, 60, 2)))
    begun(numbered(0, 25, 2))
    torch.save(begun.state_dict(), tmp_path / "state.pth")
    resumed.load_state_dict(torch.load(tmp_path / "state.pth", weights_only=True))
    assert values(resumed(numbered(25, 35, 2))) == expected[25:]
    assert torch.equal(resumed.images, whole.images)


def test_neither_changes_nor_shares_what_it_is_given():
    pool = ImagePool(1, 1, seed=0)
    images = numbered(0, 20).clone().requires_grad_()
    out = pool(images)
    assert not out.requires_grad
    out.zero_()
    assert values(images) == list(range(20))
    assert values(pool.images) != [0]


def test_without_capacity_gives_everything_back():
    pool = ImagePool(0, 1, seed=0)
    assert values(pool(numbered(0, 20))) == list(range(20))


def test_bad_capacity():
    with pytest.raises(ConfigError, match="at least 0"):
        ImagePool(-1, 1, seed=0)
