"""Ageing a face by the difference of two prototypes: a network of plain operations.

After Burt and Perrett, "Perception of age in adult Caucasian male faces" (Proceedings of the Royal
Society B 1995), who add the difference of two groups' mean faces, and Tiddeman, Burt and Perrett
(IEEE Computer Graphics and Applications 2001), who scale each band of detail by the ratio of the
groups' local energies; the shape is moved by the difference of the groups' mean shapes, as all of
them do.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any, ClassVar

import numpy as np
import torch
from agekit_ager import MovingGenerator
from torch import Tensor

from agekit.errors import ConfigError
from agekit.faces.align import frame as five_points
from agekit.faces.align import standard
from agekit_prototypes.bands import (
    SCALES,
    blur,
    core_of,
    eyes,
    forehead,
    mouth,
    normalise,
    oval,
    split,
    step,
    to_rgb,
    to_ycc,
)

__all__ = ["DECADES", "NODES", "PrototypeAger", "interpolation", "moved_by"]

NODES = tuple(float(age) for age in range(0, 90, 5))
"""The ages of the prototypes, years."""
DECADES = tuple(float(age) for age in range(0, 90, 10))
"""The ages between which the strength is calibrated, years."""
GRID = 16
"""Side of what the gender is read from, pixels."""
BANDS = len(SCALES)
LEAST, MOST = 0.35, (1.4, 2.0, 2.2, 2.2)
"""Between which ratios of energies a band is scaled, finest first."""
UNUSUAL = 2.5
"""Usual sizes beyond which detail is the person's own, such as glasses, and is not scaled more."""
COLOUR, MOST_COLOUR = 1.2, 0.06
"""The share of the prototypes' difference of colour that is taken, and the most of it."""

MOST_SHADE = 0.1
"""The most by which the lowest band changes, of a face of contrast 0.15."""
MOST_LINE = 0.07
"""Likewise, by the difference of the means, each band of detail: eyes are not to turn black."""
CALM = 0.5
"""The most of the prototypes' difference of light and of lines that eyes take: those of mean faces
are one dark place, and more of it is a hole."""
MOUTH, SOON = 0.65, 10.0
"""The share of detail that a mouth does not get as it grows older, and the years by which it is so:
lines of closed mouths fall on teeth, and shade an open one black."""
MOST_SHAPE = 3.0
"""The most of the prototypes' difference of shape that is taken."""


def interpolation(ages: Tensor, nodes: Sequence[float]) -> Tensor:
    """The weights of evenly spaced nodes at ages; beyond the ends the end counts.

    Args:
        ages: (N,) years.
        nodes: K, ascending.

    Returns:
        (N, K), rows of sum 1.
    """
    at = torch.tensor(nodes, dtype=ages.dtype, device=ages.device)
    apart = nodes[1] - nodes[0]
    inside = ages.clamp(nodes[0], nodes[-1])
    return (1 - (inside[:, None] - at).abs() / apart).clamp(min=0)


