from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import agekit.data.augment as augment
from agekit.data.augment import Augment, crop, normalise, warp

ZERO, UNIT = torch.zeros(3), torch.full((3,), 1 / 255)


def grey(pixels: Tensor, windows: Tensor, **options: bool) -> Tensor:
    """The crop in grey levels, (N, S, S, 3)."""
    return crop(pixels, windows, ZERO, UNIT, **options).permute(0, 2, 3, 1)


def noise(n: int = 5, size: int = 16) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, size, size, 3), dtype=torch.uint8, generator=rng)


@pytest.fixture(params=[torch.float32, torch.bfloat16])
def precision(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "_fast_bfloat16", lambda _: request.param == torch.bfloat16)


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
    pixels, windows = noise(64, 32), Augment().draw(64, 0, 0)
    results = []
    for fast in (False, True):
        monkeypatch.setattr(augment, "_fast_bfloat16", lambda _, fast=fast: fast)
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
    pixels, windows = noise(), Augment().draw(5, 0, 0)
    for last in (False, True):
        layout = torch.channels_last if last else torch.contiguous_format
        for image in (
            normalise(pixels, ZERO, UNIT, channels_last=last),
            crop(pixels, windows, ZERO, UNIT, channels_last=last),
        ):
            assert image.shape == (5, 3, 16, 16)
            assert image.dtype == torch.float32
            assert image.is_contiguous(memory_format=layout)


def test_windows_follow_torchvisions_meaning() -> None:
    rows = Augment((0.5, 0.9), (0.8, 1.25), 0.3).draw(20_000, seed=1, epoch=2)
    top, height, left, width = rows.unbind(1)
    flipped = width < 0
    left, width = torch.where(flipped, left + width, left), width.abs()
    for start, length in ((top, height), (left, width)):
        assert start.min() >= 0
        assert (start + length).max() <= 1 + 1e-6
    free = (height < 1) & (width < 1)
    area, ratio = (height * width)[free], (width / height)[free]
    assert 0.5 <= area.min() < 0.51
    assert 0.89 < area.max() <= 0.9001
    assert 0.799 <= ratio.min() < 0.81
    assert 1.24 < ratio.max() <= 1.2501
    whole = Augment((0.3, 0.5), (0.8, 1.25)).draw(20_000, 0, 0)
    area = whole[:, 1] * whole[:, 3].abs()
    assert abs(area.mean().item() - 0.4) < 0.002
    log = (whole[:, 3].abs() / whole[:, 1]).log()
    assert abs(log.mean().item()) < 0.005
    assert abs(log.std().item() - math.log(1.25) / math.sqrt(3)) < 0.003
    assert abs(flipped.float().mean().item() - 0.3) < 0.015


def test_windows_depend_on_seed_epoch_and_row_alone() -> None:
    first = Augment().draw(50, seed=3, epoch=7)
    torch.manual_seed(123)
    assert torch.equal(Augment().draw(50, seed=3, epoch=7), first)
    assert torch.equal(Augment().draw(20, seed=3, epoch=7), first[:20])
    assert not torch.equal(Augment().draw(50, seed=3, epoch=8), first)
    assert not torch.equal(Augment().draw(50, seed=4, epoch=7), first)


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
    windows = torch.cat([Augment(flip=0.0).draw(2, 0, 0)[:1], Augment(flip=1.0).draw(2, 1, 0)[1:]])
    found = torch.from_numpy(warp(pixels.numpy(), windows.numpy())).float()
    assert (found - grey(pixels, windows)).abs().max() <= 1.5
    whole = torch.tensor([[0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, -1.0]])
    kept, flipped = torch.from_numpy(warp(pixels.numpy(), whole.numpy()))
    assert torch.equal(kept, pixels[0])
    assert torch.equal(flipped, pixels[1].flip(1))
