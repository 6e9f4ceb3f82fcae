"""What agekit asks of a backbone."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

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

__all__ = ["check_backbone"]


def check_backbone(
    part: Part,
    *,
    size: int = 64,
    arguments: Mapping[str, object] | None = None,
    device: str = "cpu",
    meta: bool = True,
) -> None:
    """Checks that a backbone keeps its contract: images (N, 3, S, S) to features (N, F).

    Shapes and dtypes, weights that follow from torch's seed, gradients to every weight and to the
    images, faces that do not depend on their batch, bfloat16 autocast, weights that survive
    safetensors, and neither a fixed device nor a value read back from it.

    Args:
        part: its registry name, or the class or function.
        size: S, pixels.
        arguments: its keyword arguments, as a recipe gives them.
        device: where to run it; on a GPU, waiting for it in a training pass is an error too.
        meta: whether to run it on torch's meta device; off for operators that have no meta kernel.

    Raises:
        AssertionError: saying what is wrong.
    """
    subject = Subject("backbone", part, arguments)

    def make() -> nn.Module:
        network = subject.build()
        subject.require(isinstance(network, nn.Module), "it does not give an nn.Module")
        made: nn.Module = network
        return made

    def run(module: nn.Module, images: Tensor) -> Tensor:
        features: Tensor = module(images)
        return features

    with drawn():
        network = make().to(device).eval()
        images = torch.randn(3, 3, size, size).to(device)
    with subject.doing(f"a forward pass on images of {size} x {size} pixels"), torch.no_grad():
        features = run(network, images)
    check_tensor(subject, "the features", features, (3, None), like=images)
    check_rows_apart(subject, network, run, images)
    check_seeded(subject, make, network, run, images)
    with (
        subject.doing("a forward pass on images in the channels-last memory format"),
        torch.no_grad(),
    ):
        laid_out = run(network, images.to(memory_format=torch.channels_last))
    subject.require(
        torch.allclose(features, laid_out, atol=1e-3, rtol=1e-2),
        "images in the channels-last memory format give other features",
    )
    check_copies(subject, make, network, run, images)
    check_gradients(subject, network, run, images)
    with (
        subject.doing("a forward pass under bfloat16 autocast"),
        torch.no_grad(),
        torch.autocast(images.device.type, dtype=torch.bfloat16),
    ):
        half = run(network.eval(), images)
    subject.require(bool(half.isfinite().all()), "under bfloat16 autocast features are not finite")
    if meta:
        check_on_meta(subject, network, run, images)
