"""Mean faces and local energies as smooth functions of age, by gender."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agekit_prototypes.bands import SCALES, blur, core_of, normalise, oval, split, to_ycc
from agekit_prototypes.network import NODES, PrototypeAger

__all__ = ["Statistics", "kernel", "logistic", "shares"]

WIDTH = 5.0
"""Deviation of the kernel over ages, years."""
FEW = 12.0
"""Faces of one group near an age that are to count as much as more of another."""
FLOOR = 1e-6
"""The least energy."""
RIDGE = 5e-4
"""Of the discriminant of genders."""
NEWTON = 8
"""Steps, of which the last few change nothing any more."""
FEATHER = 0.3
"""Over what width faces that end at a picture's edge cease to count, in distances of the eyes."""


def kernel(ages: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much faces of ages count at each node: (N, K), 0 beyond two deviations."""
    away = (np.array(NODES) - ages[:, None]) / WIDTH
    return np.where(np.abs(away) > 2, 0.0, np.exp(-0.5 * away**2))


def shares(
    ages: NDArray[np.float64], genders: NDArray[np.int64], groups: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How much each face counts in each prototype, all groups alike.

    Old faces of a dataset are of other people than young ones: without it the difference of two
    ages would be that of two peoples as well. A group with hardly a face near an age counts less.

    Args:
        ages: (N,) years.
        genders: (N,) 0 male, 1 female, -1 unknown: counts half in both.
        groups: (N,) any codes.

    Returns:
        (2, K, N), of gender, node and face.
    """
    near = kernel(ages).T
    out = np.zeros((2, *near.shape))
    for gender in (0, 1):
        mine = near * np.where(genders == gender, 1.0, np.where(genders < 0, 0.5, 0.0))
        for group in np.unique(groups):
            here = groups == group
            count = mine[:, here].sum(1, keepdims=True)
            out[gender][:, here] = mine[:, here] / np.maximum(count, FEW)
    return out


class Statistics:
    """Sums over faces, from which an ager's prototypes are made.

    Args:
        ager: what is to learn them; gives the frame.
        size: side of the faces, pixels.
    """

    def __init__(self, ager: PrototypeAger, size: int) -> None:
        self.ager = ager
        self.size = size
        rows = 2 * len(NODES)
        self._far = oval(ager.points, size)[None, None]
        self._core = core_of(self._far)
        bands = len(SCALES) + 1
        self._weight = torch.zeros(rows, size * size)
        self._sum = torch.zeros(rows, 3 * size * size)
        self._square = torch.zeros(rows, bands * size * size)
        self._small: list[Tensor] = []
        self._gender: list[Tensor] = []

    def add(
        self,
        faces: NDArray[np.uint8],
        seen: NDArray[np.bool_],
        share: NDArray[np.float64],
        gender: NDArray[np.int64],
    ) -> None:
        """Adds a batch.

        Args:
            faces: (N, S, S, 3) RGB.
            seen: (N, s, s) where there is a picture, and no mirror image beyond its edge.
            share: (2, K, N) of `shares`.
            gender: (N,) 0 male, 1 female, -1 unknown.
        """
        pixels = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
        there = torch.nn.functional.interpolate(
            torch.from_numpy(seen)[:, None].float(), (self.size, self.size), mode="area"
        )
        there = ((blur(there, FEATHER * self.ager.eyes * self.size) - 0.5) * 2).clamp(0, 1)
        x, _ = normalise(to_ycc(pixels), self._core * there + 1e-4)
        bands = torch.cat(split(x[:, :1], self.ager.eyes * self.size), 1)
        weight = torch.from_numpy(share.reshape(-1, len(faces))).float()
        self._weight += weight @ there.flatten(1)
        self._sum += weight @ (x * there).flatten(1)
        self._square += weight @ (bands.square() * there).flatten(1)
        self._small.append(self.ager.seen_small(x, self._far))
        self._gender.append(torch.from_numpy(gender))

    def finish(self) -> None:
        """Gives the ager its mean faces, its energies and what it tells genders by."""
        s, k = self.size, len(NODES)
        weight = self._weight.reshape(2 * k, 1, s, s)
        filled = weight.clamp(min=1e-6)
        mean = self._sum.reshape(2 * k, 3, s, s) / filled
        bands = torch.cat(split(mean[:, :1], self.ager.eyes * s), 1)
        energy = self._square.reshape(2 * k, -1, s, s) / filled - bands.square()
        eyes = self.ager.eyes * s
        smooth = []
        for band, scale in enumerate((*SCALES, SCALES[-1])):
            wide = max(3 * SCALES[0], 1.5 * scale) * eyes
            part = energy[:, band : band + 1].clamp(min=0) * weight
            smooth.append(blur(part, wide) / blur(weight, wide).clamp(min=1e-6))
        energies = torch.cat(smooth, 1).clamp(min=FLOOR).log()
        for field, target in ((mean, self.ager.means), (energies, self.ager.energies)):
            even = (field + field.flip(-1)) / 2
            small = torch.nn.functional.interpolate(
                even, (target.shape[-2], target.shape[-2]), mode="area"
            )
            target.copy_(small[..., : target.shape[-1]].reshape(target.shape).half())
        self._tell_genders()

    def _tell_genders(self) -> None:
        """What genders are told by, from the faces of which they are known, if of both."""
        small, gender = torch.cat(self._small).double(), torch.cat(self._gender)
        known = gender >= 0
        if len(set(gender[known].tolist())) < 2:
            return
        slope, bias = logistic(small[known], gender[known].double())
        self.ager.gender.copy_(slope)
        self.ager.bias.copy_(bias)


def logistic(x: Tensor, y: Tensor, ridge: float = RIDGE) -> tuple[Tensor, Tensor]:
    """Logistic regression with a ridge, both classes alike, by Newton's method.

    Args:
        x: (N, F) float64.
        y: (N,) 0 or 1, both of them.
        ridge: a half of the penalty on the slope's square, a face.

    Returns:
        The slope (F,) and the bias (1,).
    """
    ones = torch.cat([x, torch.ones_like(x[:, :1])], 1)
    weight = torch.where(y > 0, 0.5 / y.mean(), 0.5 / (1 - y.mean())) / len(y)
    penalty = torch.full_like(ones[0], 2 * ridge)
    penalty[-1] = 1e-9
    w = torch.zeros_like(ones[0])
    for _ in range(NEWTON):
        p = torch.sigmoid(ones @ w)
        slope = ones.T @ (weight * (p - y)) + penalty * w
        curve = (ones.T * (weight * (p * (1 - p)).clamp(min=1e-6))) @ ones
        w = w - torch.linalg.solve(curve + torch.diag(penalty), slope)
    return w[:-1], w[-1:]
