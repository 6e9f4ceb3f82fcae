"""The checks of a backbone."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from agekit_testkit.checks.modules import check_module, check_tensor, drawn, forward
from agekit_testkit.checks.subject import Part, Subject

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

    with drawn():
        network = make().to(device).eval()
        images = torch.randn(3, 3, size, size).to(device)
    with subject.doing(f"a forward pass on images of {size} x {size} pixels"), torch.no_grad():
        features = forward(network, images)
    check_tensor(subject, "the features", features, (3, None), like=images)
    half = check_module(subject, make, network, images, meta=meta)
    subject.require(bool(half.isfinite().all()), "under bfloat16 autocast features are not finite")
    with (
        subject.doing("a forward pass on images in the channels-last memory format"),
        torch.no_grad(),
    ):
        features = forward(network.eval(), images)
        laid_out = forward(network, images.to(memory_format=torch.channels_last))
    subject.require(
        torch.allclose(features, laid_out, atol=1e-3, rtol=1e-2),
        "images in the channels-last memory format give other features",
    )
