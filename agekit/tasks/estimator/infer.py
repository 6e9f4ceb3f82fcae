"""Running an estimator over many faces."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from agekit.data.loader import Batch
from agekit.tasks.estimator.model import AgeEstimator

__all__ = ["raw_outputs"]


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
    ask = network if as_trained else network.look
    parts: list[dict[str, Tensor]] = [ask(batch.images) for batch in batches]
    return {head: torch.cat([part[head].float() for part in parts]) for head in network.heads}
