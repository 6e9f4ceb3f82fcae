"""The contract of augmentations, as a test."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import torch

from agekit.data.augmentation import Augmentation, MixingAugmentation
from agekit_testkit.checks.modules import check_tensor, drawn, no_host_sync
from agekit_testkit.checks.subject import Part, Subject

__all__ = ["check_augment"]

_N = 6


def check_augment(
    part: Part,
    *,
    size: int = 40,
    arguments: Mapping[str, object] | None = None,
    device: str = "cpu",
    meta: bool = True,
) -> None:
    """Checks that an augmentation keeps its contract: images from 0 to 1 to the same.

    What it makes of an image depends on that image and on its own numbers alone, but for one that
    mixes faces; it draws nothing itself, leaves the images that it was given, and reads no value
    back from the device.

    Args:
        part: its registry name, or the class.
        size: side of the images, pixels; also tried on others.
        arguments: its keyword arguments, as a recipe gives them.
        device: where to run it.
        meta: whether to run it on torch's meta device too; see `check_backbone`.

    Raises:
        AssertionError: saying what is wrong.
    """
    subject = Subject("augment", part, arguments)
    augmentation: Augmentation = subject.build().to(device)
    with drawn():
        uniform = torch.rand(_N, augmentation.numbers)
        images = torch.rand(_N, 3, size, size).to(device)
    with subject.doing("drawing its parameters"):
        parameters = augmentation.draw(uniform).to(device)
    subject.require(
        parameters.ndim == 2 and len(parameters) == _N,
        f"it draws parameters of shape {tuple(parameters.shape)}, not ({_N}, P)",
    )
    kept = images.clone()
    with subject.doing(f"changing images of {size} x {size} pixels"), no_host_sync(images.device):
        changed = augmentation(images, parameters)
    check_tensor(subject, "its images", changed, (_N, 3, size, size), like=images)
    subject.require(torch.equal(images, kept), "it changes the images that it was given in place")
    inside = bool((changed >= -1e-4).all() and (changed <= 1 + 1e-4).all())
    subject.require(inside, "its images are not from 0 to 1")
    again = augmentation(images, parameters)
    subject.require(torch.equal(again, changed), "it answers differently the second time")
    if isinstance(augmentation, MixingAugmentation):
        mixing = augmentation.mixing(parameters)
        partners = (mixing.partner >= 0) & (mixing.partner < _N)
        subject.require(bool(partners.all()), "it mixes in faces that are not of the batch")
        share = float(mixing.share)
        subject.require(0 <= share <= 1, f"the share of an image's own face is {share}")
    else:
        alone = augmentation(images[1:2], parameters[1:2])
        subject.require(
            torch.allclose(alone[0], changed[1], atol=1e-4),
            "what it makes of an image depends on the other images of the batch",
        )
    with subject.doing("changing images of another size"):
        other = augmentation(torch.rand(_N, 3, size + 3, size + 3, device=device), parameters)
    check_tensor(subject, "its images", other, (_N, 3, size + 3, size + 3), like=images)
    if meta:
        with subject.doing(
            "running where tensors have no values (torch's meta device; so it reads a value back "
            "from the device, or keeps a tensor that is no buffer)"
        ):
            deepcopy(augmentation).to("meta")(images.to("meta"), parameters.to("meta"))
