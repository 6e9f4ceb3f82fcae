"""What agekit asks of a generator."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from agekit.ager.base import Generator
from agekit.testing.modules import (
    check_copies,
    check_gradients,
    check_on_meta,
    check_rows_apart,
    check_seeded,
    check_tensor,
    drawn,
)
from agekit.testing.subject import Part, Subject

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
            isinstance(network, Generator), "it does not give an agekit.ager.base.Generator"
        )
        made: nn.Module = network
        return made

    def run(module: nn.Module, images: Tensor) -> Tensor:
        out: Tensor = module(images)
        return out

    with drawn():
        network = make().to(device).eval()
        images = torch.rand(2, 3, size, size).to(device) * 2 - 1
    with subject.doing(f"a forward pass on images of {size} x {size} pixels"), torch.no_grad():
        faces = run(network, images)
    check_tensor(subject, "the faces", faces, (2, 3, size, size), like=images)
    subject.require(float(faces.abs().max()) <= 1, "its faces are not from -1 to 1")
    with subject.doing("a forward pass on larger images"), torch.no_grad():
        larger = run(network, torch.zeros(1, 3, size + 16, size + 16, device=device))
    check_tensor(subject, "larger faces", larger, (1, 3, size + 16, size + 16), like=images)
    check_rows_apart(subject, network, run, images)
    check_seeded(subject, make, network, run, images)
    check_copies(subject, make, network, run, images)
    check_gradients(subject, network, run, images, every=False)
    with (
        subject.doing("a forward pass under bfloat16 autocast"),
        torch.no_grad(),
        torch.autocast(images.device.type, dtype=torch.bfloat16),
    ):
        half = run(network.eval(), images)
    subject.require(bool(half.isfinite().all()), "under bfloat16 autocast faces are not finite")
    if meta:
        check_on_meta(subject, network, run, images)
