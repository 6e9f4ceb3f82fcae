from __future__ import annotations

from itertools import chain
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import transforms

import agekit.data.augment as augment
from agekit.data.augment import Augment, crop, normalise, warp
from agekit.data.base_loader import generator

ZERO, UNIT = torch.zeros(3), torch.full((3,), 1 / 255)


def grey(pixels: Tensor, windows: Tensor, **options: bool) -> Tensor:
    """The crop in grey levels, (N, S, S, 3)."""
    return crop(pixels, windows, ZERO, UNIT, **options).permute(0, 2, 3, 1)


def alike(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two samples may be of one distribution: Kolmogorov and Smirnov's test at 0.1 %."""
    values = np.concatenate([one, other])
    shares = [np.searchsorted(np.sort(s), values, "right") / len(s) for s in (one, other)]
    furthest = np.abs(shares[0] - shares[1]).max()
    return bool(furthest < 1.95 * (1 / len(one) + 1 / len(other)) ** 0.5)


def noise(n: int = 5, size: int = 16) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, size, size, 3), dtype=torch.uint8, generator=rng)


@pytest.fixture(params=[torch.float32, torch.bfloat16])
def precision(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "has_bfloat16", lambda _: request.param == torch.bfloat16)


@pytest.mark.usefixtures("precision")
def test_a_crop_computed_by_hand() -> None:
    ramp = (torch.arange(4) * 40).to(torch.uint8)
    across = ramp.view(1, 1, 4, 1).expand(1, 4, 4, 3).contiguous()
    down = ramp.view(1, 4, 1, 1).expand(1, 4, 4, 3).contiguous()
    window = torch.tensor([[0.25, 0.5, 0.25, 0.5]])
    expected = torch.tensor([30.0, 50.0, 70.0, 90.0])
    torch.testing.assert_close(grey(across, window)[0, 1, :, 0], expected, atol=1, rtol=0)
    torch.testing.assert_close(grey(down, window)[0, :, 2, 1], expected, atol=1, rtol=0)
    flipped = torch.tensor([[0.25, 0.5, 0.75, -0.5]])
    torch.testing.assert_close(grey(across, flipped)[0, 1, :, 0], expected.flip(0), atol=1, rtol=0)
    border = torch.tensor([[0.0, 0.5, 0.0, 0.5]])
    expected = torch.tensor([0.0, 10.0, 30.0, 50.0])
    torch.testing.assert_close(grey(across, border)[0, 0, :, 2], expected, atol=1, rtol=0)


@pytest.mark.usefixtures("precision")
def test_the_whole_window_and_its_flip_are_exact() -> None:
    pixels = noise()
    whole = torch.tensor([[0.0, 1.0, 0.0, 1.0]]).expand(5, 4)
    torch.testing.assert_close(grey(pixels, whole), pixels.float(), atol=2e-4, rtol=0)
    flip = torch.tensor([[0.0, 1.0, 1.0, -1.0]]).expand(5, 4)
    torch.testing.assert_close(grey(pixels, flip), pixels.flip(2).float(), atol=2e-4, rtol=0)


def test_bfloat16_is_within_rounding_of_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, windows = noise(64, 32), Augment().draw(64, 0, 0, size=32)
    results = []
    for fast in (False, True):
        monkeypatch.setattr(augment, "has_bfloat16", lambda _, fast=fast: fast)
        results.append(grey(pixels, windows))
    error = (results[0] - results[1]).abs()
    assert error.max() < 2
    assert error.square().mean().sqrt() < 0.4


