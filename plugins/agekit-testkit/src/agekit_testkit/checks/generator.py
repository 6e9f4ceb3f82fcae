"""The checks of a generator."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from agekit.tasks.generator import Generator, SomeAges
from agekit_testkit.checks.modules import check_module, check_tensor, drawn, forward
from agekit_testkit.checks.subject import Part, Subject

__all__ = ["check_generator"]


def check_generator(
    part: Part,
    *,
    size: int = 32,
    arguments: Mapping[str, object] | None = None,
    device: str = "cpu",
    meta: bool = True,
) -> None:
    """Checks that a generator keeps its contract: (N, 3, S, S) to the same, both -1 to 1.

    One that takes ages is told that the faces are 30 and are to look 60.

    Args:
        part: its registry name, or the class or function.
        size: S, pixels, a multiple of 4.
        arguments: its keyword arguments, as a recipe gives them.
        device: where to run it.
        meta: whether to run it on torch's meta device too; see `check_backbone`.

    Raises:
        AssertionError: saying what is wrong.
    """
    subject = Subject("generator", part, arguments)

    def make() -> nn.Module:
        network = subject.build()
        subject.require(
            isinstance(network, Generator), "it does not give an agekit.plugin.Generator"
        )
        made: nn.Module = network
        return SomeAges(network) if network.takes_ages else made

    with drawn():
        network = make().to(device).eval()
        images = torch.rand(2, 3, size, size).to(device) * 2 - 1
    with subject.doing(f"a forward pass on images of {size} x {size} pixels"), torch.no_grad():
        faces = forward(network, images)
    check_tensor(subject, "the faces", faces, (2, 3, size, size), like=images)
    subject.require(float(faces.abs().max()) <= 1, "its faces are not from -1 to 1")
    with subject.doing("a forward pass on larger images"), torch.no_grad():
        larger = forward(network, torch.zeros(1, 3, size + 16, size + 16, device=device))
    check_tensor(subject, "larger faces", larger, (1, 3, size + 16, size + 16), like=images)
    half = check_module(subject, make, network, images, every=False, meta=meta)
    subject.require(bool(half.isfinite().all()), "under bfloat16 autocast faces are not finite")