class PrototypeAger(MovingGenerator):
    """Makes faces any age.

    All that it knows is in its buffers, the left half of each field; the right one is its mirror.

    Args:
        margin: of the chips it ages, around the standard frame.
        side: of the mean faces, pixels; a multiple of 8.
    """

    takes_ages: ClassVar[bool] = True
    may_lack: ClassVar[tuple[str, ...]] = ("shape",)
    """What models of earlier versions have not, so that `agekit zoo verify` does not miss it."""
    reach: ClassVar[tuple[float, float] | None] = (NODES[0], NODES[-1])
    means: Tensor
    energies: Tensor
    shape: Tensor
    strength: Tensor
    gender: Tensor
    bias: Tensor

    def __init__(self, margin: float = 0.05, side: int = 96) -> None:
        super().__init__()
        if side < 16 or side % 8:
            raise ConfigError(f"generator.side: must be a multiple of 8 from 16 on (got {side})")
        self.frame = standard(margin)
        self.points = five_points(margin)
        shape = (2, len(NODES), 3, side, side // 2)
        coarse = (2, len(NODES), BANDS + 1, side // 4, side // 8)
        self.register_buffer("means", torch.zeros(shape, dtype=torch.float16))
        self.register_buffer("energies", torch.zeros(coarse, dtype=torch.float16))
        shape = (2, len(NODES), 2, side // 4, side // 8)
        self.register_buffer("shape", torch.zeros(shape, dtype=torch.float16))
        self.register_buffer("strength", torch.ones(len(DECADES), len(DECADES)))
        self.register_buffer("gender", torch.zeros(3 * GRID * GRID))
        self.register_buffer("bias", torch.zeros(1))

    @property
    def eyes(self) -> float:
        """The distance of the eyes, as a share of the side."""
        return float(np.linalg.norm(self.points[1] - self.points[0]))

    def changed(
        self, images: Tensor, age: Tensor, to: Tensor, strength: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Ages faces, and says where what they show lay.

        Args:
            images: (N, 3, S, S) RGB from -1 to 1.
            age: (N,) how old they look, years.
            to: (N,) how old they are to look, years.
            strength: (N,) how much of the prototypes' difference to apply; None takes what was
                calibrated.

        Returns:
            (N, 3, S, S) from -1 to 1, and (N, 2, S, S) as `MovingGenerator.changed`.
        """
        size = images.shape[-1]
        far = oval(self.points, size, images.device)[None, None]
        weight = core_of(far)
        x, scale = normalise(to_ycc((images + 1) / 2), weight)
        if strength is None:
            strength = self.calibrated(age, to)
        s = strength[:, None, None, None]
        calm = eyes(self.points, size, images.device)
        tone = s - calm * (s - CALM).clamp(min=0)
        older = ((to - age) / SOON).clamp(0, 1)[:, None, None, None]
        part = 1 - MOUTH * older * mouth(self.points, size, images.device)
        women = self.women(x, far)
        before, energy = self._at(age, women, size)
        after, later = self._at(to, women, size)
        core = weight / weight.sum()
        shift = (after - before) * forehead(self.points, size, images.device)
        every = torch.cat([x[:, :1], before[:, :1], shift[:, :1]], 1)
        bands = split(every, self.eyes * size)
        change = torch.zeros_like(x[:, :1])
        for k, band in enumerate(bands[:-1]):
            own, usual, gain = band[:, :1], band[:, 1:2], band[:, 2:]
            spread = (energy[:, k : k + 1] / 2).exp()
            expected = (spread.square() + usual.square()).sqrt()
            share = _share(own, expected, core)
            ratio = ((later - energy)[:, k : k + 1] * s / 2).clamp(log(LEAST), log(MOST[k]))
            most = UNUSUAL * expected
            detail = torch.maximum(torch.minimum(own, most), -most)
            line = MOST_LINE * (tone * share * gain / MOST_LINE).tanh()
            change = change + part * ((ratio.exp() - 1) * detail + line)
        own, usual, gain = (bands[-1][:, k : k + 1] for k in range(3))
        off = (own - usual).square() / energy[:, -1:].exp().clamp(min=1e-4)
        gain = (gain - (gain * core).sum((2, 3), keepdim=True)) / (1 + off / 4)
        change = change + MOST_SHADE * (tone.clamp(max=1.5) * gain / MOST_SHADE).tanh()
        colour = COLOUR * _share(x[:, 1:], before[:, 1:], core)
        tint = (colour * s.clamp(max=1) * shift[:, 1:]).clamp(-MOST_COLOUR, MOST_COLOUR)
        tint = tint - (tint * core).sum((2, 3), keepdim=True)
        whole = to_rgb(torch.cat([change, tint], 1) * scale)
        aged = images + 2 * self.mask(x, far) * whole
        away = self.shape_at(age, women, size) - self.shape_at(to, women, size)
        moved = away * step(far, 0.95, 1.2) * s.clamp(max=MOST_SHAPE)
        return moved_by(aged, moved).clamp(-1, 1), moved

    def calibrated(self, age: Tensor, target: Tensor) -> Tensor:
        """(N,) the strength at which faces come to look as old as they are to look."""
        have, want = interpolation(age, DECADES), interpolation(target, DECADES)
        return torch.einsum("na,ab,nb->n", have, self.strength, want)

    def women(self, x: Tensor, far: Tensor) -> Tensor:
        """(N,) how probable it is that normalised faces are women's: a linear discriminant."""
        return torch.sigmoid(self.seen_small(x, far) @ self.gender + self.bias)

    def seen_small(self, x: Tensor, far: Tensor) -> Tensor:
        """(N, 3 * GRID * GRID) what genders are told by: normalised faces, small; see `mask`."""
        small = torch.nn.functional.interpolate(x * step(far, 0.95, 1.1), (GRID, GRID), mode="area")
        return small.flatten(1)

    def mask(self, x: Tensor, far: Tensor) -> Tensor:
        """(N, 1, S, S) where faces are: an oval, less what is not coloured like skin near its edge.

        Args:
            x: (N, 3, S, S) normalised.
            far: (1, 1, S, S) of `oval`.
        """
        smooth = blur(x, SCALES[1] * self.eyes * x.shape[-1])
        off = (smooth[:, :1] / 0.25).square() + (smooth[:, 1:] / 0.035).square().sum(1, True)
        skin = torch.exp(-0.5 * (off - 1).clamp(min=0))
        inner = step(far, 0.55, 0.85)
        return step(far, 0.9, 1.15) * (inner + (1 - inner) * skin)

    def shape_at(self, ages: Tensor, women: Tensor, size: int) -> Tensor:
        """(N, 2, S, S) where what the common frame shows lies in faces of ages, off by shares."""
        weight, both = interpolation(ages, NODES), torch.stack([1 - women, women], 1)
        half = torch.einsum("ng,nk,gkcyx->ncyx", both, weight, self.shape.float())
        mirror = half.new_tensor([-1.0, 1.0])[:, None, None]
        return _enlarged(torch.cat([half, half.flip(-1) * mirror], -1), size)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Models made before shapes were known move nothing."""
        state_dict.setdefault(f"{prefix}shape", torch.zeros_like(self.shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def _at(self, ages: Tensor, women: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """The mean faces (N, 3, S, S) and logarithms of energies (N, 5, S, S) of ages."""
        weight = interpolation(ages, NODES)
        both = torch.stack([1 - women, women], 1)
        out = []
        for field in (self.means, self.energies):
            half = torch.einsum("ng,nk,gkcyx->ncyx", both, weight, field.float())
            full = torch.cat([half, half.flip(-1)], -1)
            out.append(_enlarged(full, size))
        return out[0], out[1]


def moved_by(images: Tensor, moved: Tensor) -> Tensor:
    """Images (N, C, S, S) with, at each place, what lay there plus `moved` (N, 2, S, S)."""
    ticks = (torch.arange(images.shape[-1], device=images.device) + 0.5) / images.shape[-1]
    right, down = moved.float().unbind(1)
    at = torch.stack([ticks + right, ticks[:, None] + down], -1)
    made = torch.nn.functional.grid_sample(
        images.float(), 2 * at - 1, mode="bicubic", padding_mode="border", align_corners=False
    )
    return torch.where((moved == 0).all(1, keepdim=True), images, made.to(images))


def _enlarged(fields: Tensor, size: int) -> Tensor:
    return torch.nn.functional.interpolate(
        fields, (size, size), mode="bilinear", align_corners=False
    )


def _share(own: Tensor, usual: Tensor, core: Tensor) -> Tensor:
    """(N, 1, 1, 1) how much there is in photos of what there usually is, at most all of it."""
    there, whole = ((x.square() * core).sum((1, 2, 3), keepdim=True) for x in (own, usual))
    return (there / whole.clamp(min=1e-8)).sqrt().clamp(max=1)
