"""Augmentations by hand, each on numbers that are given."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from agekit_augments.jpeg import Jpeg
from agekit_augments.mixing import Cutmix, Mixup, beta
from agekit_augments.pixels import Blur, Colour, Erasing, Grey, Rotation
from agekit_testkit import check_augment
from PIL import Image
from torchvision.transforms.v2 import functional as tv

from agekit.data.augment import Augment
from agekit.data.base_loader import Batching
from agekit.data.loader import CachedFaces, FaceLoader, Normalisation
from agekit.discovery import entries
from agekit.errors import ConfigError
from agekit.registry import AUGMENTS

SIZE = 16


@pytest.fixture(scope="module")
def images():
    random = torch.Generator().manual_seed(3)
    rough = torch.rand(3, 3, 4, 4, generator=random)
    return torch.nn.functional.interpolate(rough, (SIZE, SIZE), mode="bilinear")


def changed(augmentation, images, *rows):
    """The images changed by uniform numbers, a row each; the first one repeats."""
    uniform = torch.tensor([rows[min(k, len(rows) - 1)] for k in range(len(images))])
    return augmentation(images, augmentation.draw(uniform))


@pytest.mark.parametrize("entry", entries("augment"), ids=lambda entry: entry.name)
def test_every_augmentation_keeps_the_contract(entry):
    arguments = {"colour": {"hue": 0.1}, "blur": {"p": 1.0}, "jpeg": {"p": 1.0}}
    check_augment(entry.name, arguments=arguments.get(entry.name))


@pytest.mark.parametrize("name", ["blur", "colour", "erasing", "grey", "jpeg", "rotation"])
def test_no_image_is_changed_at_a_share_of_0_and_every_one_at_1(name, images):
    never, always = (AUGMENTS.get(name)(p=p) for p in (0.0, 1.0))
    uniform = torch.full((len(images), never.numbers), 0.7)
    assert torch.equal(never(images, never.draw(uniform)), images)
    assert (always(images, always.draw(uniform)) != images).flatten(1).any(1).all()


def test_an_image_is_changed_by_its_own_numbers_alone(images):
    mixed = changed(Grey(p=0.5), images, [0.7], [0.2], [0.6])
    assert torch.equal(mixed[[0, 2]], images[[0, 2]])
    torch.testing.assert_close(mixed[1], tv.rgb_to_grayscale(images[1], 3), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        (1, lambda image: tv.adjust_brightness(image, 1.2)),
        (2, lambda image: tv.adjust_contrast(image, 1.2)),
        (3, lambda image: tv.adjust_saturation(image, 1.2)),
    ],
)
def test_colours_are_torchvisions(number, changes, images):
    uniform = [0.0, *[0.5] * 4]
    uniform[number] = 1.0
    found = changed(Colour(), images, uniform)
    expected = torch.stack([changes(image) for image in images])
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)


def test_hue_turns_colours_and_leaves_greys_and_brightness():
    primary = torch.tensor([[0.6, 0.3, 0.3], [0.4, 0.4, 0.4]]).view(2, 3, 1, 1).expand(2, 3, 4, 4)
    turned = changed(Colour(hue=0.5), primary, [0.0, 0.5, 0.5, 0.5, 1.0])[..., 0, 0]
    assert turned[1].tolist() == pytest.approx([0.4] * 3, abs=2e-3)
    luma = torch.tensor([0.299, 0.587, 0.114])
    assert float(turned[0] @ luma) == pytest.approx(float(primary[0, :, 0, 0] @ luma), abs=2e-3)
    assert turned[0, 0] < turned[0, 1]


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_blur_is_gaussian(sigma, images):
    found = changed(Blur(sigma=(sigma, sigma), p=1.0), images, [0.0, 0.5])
    expected = tv.gaussian_blur(images, [15, 15], [sigma, sigma])
    inner = slice(6, -6)
    torch.testing.assert_close(
        found[..., inner, inner], expected[..., inner, inner], atol=2e-2, rtol=0
    )


def test_rotation_turns_scales_and_shifts():
    image = torch.zeros(1, 3, SIZE, SIZE)
    image[..., 2:4, 7:9] = 1
    uniform = [[0.0, 1.0, 0.0, 0.5, 0.5]]
    quarter = changed(Rotation(degrees=90), image, *uniform)
    torch.testing.assert_close(quarter, torch.rot90(image, -1, (2, 3)), atol=1e-4, rtol=0)
    down = changed(Rotation(degrees=0, shift=0.25), image, [0.0, 0.5, 0.0, 0.5, 1.0])
    torch.testing.assert_close(down, image.roll(4, 2), atol=1e-4, rtol=0)
    right = changed(Rotation(degrees=0, shift=0.25), image, [0.0, 0.5, 0.0, 1.0, 0.5])
    torch.testing.assert_close(right, image.roll(4, 3), atol=1e-4, rtol=0)
    square = torch.zeros(1, 3, SIZE, SIZE)
    square[..., 6:10, 6:10] = 1
    large = changed(Rotation(degrees=0, scale=(2.0, 2.0)), square, *uniform)
    assert float(large.sum()) == pytest.approx(4 * float(square.sum()), rel=0.05)


def test_erasing_covers_the_area_in_one_colour(images):
    asked = Erasing(p=1.0, area=(0.25, 0.25), ratio=(1.0, 1.0))
    found = changed(asked, images, [0.0, 0.5, 0.5, 0.0, 1.0, 0.1, 0.2, 0.3])
    expected = images.clone()
    expected[..., :8, 8:] = torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)
    assert torch.equal(found, expected)
    grey = changed(Erasing(p=1.0, colour=False), images, [0.0, 1.0, 0.5, 0.5, 0.5, 0.1, 0.2, 0.3])
    assert (grey[(grey != images)] == 0.5).all()


@pytest.mark.parametrize("quality", [20, 50, 85])
def test_jpeg_is_near_to_that_of_a_library(quality, images):
    found = changed(Jpeg(quality=(quality, quality), p=1.0), images, [0.0, 0.5])
    for image, mine in zip(images, found, strict=True):
        pixels = (image.permute(1, 2, 0) * 255).round().byte().numpy()
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0)
        theirs = np.asarray(Image.open(buffer)) / 255
        assert np.abs(theirs - mine.permute(1, 2, 0).numpy()).mean() < 0.015


def test_mixup_is_the_weighted_mean_with_the_next_face(images):
    mixup = Mixup(alpha=1.0)
    drawn = mixup.draw(torch.tensor([[0.0, 0.25], [0.0, 0.9], [0.0, 0.9]]))
    mixing = mixup.mixing(drawn)
    assert mixing.partner.tolist() == [1, 2, 0]
    assert float(mixing.share) == pytest.approx(0.25, abs=1e-3)
    torch.testing.assert_close(
        mixup(images, drawn), 0.25 * images + 0.75 * images.roll(-1, 0), atol=1e-3, rtol=0
    )
    never = Mixup(p=0.0)
    assert torch.equal(never(images, never.draw(torch.rand(3, 2))), images)


def test_cutmix_counts_what_its_rectangle_leaves(images):
    cutmix = Cutmix(alpha=1.0)
    drawn = cutmix.draw(torch.tensor([[0.0, 0.75, 0.0, 0.5]] * 3))
    mixing = cutmix.mixing(drawn)
    assert float(mixing.share) == pytest.approx(1 - 0.25 * 0.5, abs=1e-3)
    expected = images.clone()
    expected[..., :4, 4:12] = images.roll(-1, 0)[..., :4, 4:12]
    assert torch.equal(cutmix(images, drawn), expected)


@pytest.mark.parametrize("alpha", [0.1, 0.2, 1.0, 4.0])
def test_beta_has_its_mean_and_variance(alpha):
    numbers = beta((np.arange(100_000) + 0.5) / 100_000, alpha)
    assert numbers.mean() == pytest.approx(0.5, abs=1e-3)
    assert numbers.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=5e-3)
    assert (np.diff(numbers) >= 0).all()


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("erasing", {"p": 1.5}, "erasing: p must be from 0 to 1"),
        ("erasing", {"area": [0.5, 0.2]}, "erasing: area must be"),
        ("erasing", {"ratio": [0, 1]}, "erasing: ratio must be"),
        ("colour", {"hue": 0.7}, "hue must be from 0 to 0.5"),
        ("colour", {"contrast": -1.0}, "colour: contrast must be from 0 to 1"),
        ("rotation", {"degrees": 200.0}, "rotation: degrees must be"),
        ("rotation", {"scale": [0.0, 1.0]}, "rotation: scale must be"),
        ("blur", {"sigma": [0.0, 1.0]}, "blur: sigma must be"),
        ("jpeg", {"quality": [0, 50]}, "jpeg: quality must be"),
        ("mixup", {"alpha": 0.0}, "mixup: alpha must be from 0.01"),
        ("cutmix", {"p": math.nan}, "cutmix: p must be from 0 to 1"),
    ],
)
def test_senseless_arguments_are_refused(name, arguments, told):
    with pytest.raises(ConfigError, match=told):
        AUGMENTS.get(name)(**arguments)


def loader(augmentations, epoch=0, augment=None):
    pixels = np.random.default_rng(0).integers(0, 256, (7, SIZE, SIZE, 3), np.uint8)
    faces = CachedFaces(
        pixels, np.arange(7), np.arange(7, dtype=np.float32), np.full(7, np.nan, np.float32)
    )
    shown = Normalisation((0.5, 0.4, 0.3), (0.2, 0.3, 0.4), channels_last=True)
    made = FaceLoader(
        faces,
        Batching(3, 5),
        shown,
        "cpu",
        augment=augment,
        augmentations=augmentations,
        shuffle=True,
    )
    made.set_epoch(epoch)
    return list(made)


def test_a_loader_changes_images_by_seed_and_epoch_alone():
    parts = [Colour(), Erasing(p=1.0), Mixup()]
    one, two, later = loader(parts), loader(parts), loader(parts, epoch=1)
    for first, second in zip(one, two, strict=True):
        assert torch.equal(first.images, second.images)
        assert torch.equal(first.mixing.share, second.mixing.share)
    assert not torch.equal(one[0].mixing.share, later[0].mixing.share)


def test_a_share_of_0_gives_the_images_of_a_loader_without():
    augment = Augment()
    plain = loader((), augment=augment)
    same = loader([Grey(p=0.0)], augment=augment)
    for one, two in zip(plain, same, strict=True):
        torch.testing.assert_close(one.images, two.images, atol=1e-5, rtol=0)
        assert torch.equal(one.row, two.row)
        assert two.mixing is None
