"""Moving, squaring and thinning out boxes: (M, 4) of x0, y0, x1, y1."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import box_area, nms  # type: ignore[import-untyped]

__all__ = ["keep_apart", "keep_uncovered", "shifted", "squared"]


def shifted(boxes: Tensor, shifts: Tensor) -> Tensor:
    """Moves each edge by its shift (M, 4), given in widths and heights of the box."""
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    return boxes + shifts * sides


def squared(boxes: Tensor) -> Tensor:
    """The squares about the same centres with each box's longer side."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1, keepdim=True) / 2
    return torch.cat([centre - half, centre + half], dim=1)


def keep_apart(boxes: Tensor, scores: Tensor, owner: Tensor, overlap: float) -> Tensor:
    """Which boxes stay when the better ones put out the worse that they overlap too much.

    The pictures' boxes are laid out side by side in double precision, so that one picture's
    result does not depend on the others.

    Args:
        boxes: (M, 4).
        scores: (M,).
        owner: (M,) int64, the picture of each box.
        overlap: the largest intersection over union that two may have.

    Returns:
        Their indices, the best first.
    """
    if not len(boxes):
        return owner
    boxes = boxes.double()
    span = boxes.max() - boxes.min() + 1
    kept: Tensor = nms(boxes + (owner * span)[:, None], scores.double(), overlap)
    return kept


def keep_uncovered(boxes: Tensor, scores: Tensor, owner: Tensor, overlap: float) -> Tensor:
    """As `keep_apart`, with the intersection over the smaller box: for a few boxes a picture.

    So a small box goes too where a larger one, or one inside it, is better.
    """
    place = owner.device
    boxes, scores, owner = boxes.cpu(), scores.cpu(), owner.cpu()
    kept: list[int] = []
    for one in sorted(set(owner.tolist())):
        mine = (owner == one).nonzero()[:, 0]
        mine = mine[scores[mine].argsort(descending=True, stable=True)]
        kept += [int(mine[i]) for i in _greedy(boxes[mine], overlap)]
    return torch.tensor(kept, dtype=torch.long, device=place)


def _greedy(boxes: Tensor, overlap: float) -> list[int]:
    """Goes through the boxes, best first, and keeps those that no kept one covers."""
    low = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    area = box_area(boxes)
    common = (high - low).clamp(min=0).prod(dim=2)
    clash = common > overlap * torch.minimum(area[:, None], area)
    kept: list[int] = []
    for i in range(len(boxes)):
        if not clash[i, kept].any():
            kept.append(i)
    return kept
