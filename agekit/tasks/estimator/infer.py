"""Running an estimator over many faces."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from agekit.data.loader import Batch
from agekit.tasks.estimator.estimate import Estimate
from agekit.tasks.estimator.model import AgeEstimator
from agekit.zoo.config import ImageConfig

__all__ = ["fixed_outputs", "inference", "raw_outputs"]


@torch.no_grad()
def raw_outputs(
    network: AgeEstimator, batches: Iterable[Batch], *, as_trained: bool = False
) -> dict[str, Tensor]:
    """Raw outputs by head for all faces, in order, float32, (N, ...), on the network's device.

    Args:
        network: is put in evaluation mode.
        batches: the faces.
        as_trained: as an offspring learns from them, without the mirror images.
    """
    network.eval()
    ask = network if as_trained else network.forward_tta
    parts: list[dict[str, Tensor]] = [ask(batch.images) for batch in batches]
    return {head: torch.cat([part[head].float() for part in parts]) for head in network.heads}


def inference(network: AgeEstimator) -> tuple[Callable[[Tensor], Estimate], AgeEstimator]:
    """From normalised images (N, 3, S, S) to ages, the mirror images too where it looks at them."""
    return lambda images: network.estimate(network.forward_tta(images)), network


def fixed_outputs(network: AgeEstimator, pictures: Tensor, image: ImageConfig) -> dict[str, Tensor]:
    """Age and interval of each picture, years, (N,) each, for `agekit.zoo.check`.

    Args:
        network: in evaluation mode, on the CPU.
        pictures: (N, S, S, 3) uint8.
        image: how they are normalised; they are not cropped.
    """
    batch = (pictures / 255 - torch.tensor(image.mean)) / torch.tensor(image.std)
    batch = batch.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    estimate = network.estimate(network.forward_tta(batch))
    return {"age": estimate.age, "low": estimate.low, "high": estimate.high}
