"""Many small networks of one shape on the same images, run as one."""

from __future__ import annotations

from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["BinaryCnns", "GroupedLinear"]


class GroupedLinear(nn.Module):
    """A fully connected layer of its own for each of several groups.

    Args:
        groups: G.
        inside: the length of a group's input, I.
        outside: the length of a group's output, O.
    """

    def __init__(self, groups: int, inside: int, outside: int) -> None:
        super().__init__()
        bound = 1 / sqrt(inside)
        self.weight = nn.Parameter(torch.empty(groups, outside, inside).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(groups, outside).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """(N, G, I) to (N, G, O)."""
        return torch.einsum("ngi,goi->ngo", x, self.weight) + self.bias


def _pool(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, 2, ceil_mode=True)


class BinaryCnns(nn.Module):
    """G networks that share no weight: images (N, 3, S, S) to two logits each, (N, G, 2).

    Each is Ranking-CNN's (Chen et al., CVPR 2017; the authors' Caffe files): convolutions of 96
    filters at 7 x 7 with stride 4, 256 at 5 x 5 and 384 at 3 x 3, each followed by ReLU and a 3 x 3
    maximum with stride 2 (rounded up, as Caffe does), the first two also by local response
    normalisation; two fully connected layers of 512 with ReLU and dropout; two outputs. Network g
    owns the g-th share of every layer's channels.

    Args:
        groups: G.
        side: S in pixels.
        width: the number of filters and units times this.
        dropout: the share of units left out in training.
    """

    def __init__(self, groups: int, side: int, width: float = 1.0, dropout: float = 0.5) -> None:
        super().__init__()
        a, b, c, d = (max(1, round(full * width)) for full in (96, 256, 384, 512))
        self.groups = groups
        self.dropout = dropout
        self.conv1 = nn.Conv2d(3, groups * a, 7, stride=4)
        self.conv2 = nn.Conv2d(groups * a, groups * b, 5, padding=2, groups=groups)
        self.conv3 = nn.Conv2d(groups * b, groups * c, 3, padding=1, groups=groups)
        self.fc1 = GroupedLinear(groups, c * self._left(side) ** 2, d)
        self.fc2 = GroupedLinear(groups, d, d)
        self.fc3 = GroupedLinear(groups, d, 2)

    @staticmethod
    def _left(side: int) -> int:
        """The side of the last map, in pixels."""
        side = (side - 7) // 4 + 1
        for _ in range(3):
            side = (side - 2) // 2 + 1
        return side

    def _local_response(self, x: Tensor) -> Tensor:
        apart = x.reshape(x.shape[0] * self.groups, -1, *x.shape[2:])
        return F.local_response_norm(apart, 5, alpha=1e-4, beta=0.75).reshape(x.shape)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, S, S) to logits (N, G, 2)."""
        x = self._local_response(_pool(F.relu(self.conv1(images))))
        x = self._local_response(_pool(F.relu(self.conv2(x))))
        x = _pool(F.relu(self.conv3(x)))
        y = x.reshape(x.shape[0], self.groups, -1)
        for layer in (self.fc1, self.fc2):
            y = F.dropout(F.relu(layer(y)), self.dropout, self.training)
        logits: Tensor = self.fc3(y)
        return logits