def test_normalise_is_timms() -> None:
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = noise()
    expected = (pixels.permute(0, 3, 1, 2) / 255 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    for last in (False, True):
        image = normalise(pixels, mean, std, channels_last=last)
        torch.testing.assert_close(image, expected, atol=1e-5, rtol=1e-5)
        whole = torch.tensor([[0.0, 1.0, 0.0, 1.0]]).expand(5, 4)
        image = crop(pixels, whole, mean, std, channels_last=last)
        torch.testing.assert_close(image, expected, atol=1e-5, rtol=1e-5)


def test_memory_format() -> None:
    pixels, windows = noise(), Augment().draw(5, 0, 0, size=16)
    for last in (False, True):
        layout = torch.channels_last if last else torch.contiguous_format
        for image in (
            normalise(pixels, ZERO, UNIT, channels_last=last),
            crop(pixels, windows, ZERO, UNIT, channels_last=last),
        ):
            assert image.shape == (5, 3, 16, 16)
            assert image.dtype == torch.float32
            assert image.is_contiguous(memory_format=layout)


RULES = [
    ((0.8, 1.0), (0.8, 1.25)),
    ((0.08, 1.0), (3 / 4, 4 / 3)),
    ((0.3, 0.5), (0.8, 1.25)),
    ((1.0, 1.0), (1.0, 1.0)),
    ((1.0, 1.0), (0.5, 2.0)),
    ((0.95, 1.0), (0.5, 0.9)),
    ((0.9, 1.0), (1.5, 3.0)),
    ((0.001, 0.002), (0.01, 100.0)),
]


def boxes(rule: Any, rows: int, size: int) -> NDArray[np.int64]:
    """Top, left, height, width in pixels, as torchvision gives them, (N, 4)."""
    windows = Augment(*rule, flip=0.0).draw(rows, 1, 2, size=size)
    pixels = windows.double() * size
    assert (pixels - pixels.round()).abs().max() < 1e-4
    return pixels.round().long()[:, [0, 2, 1, 3]].numpy()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("size", [7, 224])
def test_a_crop_is_torchvisions_of_the_same_random_numbers(
    rule: Any, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = 60
    drawn = torch.rand(rows, 23, generator=generator(1, 2, "augment")).double()
    found = boxes(rule, rows, size)
    for u, box in zip(drawn, found, strict=True):
        uniform = chain.from_iterable(zip(u[:10], u[10:20], strict=True))
        places = iter(u[20:22])

        def empty(_: int, uniform: Any = uniform) -> Any:
            return SimpleNamespace(uniform_=lambda a, b: a + (b - a) * next(uniform))

        def randint(low: int, high: int, size: Any, places: Any = places) -> Tensor:
            return (low + (high - low) * next(places)).long()

        fake = SimpleNamespace(log=torch.log, exp=torch.exp, empty=empty, randint=randint)
        fake.tensor = lambda x: torch.tensor(x, dtype=torch.float64)
        monkeypatch.setattr(transforms, "torch", fake)
        theirs = transforms.RandomResizedCrop.get_params(torch.empty(3, size, size), *rule)
        assert (box.tolist() == list(theirs)) or 0 in theirs[2:]


@pytest.mark.parametrize("rule", RULES[:6])
def test_crops_are_distributed_as_torchvisions(rule: Any) -> None:
    size, rows = 64, 1500
    image = torch.empty(3, size, size)
    torch.manual_seed(0)
    draw = transforms.RandomResizedCrop.get_params
    theirs = np.array([draw(image, *map(list, rule)) for _ in range(rows)])
    ours = boxes(rule, 4 * rows, size)
    for mine, other in zip(ours.T, theirs.T, strict=True):
        assert alike(mine, other)
    for full in (2, 3):
        shares = [(found[:, full] == size).mean() for found in (ours, theirs)]
        assert shares[0] == pytest.approx(shares[1], abs=0.04)


def test_boxes_need_not_be_of_whole_pixels() -> None:
    rows = Augment((0.5, 0.9), (0.8, 1.25), 0.0).draw(5000, 1, 2)
    top, height, left, width = rows.unbind(1)
    assert 0.5 <= (height * width).min() < 0.51
    assert (width / height).log().abs().max() <= 0.2232  # ln 1.25
    assert (top + height).max() <= 1 + 1e-6
    assert (left + width).max() <= 1 + 1e-6
    assert ((height == 1) | (width == 1)).float().mean() < 0.01
    ours = boxes(((0.5, 0.9), (0.8, 1.25)), 5000, 64)
    for mine, other in zip(ours.T[2:], (height, width), strict=True):
        assert alike(mine, np.asarray(other * 64).round())


def test_a_crop_that_is_smaller_than_a_pixel_is_one_pixel() -> None:
    assert (boxes(((0.001, 0.001), (1000.0, 1000.0)), 50, 32)[:, 2:] == [1, 32]).all()


def test_flips_are_of_the_share_that_is_asked_for() -> None:
    rows = Augment(flip=0.3).draw(20_000, 1, 2, size=64)
    plain = Augment(flip=0.0).draw(20_000, 1, 2, size=64)
    flipped = rows[:, 3] < 0
    assert abs(flipped.float().mean().item() - 0.3) < 0.015
    assert torch.equal(rows[~flipped], plain[~flipped])
    torch.testing.assert_close(rows[flipped, 2] + rows[flipped, 3], plain[flipped, 2])


def test_windows_depend_on_seed_epoch_and_row_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Augment().draw(50, seed=3, epoch=7, size=64)
    torch.manual_seed(123)
    assert torch.equal(Augment().draw(50, seed=3, epoch=7, size=64), first)
    assert torch.equal(Augment().draw(20, seed=3, epoch=7, size=64), first[:20])
    assert not torch.equal(Augment().draw(50, seed=3, epoch=8, size=64), first)
    assert not torch.equal(Augment().draw(50, seed=4, epoch=7, size=64), first)
    monkeypatch.setattr(augment, "_BLOCK", 16)
    assert torch.equal(Augment().draw(50, seed=3, epoch=7, size=64), first)
    assert Augment().draw(0, seed=3, epoch=7, size=64).shape == (0, 4)


@pytest.mark.usefixtures("precision")
def test_crop_pct_takes_the_middle() -> None:
    pixels = noise(3)
    middle = torch.tensor([[0.1, 0.8, 0.1, 0.8]]).expand(3, 4)
    expected = crop(pixels, middle, ZERO, UNIT)
    torch.testing.assert_close(
        normalise(pixels, ZERO, UNIT, crop_pct=0.8), expected, atol=1, rtol=0
    )
    assert torch.equal(normalise(pixels, ZERO, UNIT, crop_pct=1.0), normalise(pixels, ZERO, UNIT))


def test_warp_is_crop_within_rounding() -> None:
    ramp = (torch.arange(16) * 12).to(torch.uint8)
    pixels = torch.stack([ramp.view(1, 16).expand(16, 16), ramp.view(16, 1).expand(16, 16)])
    pixels = pixels[..., None].expand(2, 16, 16, 3).contiguous()
    windows = torch.cat(
        [Augment(flip=0.0).draw(2, 0, 0, size=16)[:1], Augment(flip=1.0).draw(2, 1, 0, size=16)[1:]]
    )
    found = torch.from_numpy(warp(pixels.numpy(), windows.numpy())).float()
    assert (found - grey(pixels, windows)).abs().max() <= 1.5
    whole = torch.tensor([[0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, -1.0]])
    kept, flipped = torch.from_numpy(warp(pixels.numpy(), whole.numpy()))
    assert torch.equal(kept, pixels[0])
    assert torch.equal(flipped, pixels[1].flip(1))
