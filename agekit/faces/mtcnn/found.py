"""What the stages hand on to each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Found", "judge"]

_BATCH = 512


@dataclass(frozen=True)
class Found:
    """M boxes in the pictures of one pyramid.

    Attributes:
        owner: (M,) int64, which picture each is in.
        boxes: (M, 4) x0, y0, x1, y1 in pixels.
        scores: (M,) probability of a face.
        points: (M, 5, 2) in pixels; empty, (M, 0, 2), before the last stage.
    """

    owner: Tensor
    boxes: Tensor
    scores: Tensor
    points: Tensor

    def take(self, index: Tensor) -> Found:
        """Some of them, by index or mask."""
        return Found(self.owner[index], self.boxes[index], self.scores[index], self.points[index])


def judge(
    network: Callable[[Tensor], tuple[Tensor, ...]], crops: Sequence[Tensor]
) -> list[tuple[Tensor, ...]]:
    """What a network says of the crops of each pyramid; the crops of all run together.

    Args:
        network: from (M, 3, side, side) to tensors of M rows.
        crops: (M, 3, side, side) of each pyramid.

    Returns:
        The tensors for each pyramid.
    """
    together = torch.cat(list(crops)).contiguous(memory_format=torch.channels_last)
    parts = [network(batch) for batch in torch.split(together, _BATCH)]
    counts = [len(c) for c in crops]
    columns = [torch.split(torch.cat(column), counts) for column in zip(*parts, strict=True)]
    return list(zip(*columns, strict=True))
